//! Orders. So far an order is only kept to be thanked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate::{Error, Result, kv::Store, random};

use crate::{cart::Line, money::Money};

const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Letters and digits that nobody confuses on the telephone.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// An order as it was placed.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    pub number: String,
    pub things: u32,
    pub total: Money,
}

/// Places an order for what is in the cart.
pub async fn place(store: &Store, lines: &[Line<'_>]) -> Result<Order> {
    let order = Order {
        number: number(),
        things: lines.iter().map(|line| line.quantity).sum(),
        total: lines.iter().map(|line| line.total).sum(),
    };
    store.set_json_with_ttl(&key(&order.number), &order, KEPT).await?;
    Ok(order)
}

/// The order of this number.
pub async fn find(store: &Store, number: &str) -> Result<Order> {
    let unknown = || Error::not_found("there is no order of this number");
    if !is_number(number) {
        return Err(unknown());
    }
    store.get_json(&key(number)).await?.ok_or_else(unknown)
}

/// 50 random bits: nobody finds another's order by counting.
fn number() -> String {
    let random: [u8; 10] = random::bytes();
    let digits: String = random.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect();
    format!("TG-{digits}")
}

fn is_number(number: &str) -> bool {
    number
        .strip_prefix("TG-")
        .is_some_and(|digits| digits.len() == 10 && digits.bytes().all(|digit| ALPHABET.contains(&digit)))
}

fn key(number: &str) -> String {
    format!("order/{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numbers() {
        assert!(is_number(&number()));
        for bad in ["", "TG-", "TG-0123", "XX-0123456789", "TG-012345678!", "TG-O123456789"] {
            assert!(!is_number(bad), "{bad}");
        }
    }
}
