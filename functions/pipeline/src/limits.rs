//! Whom the limits of a route count for a request, and what they take.

use std::sync::Arc;

use http::HeaderValue;
use tidegate_core::{RequestView, Trace};
use tidegate_edge_config::edge::Route;
use tidegate_limit::{Count, Counted, Decision, Judged, Key, Limit, LimitId, Need, Take, Verdict, WhenDown};

use crate::{Pipeline, Refusal};

/// What a limit did with a request, in one word: for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitResult {
    /// It let it through.
    Pass,
    /// It let it through, later.
    Delay,
    /// It refused it.
    Refuse,
    /// It would have refused it, but is in shadow.
    Shadow,
    /// It does not count it: it is on the list of those who are not counted.
    Allow,
    /// It refused it: it is on the list of those who are.
    Deny,
    /// It does not count it: it lacks a part of the key.
    Skip,
    /// It refused it: it lacks a part of the key.
    Incomplete,
    /// It cannot tell: its store does not answer.
    Down,
}

impl LimitResult {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Pass,
        Self::Delay,
        Self::Refuse,
        Self::Shadow,
        Self::Allow,
        Self::Deny,
        Self::Skip,
        Self::Incomplete,
        Self::Down,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Delay => "delay",
            Self::Refuse => "refuse",
            Self::Shadow => "shadow",
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Skip => "skip",
            Self::Incomplete => "incomplete",
            Self::Down => "down",
        }
    }
}

/// What one limit did with a request.
#[derive(Clone, Copy, Debug)]
pub struct Limited<'a> {
    /// Which.
    pub limit: &'a Limit,
    /// What it did.
    pub result: LimitResult,
    /// Whom it counted, if anybody.
    pub key: Option<&'a Key>,
}

/// What the limits did that have counted a request.
pub fn limited<'a>(
    pipeline: &'a Pipeline,
    count: &'a Count,
    counted: &'a Counted,
) -> impl Iterator<Item = Limited<'a>> {
    count.takes.iter().zip(&counted.verdicts).filter_map(|(take, verdict)| {
        let (limit, result) = (pipeline.limit(take.limit)?, result(take, verdict)?);
        Some(Limited { limit, result, key: Some(&take.key) })
    })
}

/// What the limits of a route make of a request.
#[derive(Debug)]
pub(crate) struct Limiting {
    /// What is taken.
    pub count: Arc<Count>,
    /// What became of that, once it is known.
    pub counted: Counted,
    /// What limits did that count nothing.
    judged: Vec<(LimitId, LimitResult)>,
}

/// Asks the limits of a route; none if it has none.
///
/// # Errors
/// When a limit refuses the request, whatever the others count.
pub(crate) fn judge(
    pipeline: &Pipeline,
    route: &Route,
    view: &RequestView<'_>,
    trace: &mut Trace,
) -> (Option<Box<Limiting>>, Option<Refusal>) {
    let limits = &route.limits;
    if limits.ids.is_empty() {
        return (None, None);
    }
    let (mut takes, mut judged, mut refusal) = (Vec::with_capacity(limits.ids.len()), Vec::new(), None);
    let mut is_enough = false;
    for id in &limits.ids {
        let Some(limit) = pipeline.limit(*id) else { continue };
        let (result, refused) = match limit.judge(*id, view, &route.name) {
            Judged::Take(take) => {
                takes.push(take);
                continue;
            }
            Judged::Allowed => {
                is_enough |= limits.need == Need::Any && !limit.is_shadow;
                (LimitResult::Allow, None)
            }
            Judged::Skipped => (LimitResult::Skip, None),
            Judged::Denied if !limit.is_shadow => (LimitResult::Deny, Some(Refusal::Denied)),
            Judged::Incomplete if !limit.is_shadow => (LimitResult::Incomplete, Some(Refusal::KeyMissing)),
            Judged::Denied | Judged::Incomplete => (LimitResult::Shadow, None),
        };
        trace.note("limit", Some(&limit.source), || format!("{}: {}", limit.name, result.as_str()));
        judged.push((*id, result));
        refusal = refusal.or(refused);
    }
    if is_enough {
        takes.retain(|take| take.is_shadow);
    }
    let count = Arc::new(Count { takes, need: limits.need });
    (Some(Box::new(Limiting { count, counted: Counted::default(), judged })), refusal)
}

