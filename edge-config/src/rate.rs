//! Rates as operators write them: `"100/m"`, `"5/s"`.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

/// The units, in seconds.
const UNITS: [(&str, u64); 4] = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];

/// So many in so much time. Displays as it is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In how much time: a second, a minute, an hour or a day.
    pub period: Duration,
}

/// Why a text is not a rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RateError {
    /// Not a whole number, a slash and a unit.
    #[error("{0:?} is not a rate. Write a whole number, / and s, m, h or d, as in \"100/m\"")]
    Syntax(String),
    /// Nothing at all in that time.
    #[error("a rate of 0 lets nothing through. Write a number from 1 on")]
    Zero,
    /// More than fits into 32 bits.
    #[error("{0:?} is too high a rate")]
    TooHigh(String),
}

impl Rate {
    /// Reads a whole number directly followed by `/s`, `/m`, `/h` or `/d`.
    ///
    /// # Errors
    /// See [`RateError`].
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let syntax = || RateError::Syntax(text.to_owned());
        let (count, unit) = text.split_once('/').ok_or_else(syntax)?;
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(syntax)?;
        if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(syntax());
        }
        let count: u32 = count.parse().map_err(|_| RateError::TooHigh(text.to_owned()))?;
        let count = NonZeroU32::new(count).ok_or(RateError::Zero)?;
        Ok(Self { count, period: Duration::from_secs(*seconds) })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, seconds)| *seconds == self.period.as_secs()) {
            Some((unit, _)) => write!(f, "{}/{unit}", self.count),
            None => write!(f, "{} in {:?}", self.count, self.period),
        }
    }
}

impl fmt::Debug for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        let table = [("100/m", 100, 60), ("5/s", 5, 1), ("1/h", 1, 3_600), ("4294967295/d", u32::MAX, 86_400)];
        for (text, count, seconds) in table {
            let rate = Rate::parse(text).unwrap();
            assert_eq!((rate.count.get(), rate.period), (count, Duration::from_secs(seconds)), "{text}");
            assert_eq!(rate.to_string(), text);
        }
    }

    #[test]
    fn bad() {
        for text in ["", "100", "/s", "100/", "100/min", "1.5/s", "-1/s", "+1/s", " 1/s", "1 / s", "1/2s", "1/s/s"] {
            assert_eq!(Rate::parse(text), Err(RateError::Syntax(text.to_owned())), "{text}");
        }
        assert_eq!(Rate::parse("0/s"), Err(RateError::Zero));
        assert_eq!(Rate::parse("4294967296/s"), Err(RateError::TooHigh("4294967296/s".to_owned())));
    }
}
