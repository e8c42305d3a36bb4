//! What a stored response is found by.

use std::fmt;
use std::sync::Arc;

/// The effective URI of a request, whatever its method: `https://shop.example/p/1?x=1`. Cheap to clone.
///
/// Of a route that is split, the name of the part that answers stands behind a `#`, which no target of a request has:
/// the answers of a canary are not given to others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key(Arc<str>);

impl Key {
    /// The key for a target (path and query) of a host, which is in lower case and has a port only if it is not the
    /// scheme's own.
    pub fn new(is_https: bool, host: &str, target: &str, part: Option<&str>) -> Self {
        let scheme = if is_https { "https://" } else { "http://" };
        let (mark, part) = part.map_or(("", ""), |part| ("#", part));
        let mut text = String::with_capacity(scheme.len() + host.len() + target.len() + mark.len() + part.len());
        for piece in [scheme, host, target, mark, part] {
            text.push_str(piece);
        }
        Self(text.into())
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_effective_uris() {
        assert_eq!(Key::new(true, "shop.example", "/p/1?x=1", None).as_str(), "https://shop.example/p/1?x=1");
        assert_eq!(Key::new(false, "[::1]:8080", "/", Some("canary")).as_str(), "http://[::1]:8080/#canary");
    }
}
