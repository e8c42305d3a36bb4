//! Dot segments: paths that mean something else to whoever resolves them (RFC 3986 section 5.2.4).

/// Whether a path has a segment `.` or `..`, written plainly or percent-encoded.
///
/// Clients resolve them before they send (RFC 9110 section 4.2.3), so none comes by accident. `%2f`, `\` and `%5c`
/// count as slashes here, for there are upstreams to which they are.
pub(super) fn has_dot_segment(path: &str) -> bool {
    tidegate_route::has_dot_segment(path, b"/\\")
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
