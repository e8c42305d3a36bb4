//! Prices, in euro cents.

use std::{fmt, iter::Sum, ops::Mul};

use serde::{Deserialize, Serialize};

/// An amount of money. In JSON it is the number of cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub u32);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "€{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

/// Never wraps: carts are bounded far below.
impl Mul<u32> for Money {
    type Output = Self;

    fn mul(self, times: u32) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |sum, amount| sum.saturating_add(amount.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cents_have_two_digits() {
        assert_eq!(Money(0).to_string(), "€0.00");
        assert_eq!(Money(1405).to_string(), "€14.05");
        assert_eq!([Money(1405) * 2, Money(1)].into_iter().sum::<Money>(), Money(2811));
    }
}
