//! The path and query that a destination sees.

use http::uri::PathAndQuery;
use tidegate_core::RequestView;

use super::Rewrite;
use crate::Captured;
use crate::dots::has_dot_segment;
use crate::percent::{is_in_path, push_encoded};

/// Why a request has no place at the destination. Each is the client's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The path would have `.` or `..` as a segment, or what lenient servers take for one. It could lead out of where
    /// the route is meant to lead.
    #[error("the rewritten path {path:?} has a dot segment")]
    DotSegment {
        /// That path.
        path: String,
    },
    /// Longer than any target may be here.
    #[error("the rewritten target of {len} bytes is too long")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
}

pub(super) fn target(
    rewrite: &Rewrite,
    request: &RequestView<'_>,
    captured: &Captured<'_, '_>,
) -> Result<Option<PathAndQuery>, TargetError> {
    let path = match request.path.starts_with('/') {
        true => path(rewrite, request, captured),
        false => return Ok(None),
    };
    if path.is_none() && rewrite.query.is_empty() {
        return Ok(None);
    }
    let mut target = path.unwrap_or_else(|| encoded(request.path));
    let path_len = target.len();
    rewrite.query.push(request.query, &mut target);
    if is_unchanged(&target, request) {
        return Ok(None);
    }
    if is_dotted(&target[..path_len]) {
        target.truncate(path_len);
        return Err(TargetError::DotSegment { path: target });
    }
    let len = target.len();
    // Only a length over 65,534 can be wrong: every byte was looked at.
    PathAndQuery::try_from(target).map(Some).map_err(|_| TargetError::TooLong { len })
}

/// The path that the destination sees, if it is another one.
fn path(rewrite: &Rewrite, request: &RequestView<'_>, captured: &Captured<'_, '_>) -> Option<String> {
    let path = match (&rewrite.path, &rewrite.strip_prefix) {
        (Some(template), _) => template.expand(request, captured),
        (None, Some(prefix)) => {
            let rest = request.path.strip_prefix(prefix.trim_end_matches('/'))?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.to_owned())?
        }
        (None, None) => return None,
    };
    Some(encoded(&format!("/{}", path.trim_start_matches('/'))))
}

fn encoded(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    push_encoded(&mut encoded, path, is_in_path);
    encoded
}

fn is_unchanged(target: &str, request: &RequestView<'_>) -> bool {
    let query = target.strip_prefix(request.path);
    query.is_some_and(|query| match request.query {
        Some(sent) => query.strip_prefix('?') == Some(sent),
        None => query.is_empty(),
    })
}

/// Whether the path has a dot segment, also for servers that take off what follows a semicolon first.
fn is_dotted(path: &str) -> bool {
    has_dot_segment(path, b"/\\;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dot_segments() {
        let table = [
            (false, &["/", "/a", "/a.b/..c/d../...", "/a;..", "/%2e%2e%2e", "/a%252e", "/.%", "/a/.b;/;x", "//"][..]),
            (true, &["/.", "/..", "/a/../b", "/./", "/%2e", "/a/%2E./b", "/.%2e", "/a%2f..%2Fb", "/..%5cb", "/..\\b"]),
            (true, &["/..;a=b/c", "/.;", "/a/..;", "/%2e%2e;x/"]),
        ];
        for (expected, paths) in table {
            for path in paths {
                assert_eq!(is_dotted(path), expected, "{path}");
            }
        }
    }
}