impl Limiting {
    /// What each limit did.
    pub fn results<'a>(&'a self, pipeline: &'a Pipeline) -> impl Iterator<Item = Limited<'a>> {
        let judged = self.judged.iter().filter_map(|(limit, result)| {
            let limit = pipeline.limit(*limit)?;
            Some(Limited { limit, result: *result, key: None })
        });
        judged.chain(limited(pipeline, &self.count, &self.counted))
    }

    /// What was taken, and what became of it.
    pub fn takes(&self) -> impl Iterator<Item = (&Take, &Verdict)> {
        self.count.takes.iter().zip(&self.counted.verdicts)
    }

    /// Why the request is not let through, if it is not.
    pub fn refusal(&self, pipeline: &Pipeline) -> Option<Refusal> {
        let limit = |place: usize| pipeline.limit(self.count.takes.get(place)?.limit);
        let is_open = |place| limit(place).is_some_and(|limit| limit.when_down != WhenDown::Closed);
        if self.counted.passes(&self.count, is_open) {
            return None;
        }
        let mut refused = self.refused();
        Some(match refused.next() {
            None => Refusal::LimitStore,
            Some((take, _)) if is_flight(take) && refused.all(|(take, _)| is_flight(take)) => Refusal::InFlight,
            Some(_) => Refusal::OverQuota,
        })
    }

    /// Those that refuse the request.
    pub fn refused(&self) -> impl Iterator<Item = (&Take, std::time::Duration)> {
        self.takes().filter(|(take, _)| !take.is_shadow).filter_map(|(take, verdict)| match verdict.decision {
            Decision::Refused(retry_after) => Some((take, retry_after)),
            _ => None,
        })
    }

    /// When the client may try again: when all that refuse would let it through, or the first of those of which one is
    /// enough. In whole seconds, at least one.
    pub fn retry_after_s(&self) -> u64 {
        let waits = self.refused().map(|(_, wait)| wait);
        let wait = if self.count.need == Need::Any { waits.min() } else { waits.max() };
        let wait = wait.unwrap_or_default();
        (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
    }

    /// `RateLimit-Policy` and `RateLimit`, if there is anything to say.
    pub fn fields(&self, pipeline: &Pipeline) -> Option<(HeaderValue, HeaderValue)> {
        let known = self.takes().filter(|(take, verdict)| !take.is_shadow && verdict.decision != Decision::Down);
        tidegate_limit::fields(known.filter_map(|(take, verdict)| {
            let name = &*pipeline.limit(take.limit)?.name;
            Some((name, &take.quota, verdict))
        }))
    }

    /// Notes what became of each.
    pub fn note(&self, pipeline: &Pipeline, trace: &mut Trace) {
        for (take, verdict) in self.takes() {
            let Some(limit) = pipeline.limit(take.limit) else { continue };
            trace.note("limit", Some(&limit.source), || in_words(limit, take, verdict));
        }
    }
}

fn is_flight(take: &Take) -> bool {
    take.quota.algorithm() == tidegate_limit::Algorithm::Concurrency
}

fn result(take: &Take, verdict: &Verdict) -> Option<LimitResult> {
    Some(match verdict.decision {
        Decision::Taken => LimitResult::Pass,
        Decision::Delayed(_) => LimitResult::Delay,
        Decision::Refused(_) if take.is_shadow => LimitResult::Shadow,
        Decision::Refused(_) => LimitResult::Refuse,
        Decision::Spared => return None,
        Decision::Down => LimitResult::Down,
    })
}

fn in_words(limit: &Limit, take: &Take, verdict: &Verdict) -> String {
    let who = if take.key.as_str().is_empty() { "everybody" } else { take.key.as_str() };
    let what = match verdict.decision {
        Decision::Taken => "passes".to_owned(),
        Decision::Delayed(delay) => format!("passes after {} ms", delay.as_millis()),
        Decision::Refused(wait) => format!("refused for {} ms", wait.as_millis()),
        Decision::Spared => "not asked".to_owned(),
        Decision::Down => "its store does not answer".to_owned(),
    };
    let shadow = if take.is_shadow { " (shadow)" } else { "" };
    format!("{}{shadow}: {who} {what}, {} of {} left", limit.name, verdict.remaining, take.quota.at_once())
}
