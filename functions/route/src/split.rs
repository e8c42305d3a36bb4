//! Several destinations, each with its share of the requests.

use std::net::IpAddr;

use http::{HeaderName, HeaderValue};
use tidegate_core::{RequestView, Source};

use crate::Destination;
use crate::hash::{mix, stable};

/// Several destinations, each with its share of the requests.
///
/// A sticky split sends a client to the same arm in every place and process: its cookie or field is hashed (FNV-1a with
/// 64 bits, then MurmurHash3's finaliser), and the hash, taken as a fraction of all hashes, falls into the share of an
/// arm, the shares lying side by side in the order of the arms. Where a boundary between shares moves, only the clients
/// between its old and its new place change arms; so to move as few as possible, change two neighbours. Two splits that
/// go by the same value divide clients alike: who gets the new version here gets it there.
#[derive(Clone, Debug)]
pub struct Split {
    /// The destinations. There is at least one, and at least one weight is not 0.
    pub arms: Vec<Arm>,
    /// What makes a client come to the same arm again; without it, each request is for itself.
    pub sticky: Option<Sticky>,
}

/// A destination and its share.
#[derive(Clone, Debug)]
pub struct Arm {
    /// Its share, of the sum of all weights. With 0 it gets nothing.
    pub weight: u32,
    /// Where its requests go.
    pub to: Destination,
    /// Where it is said.
    pub source: Source,
}

/// What makes a client come to the same arm again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sticky {
    /// A cookie of its own, which is set where it is missing or empty.
    Cookie(Box<str>),
    /// A field of the request, its first line; the client's address where it is missing.
    Header(HeaderName),
}

/// The arm of a request.
#[derive(Clone, Debug)]
pub struct Choice<'s> {
    /// Its index in [`Split::arms`].
    pub arm: usize,
    /// Its destination.
    pub to: &'s Destination,
    /// A Set-Cookie field for the response, so that the client comes here again.
    pub set_cookie: Option<HeaderValue>,
}

impl Split {
    /// The arm of a request. `random` is a fresh random number.
    ///
    /// # Panics
    /// If there are no arms.
    pub fn choose(&self, request: &RequestView<'_>, random: u64) -> Choice<'_> {
        match &self.sticky {
            None => self.choice(mix(random), None),
            Some(Sticky::Header(name)) => self.choice(hash_of_field(request, name), None),
            Some(Sticky::Cookie(name)) => match request.cookie(name).filter(|value| !value.is_empty()) {
                Some(value) => self.choice(stable(value.as_bytes()), None),
                None => {
                    let value = format!("{random:016x}");
                    let set_cookie = set_cookie(name, &value, request.is_https);
                    self.choice(stable(value.as_bytes()), set_cookie)
                }
            },
        }
    }

    fn choice(&self, hash: u64, set_cookie: Option<HeaderValue>) -> Choice<'_> {
        let arm = self.arm(hash);
        Choice { arm, to: &self.arms[arm].to, set_cookie }
    }

    /// The arm into whose share a hash falls; the first one if there are no shares.
    fn arm(&self, hash: u64) -> usize {
        let total: u64 = self.arms.iter().map(|arm| u64::from(arm.weight)).sum();
        // hash / 2^64 of the total, less than it.
        let mut point = ((u128::from(hash) * u128::from(total)) >> 64) as u64;
        let is_here = |arm: &Arm| {
            let weight = u64::from(arm.weight);
            let is_here = point < weight;
            point = point.saturating_sub(weight);
            is_here
        };
        self.arms.iter().position(is_here).unwrap_or(0)
    }
}

fn hash_of_field(request: &RequestView<'_>, name: &HeaderName) -> u64 {
    match (request.headers.get(name), request.client.address) {
        (Some(value), _) => stable(value.as_bytes()),
        (None, IpAddr::V4(address)) => stable(&address.octets()),
        (None, IpAddr::V6(address)) => stable(&address.octets()),
    }
}

/// None for a name that no cookie can have.
fn set_cookie(name: &str, value: &str, is_https: bool) -> Option<HeaderValue> {
    let secure = if is_https { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()
}

#[cfg(test)]
mod tests;
