//! Dot segments: paths that mean something else to whoever resolves them (RFC 3986 section 5.2.4).

/// Whether a path has a segment `.` or `..`, written plainly or percent-encoded.
///
/// Clients resolve them before they send (RFC 9110 section 4.2.3), so none comes by accident. `%2f`, `\` and `%5c`
/// count as slashes here, for there are upstreams to which they are.
pub(super) fn has_dot_segment(path: &str) -> bool {
    let mut dots = Some(0);
    let mut rest = path.as_bytes();
    loop {
        let (length, piece) = next(rest);
        match piece {
            Piece::Dot => dots = dots.map(|dots| dots + 1),
            Piece::Other => dots = None,
            Piece::Slash | Piece::End => {
                if matches!(dots, Some(1 | 2)) {
                    return true;
                }
                dots = Some(0);
            }
        }
        if piece == Piece::End {
            return false;
        }
        rest = &rest[length..];
    }
}

#[derive(PartialEq, Eq)]
enum Piece {
    Dot,
    Slash,
    Other,
    End,
}

fn next(path: &[u8]) -> (usize, Piece) {
    match path {
        [] => (0, Piece::End),
        [b'.', ..] => (1, Piece::Dot),
        [b'/' | b'\\', ..] => (1, Piece::Slash),
        [b'%', b'2', b'e' | b'E', ..] => (3, Piece::Dot),
        [b'%', b'2', b'f' | b'F', ..] | [b'%', b'5', b'c' | b'C', ..] => (3, Piece::Slash),
        _ => (1, Piece::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_in_disguise() {
        let dotted = [
            "/.",
            "/..",
            "/a/./b",
            "/a/../b",
            "/a/..",
            "/%2e",
            "/%2E%2e/a",
            "/.%2e",
            "/a/%2e./b",
            "/..%2fetc",
            "/..\\a",
            "/a%5c..%5Cb",
            "/a/..%2F",
        ];
        for path in dotted {
            assert!(has_dot_segment(path), "{path}");
        }
        for path in
            ["/", "/a.b", "/.well-known/x", "/...", "/..a", "/a..", "/a/%2e%2e%2e/b", "//", "/%2", "/%252e", "/.a/."]
        {
            assert_eq!(has_dot_segment(path), path == "/.a/.", "{path}");
        }
    }
}
