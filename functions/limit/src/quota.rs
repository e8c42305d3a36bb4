//! How much is allowed.

use std::time::Duration;

/// How what is taken is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// The generic cell rate algorithm (ITU-T I.371; as in redis-cell): a bucket that leaks at the rate.
    Gcra,
    /// This window and the last one, by the part of it that still counts (Cloudflare, "How we built rate limiting capable
    /// of scaling to millions of domains", 2017).
    SlidingWindow,
    /// When each was taken: exact, and as large as the quota.
    SlidingLog,
    /// How many are in flight.
    Concurrency,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Gcra, Self::SlidingWindow, Self::SlidingLog, Self::Concurrency];

    /// Its name, in configurations.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gcra => "gcra",
            Self::SlidingWindow => "sliding-window",
            Self::SlidingLog => "sliding-log",
            Self::Concurrency => "concurrency",
        }
    }
}

/// How much is allowed to one key. It holds what the arithmetic of its algorithm needs to never overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Quota {
    algorithm: Algorithm,
    count: u32,
    period_ns: u64,
    burst: u32,
    interval_ns: u64,
}

/// Why a quota is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuotaError {
    /// Nothing is let through, ever.
    #[error("a quota of 0 lets nothing through. Write a number from 1 on")]
    Zero,
    /// A period without any time in it.
    #[error("a period of no time. Write one from 1 ms on")]
    NoPeriod,
    /// Longer than there is memory for.
    #[error("a period of more than {} days. Write a shorter one", Quota::PERIOD_MAX.as_secs() / 86_400)]
    LongPeriod,
    /// More than a nanosecond's clock can tell apart.
    #[error("a rate of more than {} a second. Write a lower one", Quota::RATE_MAX)]
    TooFast,
    /// More at once than the rate makes up for in a year.
    #[error("a burst for which the rate needs more than a year to make up. Write a smaller one")]
    Burst,
    /// More than a window's counter holds.
    #[error("more than a sliding window counts, {}. Write less, or algorithm = \"gcra\"", Quota::WINDOW_MAX)]
    Window,
    /// More than a log should hold for each key.
    #[error("more than a log holds for a key, {}. Write less, or algorithm = \"sliding-window\"", Quota::LOG_MAX)]
    Log,
}

impl Quota {
    /// Longest period.
    pub const PERIOD_MAX: Duration = Duration::from_secs(366 * 86_400);
    /// Highest rate of GCRA, a second: an emission interval is a whole number of nanoseconds, rounded up.
    pub const RATE_MAX: u64 = 1_000_000;
    /// What a window's counter holds.
    pub const WINDOW_MAX: u32 = (1 << 24) - 1;
    /// What a log holds for a key.
    pub const LOG_MAX: u32 = 10_000;

    /// `count` in each `period` (whole milliseconds of it), by GCRA: at the steady rate, and `burst` more at once. Never more than `burst + count`
    /// in any period.
    ///
    /// # Errors
    /// When its arithmetic could overflow or it would let nothing through.
    pub fn gcra(count: u32, period: Duration, burst: u32) -> Result<Self, QuotaError> {
        let period_ns = check(count, period)?;
        if u128::from(count) * 1_000_000_000 > u128::from(period_ns) * u128::from(Self::RATE_MAX) {
            return Err(QuotaError::TooFast);
        }
        let interval_ns = period_ns.div_ceil(u64::from(count));
        let tolerance = (u64::from(burst) + 1).checked_mul(interval_ns);
        match tolerance {
            Some(tolerance) if tolerance <= nanos(Self::PERIOD_MAX) => {}
            _ => return Err(QuotaError::Burst),
        }
        Ok(Self { algorithm: Algorithm::Gcra, count, period_ns, burst, interval_ns })
    }

