//! References to the same origin, resolved (RFC 3986 section 5.2).

use crate::purge::origin;

/// What a reference means at this URL, without a fragment. None: it leads to another origin (RFC 9110 section 4.3.1), or
/// one of them is no http or https URL.
pub(super) fn resolve(base: &str, reference: &str) -> Option<String> {
    let base = Url::parse(base)?;
    let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
    let target = if has_scheme(reference) {
        base.target_of(reference)?
    } else if reference.starts_with("//") {
        let scheme = base.origin.split_once("//").map_or("", |(scheme, _)| scheme);
        base.target_of(&format!("{scheme}{reference}"))?
    } else {
        base.relative(reference)
    };
    let (path, query) = split_query(&target);
    Some(format!("{}{}{query}", base.origin, without_dot_segments(path)))
}

/// An absolute URL in its parts.
struct Url<'a> {
    /// Scheme, host and port.
    origin: String,
    /// Path and query.
    target: &'a str,
}

impl<'a> Url<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let origin = origin(text)?;
        let (_, rest) = text.split_once("://")?;
        let target = rest.find(['/', '?', '#']).map_or("", |end| &rest[end..]);
        Some(Self { origin, target: target.split_once('#').map_or(target, |(before, _)| before) })
    }

    /// Path and query of a URL on the same origin.
    fn target_of(&self, absolute: &str) -> Option<String> {
        let url = Url::parse(absolute)?;
        (url.origin == self.origin).then(|| url.target.to_owned())
    }

    /// Path and query of a reference that has neither scheme nor authority (RFC 3986 sections 5.2.2 and 5.2.3).
    fn relative(&self, reference: &str) -> String {
        let (path, _) = split_query(self.target);
        let before = match reference.as_bytes().first() {
            None => self.target,
            Some(b'/') => "",
            Some(b'?') => path,
            Some(_) => path.rfind('/').map_or("/", |slash| &path[..=slash]),
        };
        format!("{before}{reference}")
    }
}

/// Whether a reference begins with a scheme (RFC 3986 section 3.1).
fn has_scheme(reference: &str) -> bool {
    let is_of_scheme = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    reference.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|first: char| first.is_ascii_alphabetic()) && scheme.bytes().all(is_of_scheme)
    })
}

/// The path, and the query with its question mark.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// RFC 3986 section 5.2.4, of the path of an absolute URL; an empty one is `/`.
fn without_dot_segments(path: &str) -> String {
    let mut kept = Vec::new();
    let mut is_directory = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        is_directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => _ = kept.pop(),
            segment => kept.push(segment),
        }
    }
    if is_directory {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 3986 sections 5.4.1 and 5.4.2, less what leads elsewhere.
    #[test]
    fn references() {
        let table = [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("g?y#s", "/b/c/g?y"),
            (";x", "/b/c/;x"),
            ("g;x", "/b/c/g;x"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"),
            ("../", "/b/"),
            ("../g", "/b/g"),
            ("../..", "/"),
            ("../../g", "/g"),
            ("../../../g", "/g"),
            ("../../../../g", "/g"),
            ("/./g", "/g"),
            ("/../g", "/g"),
            ("g.", "/b/c/g."),
            ("..g", "/b/c/..g"),
            ("./../g", "/b/g"),
            ("./g/.", "/b/c/g/"),
            ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"),
            ("g?y/./x", "/b/c/g?y/./x"),
            ("g#s/../x", "/b/c/g"),
            ("//a", "/"),
            ("//a?y", "/?y"),
            ("//a/x/../y", "/y"),
            ("http://a/g", "/g"),
            ("HTTP://A:80/g?y=:", "/g?y=:"),
            ("http://a:/g", "/g"),
            ("http://a", "/"),
            ("http://a#s", "/"),
            ("./g:h", "/b/c/g:h"),
            ("/g:h", "/g:h"),
            ("?y=http://b/", "/b/c/d;p?y=http://b/"),
        ];
        for (reference, expected) in table {
            let url = resolve("http://a/b/c/d;p?q", reference);
            assert_eq!(url.as_deref(), Some(&*format!("http://a{expected}")), "{reference}");
        }
    }

    /// RFC 9110 section 4.3.1: scheme, host and port make the origin.
    #[test]
    fn other_origins() {
        let table = [
            ("http://a/b", "https://a/b"),
            ("http://a/b", "http://b/b"),
            ("http://a/b", "http://a:8080/b"),
            ("http://a/b", "//b/b"),
            ("http://a/b", "http://a@b/b"),
            ("http://a/b", "http://b@a/b"),
            ("http://a/b", "http://a:99999/b"),
            ("http://a/b", "http:///b"),
            ("http://a/b", "http:b"),
            ("http://a/b", "mailto:b"),
            ("http://a/b", "ftp://a/b"),
            ("ftp://a/b", "/b"),
            ("http://[::1]/b", "http://[::2]/b"),
            ("http://[::1]:81/b", "http://[::1]/b"),
            ("b", "/b"),
        ];
        for (base, reference) in table {
            assert_eq!(resolve(base, reference), None, "{base} {reference}");
        }
        assert_eq!(resolve("https://a:443/b", "https://A/c").as_deref(), Some("https://a/c"));
        assert_eq!(resolve("http://[::1]/b", "http://[::1]:80/c").as_deref(), Some("http://[::1]/c"));
        assert_eq!(resolve("http://a", "b").as_deref(), Some("http://a/b"));
        assert_eq!(resolve("http://a?x", "?y").as_deref(), Some("http://a/?y"));
    }

    proptest! {
        /// Whatever it says, it stays on the origin, and is resolved: doing it again changes nothing.
        #[test]
        fn it_stays(reference in "[a-c./?#:@;\\\\%]{0,24}") {
            if let Some(url) = resolve("https://a.b:8443/c/d?e", &reference) {
                let rest = url.strip_prefix("https://a.b:8443/");
                prop_assert!(rest.is_some(), "{}", url);
                prop_assert!(!split_query(&url).0.split('/').any(|segment| matches!(segment, "." | "..")));
                prop_assert_eq!(resolve(&url, &url), Some(url.clone()));
            }
        }
    }
}
