//! Durations as operators write them: `"250ms"`, `"10s"`, `"5m"`, `"1h"`, `"365d"`.

use std::time::Duration;

/// The units, longest first, in milliseconds.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// Not a whole number and a unit.
    #[error("{0:?} is not a duration. Write a whole number and ms, s, m, h or d, as in \"30s\"")]
    Syntax(String),
    /// More milliseconds than fit into 64 bits.
    #[error("{0:?} is too long a duration")]
    TooLong(String),
}

/// Reads a whole number directly followed by `ms`, `s`, `m`, `h` or `d`, a day of 24 hours.
///
/// # Errors
/// See [`DurationError`].
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let (Some(factor), 1..) = (factor, digits) else {
        return Err(DurationError::Syntax(text.to_owned()));
    };
    let number: Option<u64> = number.parse().ok();
    match number.and_then(|number| number.checked_mul(factor)) {
        Some(milliseconds) => Ok(Duration::from_millis(milliseconds)),
        None => Err(DurationError::TooLong(text.to_owned())),
    }
}

/// Writes a duration the way [`parse`] reads it, in the largest unit that needs no fraction. Parts
/// of a millisecond are cut off.
pub fn display(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let whole = |(_, factor): &&(&str, u64)| milliseconds.is_multiple_of(u128::from(*factor));
    let zero = milliseconds == 0;
    match UNITS.iter().find(whole) {
        Some((unit, factor)) if !zero => format!("{}{unit}", milliseconds / u128::from(*factor)),
        _ => "0s".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good() {
        let table = [
            ("250ms", 250, "250ms"),
            ("10s", 10_000, "10s"),
            ("5m", 300_000, "5m"),
            ("1h", 3_600_000, "1h"),
            ("365d", 31_536_000_000, "365d"),
            ("24h", 86_400_000, "1d"),
            ("36h", 129_600_000, "36h"),
            ("60s", 60_000, "1m"),
            ("90s", 90_000, "90s"),
            ("1500ms", 1_500, "1500ms"),
            ("0s", 0, "0s"),
            ("007s", 7_000, "7s"),
        ];
        for (text, milliseconds, shown) in table {
            let duration = parse(text).unwrap();
            assert_eq!(duration, Duration::from_millis(milliseconds), "{text}");
            assert_eq!(display(duration), shown);
        }
    }

    #[test]
    fn bad() {
        for text in ["", "10", "s", "1.5s", "10 s", " 10s", "10S", "10sec", "-1s", "1m30s", "1w", "1D", "١s"] {
            assert_eq!(parse(text), Err(DurationError::Syntax(text.to_owned())), "{text}");
        }
        for text in ["99999999999999999999s", "18446744073709551615s"] {
            assert_eq!(parse(text), Err(DurationError::TooLong(text.to_owned())), "{text}");
        }
    }
}
