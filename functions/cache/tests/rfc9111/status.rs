//! RFC 9211: Cache-Status.

use tidegate_cache::Plan;

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "RFC 9211 2.1 and 2.4: hit, ttl",
        "0 GET <- 200 | cache-control: max-age=60 => miss | cache-status: edge; fwd=uri-miss\n5 GET => hit | age: 5 | cache-status: edge; hit; ttl=55",
    ),
    (
        "RFC 9211 2.4: negative when it is stale",
        "0 GET <- 200 | cache-control: max-age=5 => miss\n8 GET | cache-control: max-stale => stale | age: 8 | cache-status: edge; hit; ttl=-3",
    ),
    (
        "RFC 9211 2: what others said stays",
        "0 GET <- 200 | cache-control: max-age=60 | cache-status: origin; hit => miss | cache-status: origin; hit | cache-status: edge; fwd=uri-miss
         1 GET => hit | age: 1 | cache-status: origin; hit | cache-status: edge; hit; ttl=59",
    ),
];

#[test]
fn cache_status() {
    run(&Plan::default(), CASES);
}
