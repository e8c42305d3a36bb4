//! Fields that stand in for Cache-Control: structured ones (RFC 9213), and Surrogate-Control, which is older than them.

use std::convert::Infallible;
use std::time::Duration;

use http::header::GetAll;
use http::{HeaderName, HeaderValue};
use sfv::visitor::{DictionaryVisitor, EntryVisitor, Ignored, InnerListVisitor, ItemVisitor, ParameterVisitor};
use sfv::{BareItemFromInput, KeyRef, Parser};

use super::ResponseDirectives;
use super::scan::{Argument, Name, SECONDS_MAX, directives, names, seconds};

const SURROGATE_CONTROL: HeaderName = HeaderName::from_static("surrogate-control");

/// What a targeted field says; none: it is not there, empty or invalid, and does not count (RFC 9213 section 2.1).
pub(super) fn read(field: &HeaderName, lines: GetAll<'_, HeaderValue>) -> Option<ResponseDirectives> {
    lines.iter().next()?;
    let read = if *field == SURROGATE_CONTROL { surrogate(lines) } else { dictionary(lines) };
    read.map(|directives| ResponseDirectives { is_targeted: true, ..directives })
}

/// Surrogate-Control (Edge Architecture Specification 1.0): directives of caching, of which `max-age=60+30` also says
/// how long a response may be used stale, and of processing (`content="ESI/1.0"`), which alone say nothing to us.
/// Directives with parameters are for the surrogate that they name.
fn surrogate(lines: GetAll<'_, HeaderValue>) -> Option<ResponseDirectives> {
    let mut read = ResponseDirectives::default();
    let mut is_said = false;
    for directive in lines.iter().flat_map(|line| directives(line.as_bytes())) {
        let mut buffer = Name::default();
        let name = directive.lower_name(&mut buffer);
        is_said |= match directive.argument {
            Argument::Bad(text) if text.contains(&b';') => false,
            Argument::Token(text) if name == b"max-age" && text.contains(&b'+') => {
                read.note_extended(text);
                true
            }
            argument => read.note(name, argument),
        };
    }
    is_said.then_some(read)
}

impl ResponseDirectives {
    /// `max-age=N+M`: fresh for N seconds, then usable stale for M.
    fn note_extended(&mut self, text: &[u8]) {
        let mut parts = text.splitn(2, |byte| *byte == b'+');
        let mut part = || parts.next().and_then(|digits| seconds(digits.iter().copied())).unwrap_or_default();
        let (fresh, stale) = (part(), part());
        if self.max_age.is_none() {
            self.max_age = Some(fresh);
            self.stale_while_revalidate.get_or_insert(stale);
        }
    }
}

/// A Dictionary of directives (RFC 9213 section 2.1).
fn dictionary(lines: GetAll<'_, HeaderValue>) -> Option<ResponseDirectives> {
    let joined = lines.iter().map(HeaderValue::as_bytes).collect::<Vec<_>>().join(&b", "[..]);
    Parser::new(&joined).parse_dictionary_with_visitor(Dictionary::default()).ok()?
}

/// Collects members; of those with the same key the last one counts (RFC 9651 section 3.2).
#[derive(Default)]
struct Dictionary {
    read: ResponseDirectives,
    has_members: bool,
}

struct Entry<'r, 'de> {
    read: &'r mut ResponseDirectives,
    name: &'de str,
}

impl<'de> DictionaryVisitor<'de> for Dictionary {
    type Out = Option<ResponseDirectives>;
    type Error = Infallible;

    fn entry(&mut self, key: &'de KeyRef) -> Result<impl EntryVisitor<'de>, Self::Error> {
        self.has_members = true;
        self.read.forget(key.as_str());
        Ok(Entry { read: &mut self.read, name: key.as_str() })
    }

    fn finish(self) -> Result<Self::Out, Self::Error> {
        Ok(self.has_members.then_some(self.read))
    }
}

impl<'de> EntryVisitor<'de> for Entry<'_, 'de> {
    type Error = Infallible;

    fn item(self) -> Result<impl ItemVisitor<'de>, Self::Error> {
        Ok(self)
    }

    fn inner_list(self) -> Result<impl InnerListVisitor<'de>, Self::Error> {
        Ok(Ignored)
    }
}

impl<'de> ItemVisitor<'de> for Entry<'_, 'de> {
    type Out = ();
    type Error = Infallible;

    fn bare_item(self, item: BareItemFromInput<'de>) -> Result<impl ParameterVisitor<'de, Out = ()>, Self::Error> {
        match item {
            BareItemFromInput::Boolean(is_set) => self.read.set(self.name, is_set),
            BareItemFromInput::Integer(seconds) => self.read.set_seconds(self.name, i64::from(seconds)),
            BareItemFromInput::String(list) => self.read.set_names(self.name, list.as_str()),
            BareItemFromInput::Token(list) => self.read.set_names(self.name, list.as_str()),
            _ => {}
        }
        Ok(Ignored)
    }
}

impl ResponseDirectives {
    /// A directive without an argument. Those that need one ignore it: a value of the wrong type does not count.
    fn set(&mut self, name: &str, is_set: bool) {
        if let Some(flag) = self.flag(name) {
            *flag = is_set;
        }
    }

    fn set_seconds(&mut self, name: &str, seconds: i64) {
        if let Some(lifetime) = self.lifetime(name) {
            let seconds = u64::try_from(seconds).unwrap_or(0).min(SECONDS_MAX);
            *lifetime = Some(Duration::from_secs(seconds));
        }
    }

    fn set_names(&mut self, name: &str, list: &str) {
        match name {
            "no-cache" => self.note_no_cache(names(list.as_bytes())),
            "private" => self.note_private(names(list.as_bytes())),
            _ => {}
        }
    }

    /// As if a directive had not been there.
    fn forget(&mut self, name: &str) {
        match name {
            "no-cache" => self.no_cache_fields.clear(),
            "private" => self.private_fields.clear(),
            _ => {}
        }
        if let Some(flag) = self.flag(name) {
            *flag = false;
        }
        if let Some(lifetime) = self.lifetime(name) {
            *lifetime = None;
        }
    }

    fn flag(&mut self, name: &str) -> Option<&mut bool> {
        Some(match name {
            "no-store" => &mut self.no_store,
            "no-cache" => &mut self.no_cache,
            "private" => &mut self.private,
            "public" => &mut self.public,
            "must-revalidate" => &mut self.must_revalidate,
            "proxy-revalidate" => &mut self.proxy_revalidate,
            "must-understand" => &mut self.must_understand,
            "no-transform" => &mut self.no_transform,
            "immutable" => &mut self.immutable,
            _ => return None,
        })
    }

    fn lifetime(&mut self, name: &str) -> Option<&mut Option<Duration>> {
        Some(match name {
            "max-age" => &mut self.max_age,
            "s-maxage" => &mut self.s_maxage,
            "stale-while-revalidate" => &mut self.stale_while_revalidate,
            "stale-if-error" => &mut self.stale_if_error,
            _ => return None,
        })
    }
}
