//! The tier as its callers see it; what each file below tries is its name.

mod concurrency;
mod model;
mod operations;
mod replay;
mod speed;

use std::sync::Arc;

use super::{ENTRY_OVERHEAD, Inserted, Memory};

fn key(number: usize) -> Arc<str> {
    format!("https://shop.example/products/{number:034}").into()
}
