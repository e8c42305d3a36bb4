//! With a real Redis, which is started for each test:
//! `cargo test -p tidegate-host --lib limit::redis -- --include-ignored`.

mod equality;

use crate::redis::tests::Server;

use super::*;
