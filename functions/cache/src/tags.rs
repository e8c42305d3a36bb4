//! Tags: names that many responses share, to purge them by (`Surrogate-Key`, `Cache-Tag`, and Cache Groups, RFC 9875).

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;

use http::HeaderMap;
use sfv::visitor::{EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ListVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, Parser};
use tidegate_core::members;

use crate::purge::{is_tag, origin};

/// Most tags of a response.
pub(crate) const TAGS_MAX: usize = 1_024;

/// Longest tag, and longest name of a group, in bytes.
const TAG_BYTES_MAX: usize = 256;

/// The tags of a response: words of `Surrogate-Key`, members of `Cache-Tag`, and `Cache-Groups`, which belong to an
/// origin (scheme, host and port of `url`) and are written `group ORIGIN NAME`. Each once, at most 1,024 of at most 256
/// bytes; of a group, its name. More, longer ones, and what can be no tag do not count. Case counts.
pub fn tags_of(headers: &HeaderMap, url: &str) -> Vec<Arc<str>> {
    let words = headers.get_all("surrogate-key").iter().flat_map(|line| line.as_bytes().split(u8::is_ascii_whitespace));
    let members = headers.get_all("cache-tag").iter().flat_map(members);
    let tags = words.chain(members).filter_map(|tag| std::str::from_utf8(tag).ok());
    let tags = tags.filter(|tag| tag.len() <= TAG_BYTES_MAX && is_tag(tag)).map(Arc::from);
    once(tags.chain(groups(headers, "cache-groups", url)))
}

/// The tags of the groups that a response to an unsafe request invalidates: `Cache-Group-Invalidation`.
pub fn groups_of(headers: &HeaderMap, url: &str) -> Vec<Arc<str>> {
    once(groups(headers, "cache-group-invalidation", url).into_iter())
}

fn once(tags: impl Iterator<Item = Arc<str>>) -> Vec<Arc<str>> {
    let mut seen = BTreeSet::new();
    tags.filter(|tag| seen.insert(tag.clone())).take(TAGS_MAX).collect()
}

/// The groups in a field, which is a list of strings; none of one that is something else (RFC 9875 section 2, RFC 9651
/// section 4.2). Parameters do not count.
fn groups(headers: &HeaderMap, field: &str, url: &str) -> Vec<Arc<str>> {
    let lines: Vec<_> = headers.get_all(field).iter().map(|line| line.as_bytes()).collect();
    let Some(origin) = origin(url).filter(|_| !lines.is_empty()) else { return Vec::new() };
    let strings = Parser::new(&lines.join(&b", "[..])).parse_list_with_visitor(Strings::default());
    let names = strings.ok().filter(|strings| !strings.has_other).map(|strings| strings.names).unwrap_or_default();
    let names = names.iter().filter(|name| name.len() <= TAG_BYTES_MAX);
    names.map(|name| format!("group {origin} {name}").into()).collect()
}

/// The members of a list of strings.
#[derive(Default)]
struct Strings {
    names: Vec<String>,
    /// Whether something else is among them.
    has_other: bool,
}

impl<'de> ListVisitor<'de> for Strings {
    type Out = Self;
    type Error = Infallible;

    fn entry(&mut self) -> Result<impl EntryVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn finish(self) -> Result<Self, Infallible> {
        Ok(self)
    }
}

impl<'de> EntryVisitor<'de> for &mut Strings {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Infallible> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Infallible> {
        self.has_other = true;
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for &mut Strings {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Infallible> {
        match item {
            BareItemFromInput::String(name) => self.names.push(name.as_str().to_owned()),
            _ => self.has_other = true,
        }
        Ok(Ignored)
    }
}

#[cfg(test)]
mod tests;