    /// About `count` in any `period`, by a sliding window: in a period with bursts it can be up to twice as much.
    ///
    /// # Errors
    /// When there would be nothing or too much to count.
    pub fn sliding_window(count: u32, period: Duration) -> Result<Self, QuotaError> {
        let quota = Self::windowed(Algorithm::SlidingWindow, count, period)?;
        if count > Self::WINDOW_MAX { Err(QuotaError::Window) } else { Ok(quota) }
    }

    /// Never more than `count` in any `period`, by a log.
    ///
    /// # Errors
    /// When there would be nothing or too much to count.
    pub fn sliding_log(count: u32, period: Duration) -> Result<Self, QuotaError> {
        let quota = Self::windowed(Algorithm::SlidingLog, count, period)?;
        if count > Self::LOG_MAX { Err(QuotaError::Log) } else { Ok(quota) }
    }

    /// `count` in flight at a time. Whoever cannot tell that one has ended forgets it after `period`.
    ///
    /// # Errors
    /// When there would be nothing or too much to count.
    pub fn concurrency(count: u32, period: Duration) -> Result<Self, QuotaError> {
        Self::windowed(Algorithm::Concurrency, count, period)
    }

    fn windowed(algorithm: Algorithm, count: u32, period: Duration) -> Result<Self, QuotaError> {
        let period_ns = check(count, period)?;
        Ok(Self { algorithm, count, period_ns, burst: 0, interval_ns: period_ns.div_ceil(u64::from(count)) })
    }

    /// How it is counted.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// How many in a period, or in flight.
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// The period.
    pub const fn period(&self) -> Duration {
        Duration::from_nanos(self.period_ns)
    }

    /// How many more at once than one: of GCRA alone.
    pub const fn burst(&self) -> u32 {
        self.burst
    }

    /// The most that can be taken at once: no cost may be above it.
    pub const fn at_once(&self) -> u32 {
        match self.algorithm {
            Algorithm::Gcra => self.burst.saturating_add(1),
            _ => self.count,
        }
    }

    /// The emission interval T: the time that makes up for one. Rounded up to a nanosecond.
    pub const fn interval(&self) -> Duration {
        Duration::from_nanos(self.interval_ns)
    }

    /// The tolerance tau = (burst + 1) T.
    pub const fn tolerance(&self) -> Duration {
        Duration::from_nanos(self.tolerance_ns())
    }

    pub(crate) const fn period_ns(&self) -> u64 {
        self.period_ns
    }

    pub(crate) const fn interval_ns(&self) -> u64 {
        self.interval_ns
    }

    pub(crate) const fn tolerance_ns(&self) -> u64 {
        (self.burst as u64 + 1) * self.interval_ns
    }

    /// One part of so many of it, at least one: what each of several nodes may let through while they cannot ask.
    pub fn share(&self, nodes: u32) -> Self {
        let nodes = nodes.max(1);
        let part = |count: u32| (count / nodes).max(1);
        let shared = match self.algorithm {
            Algorithm::Gcra => Self::gcra(part(self.count), self.period(), part(self.at_once()) - 1),
            Algorithm::SlidingWindow => Self::sliding_window(part(self.count), self.period()),
            Algorithm::SlidingLog => Self::sliding_log(part(self.count), self.period()),
            Algorithm::Concurrency => Self::concurrency(part(self.count), self.period()),
        };
        // A lower rate with a burst of one part makes up for it in about the same time; rounding may not.
        shared.unwrap_or(*self)
    }
}

fn check(count: u32, period: Duration) -> Result<u64, QuotaError> {
    if count == 0 {
        return Err(QuotaError::Zero);
    }
    if period < Duration::from_millis(1) {
        return Err(QuotaError::NoPeriod);
    }
    // Windows begin at whole milliseconds.
    let whole = nanos(period) / 1_000_000 * 1_000_000;
    if period > Quota::PERIOD_MAX { Err(QuotaError::LongPeriod) } else { Ok(whole) }
}

/// Of periods up to a year.
const fn nanos(duration: Duration) -> u64 {
    duration.as_nanos() as u64
}
