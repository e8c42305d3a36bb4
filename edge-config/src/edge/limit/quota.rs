//! How much a limit allows, by its algorithm.

use std::time::Duration;

use tidegate_limit::{Algorithm, Quota, QuotaError};

use crate::reader::{Place, Table, Value};

/// What is known before a quota is read.
#[derive(Clone, Copy)]
pub(super) struct Counting {
    pub algorithm: Algorithm,
    pub forget_after: Duration,
}

/// A quota, and what makes it as large as it is.
pub(super) struct Said<'t> {
    pub quota: Quota,
    pub place: Place<'t>,
}

/// What to say of keys that only other algorithms have.
const BURST: &str = "only gcra has a burst. Remove it, or write algorithm = \"gcra\"";
const RATE: &str = "concurrency has no rate, for it counts what is in flight. Remove it, or write another algorithm";
pub(super) const IN_FLIGHT: &str =
    "only concurrency counts what is in flight. Remove it, or write algorithm = \"concurrency\"";

/// Reads `rate`, `burst` and `in_flight`. Without an algorithm, only what each says by itself.
pub(super) fn read<'t>(table: &mut Table<'t>, counting: Option<Counting>) -> Option<Said<'t>> {
    let (burst_kind, in_flight_kind) = (table.kind("burst"), table.kind("in_flight"));
    let [rate, burst, in_flight] = ["rate", "burst", "in_flight"].map(|key| table.take(key));
    let per = rate.as_ref().and_then(Value::rate);
    let more = burst.as_ref().and_then(|value| value.integer_of(burst_kind));
    let at_a_time = in_flight.as_ref().and_then(|value| value.integer_of(in_flight_kind));
    let Counting { algorithm, forget_after } = counting?;

    let is_rate = algorithm != Algorithm::Concurrency;
    let of_others =
        [(&burst, algorithm != Algorithm::Gcra, BURST), (&rate, !is_rate, RATE), (&in_flight, is_rate, IN_FLIGHT)];
    for (value, is_of_others, message) in of_others {
        if let (Some(value), true) = (value, is_of_others) {
            value.error(message);
        }
    }
    let (needed, key, what) = match is_rate {
        true => (rate, "rate", "rate = \"100/m\", or how many may be in how much time"),
        false => (in_flight, "in_flight", "in_flight = 10, or how many may be at a time"),
    };
    let Some(needed) = needed else {
        table.lacks(key, what);
        return None;
    };
    let quota = match algorithm {
        Algorithm::Concurrency => Quota::concurrency(at_a_time?, forget_after),
        Algorithm::SlidingWindow => Quota::sliding_window(per?.count.get(), per?.period),
        Algorithm::SlidingLog => Quota::sliding_log(per?.count.get(), per?.period),
        Algorithm::Gcra => Quota::gcra(per?.count.get(), per?.period, more.unwrap_or(per?.count.get() - 1)),
    };
    let burst = burst.unwrap_or_else(|| needed.clone());
    match quota {
        Ok(quota) => Some(Said { quota, place: burst.place().clone() }),
        Err(error) => {
            let value = if error == QuotaError::Burst { burst } else { needed };
            value.error(error.to_string());
            None
        }
    }
}
