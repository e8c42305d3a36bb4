//! The files that spin.toml mounts into a component (`files = [..]`), read-only.

use bytes::Bytes;

use crate::Result;

/// The contents of a mounted file, or `None` if there is none at this path.
///
/// A path has `/` between its parts, and each is a plain name: with `..`, `.`, a backslash or a NUL in it there is
/// no such file, whatever is asked for and by whom.
///
/// ```
/// # async fn f() -> tidegate::Result<()> {
/// let catalogue = tidegate::files::read("/catalogue.json").await?;
/// # Ok(()) }
/// ```
pub async fn read(path: &str) -> Result<Option<Bytes>> {
    if !is_plain(path) {
        return Ok(None);
    }
    crate::platform::read_file(path).await
}

fn is_plain(path: &str) -> bool {
    path.split('/')
        .skip(usize::from(path.starts_with('/')))
        .all(|part| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_files() {
        for path in ["/a", "a/b.svg", "/a/..b", "/a b"] {
            assert!(is_plain(path), "{path}");
        }
        for path in ["", "/", "/..", "/a/../b", "//a", "/a/", "/./a", "/a\\b", "/a\0"] {
            assert!(!is_plain(path), "{path}");
        }
    }

    #[crate::test]
    async fn a_missing_file_is_none() {
        crate::test::mount("/greeting.txt", "hi");
        assert_eq!(read("/greeting.txt").await.unwrap().as_deref(), Some(&b"hi"[..]));
        assert_eq!(read("/other.txt").await.unwrap(), None);
    }
}
