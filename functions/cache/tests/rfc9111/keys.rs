//! No-Vary-Search, and keys of an operator's choice.

use tidegate_cache::{Plan, Recipe, Select};

use crate::{Case, run};

const CASES: &[Case] = &[
    (
        "No-Vary-Search 4: params",
        "0 GET /?a=1&b=1 <- 200 | cache-control: max-age=60 | no-vary-search: params=(\"b\") => miss
         1 GET /?a=1&b=2 => hit | age: 1
         1 GET /?a=1 => hit | age: 1
         1 GET /?a=2&b=1 => miss",
    ),
    (
        "No-Vary-Search 4: params and except",
        "0 GET /?a=1&b=1 <- 200 | cache-control: max-age=60 | no-vary-search: params, except=(\"a\") => miss
         1 GET /?c=9&a=1 => hit | age: 1
         1 GET /?a=2 => miss",
    ),
    (
        "No-Vary-Search 4: key-order",
        "0 GET /?a=1&b=1 <- 200 | cache-control: max-age=60 | no-vary-search: key-order => miss\n1 GET /?b=1&a=1 => hit | age: 1\n1 GET /?b=2&a=1 => miss",
    ),
    (
        "No-Vary-Search 4: invalid",
        "0 GET /?a=1 <- 200 | cache-control: max-age=60 | no-vary-search: params=b => miss\n1 GET /?a=2 => miss\n1 GET /?a=1 => hit | age: 1",
    ),
    (
        "No-Vary-Search and Vary",
        "0 GET /?a=1 | x: 1 <- 200 | cache-control: max-age=60 | no-vary-search: params | vary: x => miss\n1 GET /?a=2 | x: 1 => hit | age: 1\n1 GET /?a=2 | x: 2 => miss",
    ),
    (
        "4.3: what is found by No-Vary-Search is validated",
        "0 GET /?a=1 <- 200 | cache-control: max-age=1 | no-vary-search: params | etag: \"1\" => miss\n5 GET /?a=2 <- 304 => check | age: 0 | > if-none-match: \"1\"\n5 GET /?a=3 => hit | age: 0",
    ),
];

#[test]
fn no_vary_search() {
    run(&Plan::default(), CASES);
}

#[test]
fn of_the_plan() {
    let recipe =
        Recipe { query: Select::Except(vec!["utm_*".into()]), cookies: vec!["theme".into()], ..Recipe::default() };
    let plan = Plan { recipe, session_cookies: vec!["session".into()], ..Plan::default() };
    let cases = &[
        (
            "2: additional material in the key",
            "0 GET /?a=1&utm_x=1 | cookie: theme=dark <- 200 | cache-control: max-age=60 => miss
             1 GET /?utm_y=2&a=1 | cookie: x=1; theme=dark => hit | age: 1
             1 GET /?a=1 | cookie: theme=light => miss",
        ),
        (
            "7.3: signed-in users pass by",
            "0 GET <- 200 | cache-control: max-age=60 => miss\n1 GET | cookie: session=1 => pass\n1 GET => hit | age: 1",
        ),
    ];
    run(&plan, cases);
}
