//! A visitor's cart: how many of what. It knows no prices; those are the catalogue's, at the moment they are shown.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate::{Error, Result};

use crate::{
    catalogue::{Catalogue, Product},
    money::Money,
};

/// Of one product.
pub const MAX_QUANTITY: u32 = 20;
/// Different products.
const MAX_LINES: usize = 50;

/// Product ids and quantities; never a quantity of 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cart(BTreeMap<String, u32>);

/// A line of the cart as it is shown.
#[derive(Debug, Serialize)]
pub struct Line<'a> {
    pub product: &'a Product,
    pub quantity: u32,
    pub total: Money,
}

impl Cart {
    /// Puts more of a product in; what is over the limit is left on the shelf.
    pub fn add(&mut self, id: &str, quantity: u32) -> Result<()> {
        let quantity = self.0.get(id).copied().unwrap_or(0).saturating_add(quantity);
        self.set(id, quantity)
    }

    /// Sets how many of a product there are; 0 takes it out.
    pub fn set(&mut self, id: &str, quantity: u32) -> Result<()> {
        if quantity == 0 {
            self.0.remove(id);
            return Ok(());
        }
        if !self.0.contains_key(id) && self.0.len() >= MAX_LINES {
            return Err(Error::bad_request("the cart is full"));
        }
        self.0.insert(id.to_owned(), quantity.min(MAX_QUANTITY));
        Ok(())
    }

    /// How many things are in it.
    pub fn count(&self) -> u32 {
        self.0.values().sum()
    }

    /// The lines, without products that are no longer for sale.
    pub fn lines<'a>(&self, catalogue: &'a Catalogue) -> Vec<Line<'a>> {
        let line = |(id, quantity): (&String, &u32)| {
            let product = catalogue.product(id)?;
            Some(Line { product, quantity: *quantity, total: product.price * *quantity })
        };
        self.0.iter().filter_map(line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_sets_and_takes_out() {
        let mut cart = Cart::default();
        cart.add("mug", 1).unwrap();
        cart.add("mug", 2).unwrap();
        cart.add("book", 1).unwrap();
        assert_eq!(cart.count(), 4);
        cart.set("mug", 1).unwrap();
        assert_eq!(cart.count(), 2);
        cart.set("mug", 0).unwrap();
        cart.set("never-there", 0).unwrap();
        assert_eq!(serde_json::to_string(&cart).unwrap(), r#"{"book":1}"#);
    }

    #[test]
    fn is_bounded() {
        let mut cart = Cart::default();
        cart.add("mug", 3).unwrap();
        cart.add("mug", u32::MAX).unwrap();
        assert_eq!(cart.count(), MAX_QUANTITY);
        for i in 1..MAX_LINES {
            cart.add(&i.to_string(), 1).unwrap();
        }
        assert_eq!(cart.add("one-more", 1).unwrap_err().status_code(), 400);
        cart.set("mug", 1).unwrap(); // what is there can still be changed
    }
}
