//! A request that limits count: before anybody is asked, and once it is known what it has cost.

use http::header::{HeaderMap, HeaderName, RETRY_AFTER};
use http::{HeaderValue, request};
use tidegate_core::Timestamp;
use tidegate_limit::{Charge, Counted};

use super::{Exchange, State};
use crate::action::{Action, Reply, ReplyBody};
use crate::decide::Answer;
use crate::rescue::Fault;
use crate::{Refusal, problem};

const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// The problem type of a quota that is used up (draft-ietf-httpapi-ratelimit-headers-10 section 6.1).
const QUOTA_EXCEEDED: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";
/// The same of a service that can do less than usual (section 6.2).
const REDUCED_CAPACITY: &str = "https://iana.org/assignments/http-problem-types#temporary-reduced-capacity";

/// A request that waits for its limits.
#[derive(Debug)]
pub(super) struct Asking {
    pub request: request::Parts,
    pub answer: Answer,
}

impl Exchange {
    /// Has the limits count the request, if there is anything to count.
    pub(super) fn count(&mut self, asking: Asking, now: Timestamp) -> Result<Action, Fault> {
        let count = self.limiting.as_ref().map(|limiting| &limiting.count).filter(|count| !count.takes.is_empty());
        match count.cloned() {
            None => self.proceed(asking, now),
            Some(count) => {
                self.state = State::Counting(Box::new(asking));
                Ok(Action::Count(count))
            }
        }
    }

    pub(super) fn counted(&mut self, asking: Asking, counted: Counted, now: Timestamp) -> Result<Action, Fault> {
        let Some(limiting) = &mut self.limiting else { return self.proceed(asking, now) };
        limiting.counted = counted;
        limiting.note(&self.pipeline, &mut self.trace);
        if let Some(refusal) = limiting.refusal(&self.pipeline) {
            return Err(refusal.into());
        }
        let delay = limiting.counted.delay(&limiting.count);
        if delay.is_zero() {
            return self.proceed(asking, now);
        }
        self.state = State::Delaying(Box::new(asking));
        Ok(Action::Delay(delay))
    }

    /// What a response says that the request has cost, beyond what was taken for it.
    pub(super) fn charge(&mut self, headers: &HeaderMap) {
        let Some(limiting) = &self.limiting else { return };
        let charges = limiting.takes().filter(|(_, verdict)| verdict.is_taken()).filter_map(|(take, _)| {
            let name = self.pipeline.limit(take.limit)?.cost_from.as_ref()?;
            let cost = i64::from(cost(headers.get(name)?)?) - i64::from(take.cost);
            (cost != 0).then(|| Charge { limit: take.limit, key: take.key.clone(), quota: take.quota, cost })
        });
        self.charges = charges.collect();
    }

    /// Says in a response what is left, and keeps to itself what was said to us alone.
    pub(super) fn say_limits(&self, headers: &mut HeaderMap) {
        if let Some(route) = self.route() {
            for id in &route.limits.ids {
                if let Some(name) = self.pipeline.limit(*id).and_then(|limit| limit.cost_from.as_ref()) {
                    headers.remove(name);
                }
            }
        }
        if let Some((policy, left)) = self.limiting.as_ref().and_then(|limiting| limiting.fields(&self.pipeline)) {
            headers.append(RATE_LIMIT_POLICY, policy);
            headers.append(RATE_LIMIT, left);
        }
    }

    /// Makes the answer to a request that is not let through say when to try again, and why.
    pub(super) fn complete_refusal(&self, fault: Fault, reply: &mut Reply) {
        let (Fault::Refused(refusal), Some(limiting)) = (fault, &self.limiting) else { return };
        let kind = match refusal {
            Refusal::OverQuota | Refusal::InFlight => QUOTA_EXCEEDED,
            Refusal::LimitStore => REDUCED_CAPACITY,
            _ => return,
        };
        let name = |limit| self.pipeline.limit(limit).map(|limit| &*limit.name);
        let violated: Vec<_> = limiting.refused().filter_map(|(take, _)| name(take.limit)).collect();
        let body = problem::body(Some(kind), refusal.status(), refusal.detail(), &violated);
        reply.body = ReplyBody::Whole(body);
        reply.head.headers.insert(RETRY_AFTER, HeaderValue::from(limiting.retry_after_s()));
    }
}

/// A cost as a response says it: a whole number. What is more than fits is as much as fits.
fn cost(value: &HeaderValue) -> Option<u32> {
    let text = value.as_bytes().trim_ascii();
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let digit = |cost: u32, digit: &u8| cost.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    is_number.then(|| text.iter().fold(0, digit))
}
