//! For how long a stored response may be used.

use std::time::Duration;

use tidegate_core::Timestamp;

/// For how long the responses of a route may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// As they are.
    pub fresh_for: Duration,
    /// After that, while a newer one is being fetched (RFC 5861 section 3).
    pub stale_for: Duration,
}

/// What a stored response is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It is the answer.
    Fresh,
    /// It is the answer, and a newer one is to be fetched.
    Stale,
    /// It is no answer any more.
    Expired,
}

/// Judges a response that was stored at a time. An end is exclusive: fresh for nothing is never fresh.
pub fn judge(plan: &Plan, stored_at: Timestamp, now: Timestamp) -> Judgement {
    let age = now.since(stored_at);
    if age < plan.fresh_for {
        Judgement::Fresh
    } else if age < plan.fresh_for.saturating_add(plan.stale_for) {
        Judgement::Stale
    } else {
        Judgement::Expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_decides() {
        use Judgement::{Expired, Fresh, Stale};
        // fresh_for, stale_for, age, all in milliseconds
        let table = [
            (1_000, 500, 0, Fresh),
            (1_000, 500, 999, Fresh),
            (1_000, 500, 1_000, Stale),
            (1_000, 500, 1_499, Stale),
            (1_000, 500, 1_500, Expired),
            (0, 500, 0, Stale),
            (0, 0, 0, Expired),
        ];
        let stored_at = Timestamp::from_unix_ms(77);
        for (fresh, stale, age, judgement) in table {
            let plan = Plan { fresh_for: Duration::from_millis(fresh), stale_for: Duration::from_millis(stale) };
            let now = stored_at + Duration::from_millis(age);
            assert_eq!(judge(&plan, stored_at, now), judgement, "{fresh} {stale} {age}");
        }
    }

    #[test]
    fn a_clock_that_jumps_back_and_an_endless_plan_do_no_harm() {
        let plan = Plan { fresh_for: Duration::MAX, stale_for: Duration::MAX };
        let (early, late) = (Timestamp::from_unix_ms(1), Timestamp::from_unix_ms(u64::MAX));
        assert_eq!(judge(&plan, late, early), Judgement::Fresh);
        assert_eq!(judge(&plan, early, late), Judgement::Fresh);
    }
}
