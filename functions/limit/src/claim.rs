//! Claims of JSON Web Tokens (RFC 7519).

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Claims that everybody knows: IANA's registry "JSON Web Token Claims", those with a single value that can tell who is
/// counted or which plan they have.
pub const REGISTERED_CLAIMS: &[&str] = &[
    "acr",
    "azp",
    "client_id",
    "email",
    "email_verified",
    "iss",
    "jti",
    "phone_number",
    "preferred_username",
    "scope",
    "sid",
    "sub",
];

/// Largest payload of a token that is looked into, in bytes.
const PAYLOAD_MAX: usize = 16 << 10;

/// The value of a claim, if the request has a bearer token with it: a text, a number or a truth value. Whether the token
/// is genuine is not looked at.
///
/// The token is strictly what RFC 7515 section 7.1 says, its payload at most 16 KiB, and there is one Authorization field.
/// A name is one member of the payload, whatever dots it has. Of several members of a name the last one counts (RFC 7519
/// section 4). Numbers are as they stand in the token; the text `1` and the number 1 are the same.
pub fn claim(headers: &HeaderMap, name: &str) -> Option<Arc<str>> {
    text(headers, name).map(Arc::from)
}

pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let payload = payload(bearer(headers)?)?;
    let mut json = serde_json::Deserializer::from_str(std::str::from_utf8(&payload).ok()?);
    let value = json.deserialize_map(Member(name)).ok()??;
    json.end().ok()?;
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b't' | b'f' | b'-' | b'0'..=b'9' => Some(value.get().to_owned()),
        _ => None,
    }
}

/// RFC 6750 section 2.1. The scheme's case does not count (RFC 9110 section 11.1).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

fn payload(token: &str) -> Option<Vec<u8>> {
    let mut parts = token.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    // Folded, not searched, so that it is done many bytes at a time.
    let is_base64url = |text: &str| text.bytes().fold(true, |all, byte| all & is_of_base64url(byte));
    // A signature may be empty (RFC 7519 section 6), a header not.
    let is_token = !header.is_empty() && is_base64url(header) && is_base64url(signature);
    if !is_token || payload.len() > (PAYLOAD_MAX * 4).div_ceil(3) {
        return None;
    }
    BASE64_URL_SAFE_NO_PAD.decode(payload).ok()
}

const fn is_of_base64url(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_')
}

/// The last member of this name. What else there is, is read over.
struct Member<'n>(&'n str);

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut value = None;
        while let Some(is_it) = map.next_key_seed(IsName(self.0))? {
            if is_it {
                value = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(value)
    }
}

/// Whether a name is this one.
struct IsName<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for IsName<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsName<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests;
