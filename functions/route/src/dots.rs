//! Dot segments: paths that mean something else to whoever resolves them (RFC 3986 section 5.2.4).

use tidegate_core::next_decoded;

/// Whether a path has a segment `.` or `..`, or has so for servers that decode dots, slashes and backslashes first.
///
/// `ends` are the bytes that end such a segment: the slash, and what there are servers to take for one, or to take off
/// from there on.
pub fn has_dot_segment(path: &str, ends: &[u8]) -> bool {
    let mut rest = path.as_bytes();
    // How many dots the segment consists of so far; None: of something else, too.
    let mut dots = Some(0);
    while let Some((byte, behind)) = next_decoded(rest) {
        rest = behind;
        match byte {
            b'.' => dots = dots.map(|dots| dots + 1),
            end if ends.contains(&end) && matches!(dots, Some(1 | 2)) => return true,
            b'/' | b'\\' => dots = Some(0),
            _ => dots = None,
        }
    }
    matches!(dots, Some(1 | 2))
}
