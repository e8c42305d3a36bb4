//! A limit: whom it counts, what it takes, what it does.

mod entry;
mod list;

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;
use tidegate_core::{RequestView, Source};

use crate::count::Take;
use crate::key::{Part, Recipe};
use crate::quota::Quota;

pub use entry::{Entry, EntryError};
pub use list::List;
use list::Lists;

/// The place of a limit in its configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LimitId(pub usize);

/// A limit, as it is configured: `[[limit]]`.
#[derive(Clone, Debug)]
pub struct Limit {
    /// Its name: in metrics, in `RateLimit` fields, in stores.
    pub name: Arc<str>,
    /// What is allowed to a key that has no tier.
    pub quota: Quota,
    /// What is allowed to others, by their plan.
    pub tiers: Vec<Tier>,
    /// What tells the plan of a request; none: only who is a tier's member has one.
    pub plan_from: Option<Part>,
    /// Who is counted together.
    pub recipe: Recipe,
    /// What becomes of requests in which a part of the key is missing.
    pub missing: Missing,
    /// What a request costs.
    pub cost: u32,
    /// The field of responses that says what a request has cost in the end. It is not passed on.
    pub cost_from: Option<HeaderName>,
    /// Who is never counted.
    pub allow: List,
    /// Who is always refused.
    pub deny: List,
    /// Whether nobody is refused: it only counts and tells.
    pub is_shadow: bool,
    /// How long a request may be held back instead of being refused.
    pub max_delay: Duration,
    /// Where its states are kept.
    pub store: StoreKind,
    /// What becomes of requests while the store does not answer.
    pub when_down: WhenDown,
    /// How many keys are kept in memory.
    pub max_keys: u32,
    /// Where it is said.
    pub source: Source,
}

/// A quota of some.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tier {
    /// Its name.
    pub plan: Arc<str>,
    /// What is allowed.
    pub quota: Quota,
    /// Who has this plan whatever the request says.
    pub members: List,
}

/// What becomes of requests in which a part of the key is missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// All that lack it are counted together.
    #[default]
    Share,
    /// They are not counted by this limit.
    Skip,
    /// They are refused.
    Refuse,
}

/// Where states are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreKind {
    /// In the process.
    #[default]
    Memory,
    /// In Redis, asked for each request.
    Redis,
    /// In Redis, of which each node takes slices in advance.
    Leases,
}

/// What becomes of requests while the store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenDown {
    /// They pass.
    #[default]
    Open,
    /// They are refused.
    Closed,
    /// Each node counts by itself, of a part of the quota.
    Local,
}

/// What a limit says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// It is to be counted.
    Take(Take),
    /// It is not counted: it is on the list of those who are not.
    Allowed,
    /// It is refused: it is on the list of those who are.
    Denied,
    /// It is not counted, for a part of the key is missing.
    Skipped,
    /// It is refused, for a part of the key is missing.
    Incomplete,
}

impl Limit {
    /// What it says of a request that came to a route. `id` is its own place. The deny list counts before the allow list.
    pub fn judge(&self, id: LimitId, view: &RequestView<'_>, route: &str) -> Judged {
        let mut lists = Lists::new(view, route);
        if lists.is_on(&self.deny) {
            return Judged::Denied;
        }
        if lists.is_on(&self.allow) {
            return Judged::Allowed;
        }
        let tier = self.tier(&mut lists, view, route);
        let plan = tier.map(|tier| &*tier.plan);
        let key = match (self.recipe.key(view, route, plan), self.missing) {
            (Ok(key), _) | (Err(key), Missing::Share) => key,
            (Err(_), Missing::Skip) => return Judged::Skipped,
            (Err(_), Missing::Refuse) => return Judged::Incomplete,
        };
        let quota = tier.map_or(self.quota, |tier| tier.quota);
        Judged::Take(Take {
            limit: id,
            key,
            quota,
            cost: self.cost.min(quota.at_once()),
            max_delay: self.max_delay,
            is_shadow: self.is_shadow,
        })
    }

    /// The tier of a request: the first of which it is a member, else that of the plan that it says.
    fn tier<'a>(&'a self, lists: &mut Lists<'a>, view: &RequestView<'_>, route: &str) -> Option<&'a Tier> {
        if self.tiers.is_empty() {
            return None;
        }
        if let Some(tier) = self.tiers.iter().find(|tier| lists.is_on(&tier.members)) {
            return Some(tier);
        }
        let plan = self.plan_from.as_ref()?.raw(view, route)?;
        self.tiers.iter().find(|tier| tier.plan.as_bytes() == &*plan)
    }
}

#[cfg(test)]
mod tests;
