use std::net::IpAddr;

use ipnet::IpNet;
use proptest::prelude::*;
use tidegate_core::Country;

use super::*;
use crate::key::tests::with;

const MINUTE: Duration = Duration::from_secs(60);

fn entries(entries: &str) -> List {
    entries.split_terminator(' ').map(|entry| Entry::parse(entry).unwrap()).collect()
}

/// 100 a minute for each client.
fn limit() -> Limit {
    Limit {
        name: "a".into(),
        quota: Quota::gcra(100, MINUTE, 9).unwrap(),
        tiers: Vec::new(),
        plan_from: None,
        recipe: Recipe::default(),
        missing: Missing::Share,
        cost: 1,
        cost_from: None,
        allow: List::default(),
        deny: List::default(),
        is_shadow: false,
        max_delay: Duration::ZERO,
        store: StoreKind::Memory,
        when_down: WhenDown::Open,
        max_keys: 10,
        source: Source { file: "edge.toml".into(), line: 1 },
    }
}

fn tier(plan: &str, count: u32, members: &str) -> Tier {
    Tier { plan: plan.into(), quota: Quota::gcra(count, MINUTE, 0).unwrap(), members: entries(members) }
}

/// In words: `take KEY of COUNT`.
fn judged(limit: &Limit, request: &str) -> String {
    match with(request, |view| limit.judge(LimitId(7), view, "api")) {
        Judged::Take(take) => {
            assert_eq!(take.limit, LimitId(7));
            format!("take {} of {}", take.key, take.quota.count())
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn what_is_taken() {
    let take = |limit: &Limit| match with("192.0.2.1 a", |view| limit.judge(LimitId(0), view, "api")) {
        Judged::Take(take) => take,
        other => panic!("{other:?}"),
    };
    let plain = take(&limit());
    assert_eq!((plain.cost, plain.max_delay, plain.is_shadow), (1, Duration::ZERO, false));
    let other = take(&Limit { cost: 99, max_delay: MINUTE, is_shadow: true, ..limit() });
    // Of a burst of 9, ten can be taken at once.
    assert_eq!((other.cost, other.max_delay, other.is_shadow), (10, MINUTE, true));
}

#[test]
fn lists_come_before_counting() {
    let limit = Limit {
        deny: entries("192.0.2.66 country:XX header:x-bad=1"),
        allow: entries("192.0.2.0/24 10.0.0.0/8 2001:db8::/32 route=health host=a"),
        ..limit()
    };
    for (request, expected) in [
        ("192.0.2.1 b", "Allowed"),
        ("192.0.2.66 b", "Denied"),
        ("192.0.2.1 b | country: xx", "Denied"),
        ("192.0.2.1 b | x-bad: 1", "Denied"),
        ("192.0.2.1 b | x-bad: 2", "Allowed"),
        ("198.51.100.1 a", "Allowed"),
        ("198.51.100.1 b", "take client=198.51.100.1 of 100"),
        ("198.51.100.1 b | country: de", "take client=198.51.100.1 of 100"),
        ("10.9.8.7 b", "Allowed"),
        ("::ffff:10.9.8.7 b", "Allowed"),
        ("2001:db8:1::1 b", "Allowed"),
        ("2001:db9::1 b", "take client=2001:db9::/64 of 100"),
    ] {
        assert_eq!(judged(&limit, request), expected, "{request}");
    }
}

#[test]
fn what_is_missing() {
    let recipe = Recipe { parts: vec![Part::ApiKey, Part::Route], ..Recipe::default() };
    for (missing, expected) in
        [(Missing::Share, "take api-key|route=api of 100"), (Missing::Skip, "Skipped"), (Missing::Refuse, "Incomplete")]
    {
        assert_eq!(judged(&Limit { missing, recipe: recipe.clone(), ..limit() }, "192.0.2.1 a"), expected);
    }
}

#[test]
fn plans() {
    let gold = tier("gold", 1000, "api-key=secret 10.1.0.0/16 header:x-tenant=acme");
    let silver = tier("silver", 500, "header:x-tenant=other 10.0.0.0/8");
    let tiers = vec![gold, silver];
    let plan_from = Part::parse("header:x-plan");
    let limit = Limit { tiers, plan_from, ..limit() };
    for (request, expected) in [
        ("192.0.2.1 a", "take client=192.0.2.1 of 100"),
        ("192.0.2.1 a | x-plan: gold", "take plan=gold|client=192.0.2.1 of 1000"),
        ("192.0.2.1 a | x-plan: silver", "take plan=silver|client=192.0.2.1 of 500"),
        ("192.0.2.1 a | x-plan: lead", "take client=192.0.2.1 of 100"),
        ("192.0.2.1 a | x-plan: Gold", "take client=192.0.2.1 of 100"),
        ("192.0.2.1 a | x-plan: gold | x-plan: gold", "take client=192.0.2.1 of 100"),
        // Members have their plan whatever they say, in the order of the tiers.
        ("10.1.2.3 a | x-plan: silver", "take plan=gold|client=10.1.2.3 of 1000"),
        ("10.2.2.3 a | x-plan: gold", "take plan=silver|client=10.2.2.3 of 500"),
        ("192.0.2.1 a | x-api-key: secret", "take plan=gold|client=192.0.2.1 of 1000"),
        ("192.0.2.1 a | x-api-key: wrong", "take client=192.0.2.1 of 100"),
        ("192.0.2.1 a | x-tenant: other", "take plan=silver|client=192.0.2.1 of 500"),
    ] {
        assert_eq!(judged(&limit, request), expected, "{request}");
    }
}

#[test]
fn plans_of_secret_and_odd_names() {
    for (part, request) in [
        ("cookie:plan", "192.0.2.1 a | cookie: plan=a%b"),
        ("header:x-plan", "192.0.2.1 a | x-plan: a%b"),
        ("query:plan", "192.0.2.1 a?plan=a%25b"),
    ] {
        let limit = Limit { tiers: vec![tier("a%b", 7, "")], plan_from: Part::parse(part), ..limit() };
        assert_eq!(judged(&limit, request), "take plan=a%25b|client=192.0.2.1 of 7", "{part}");
    }
}

#[test]
fn entries_are_read() {
    let long = format!("header:a={}", "x".repeat(65));
    let table = [
        ("192.0.2.1", "192.0.2.1"),
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.1.2.3/8", "10.1.2.3/8"),
        ("2001:db8::/32", "2001:db8::/32"),
        ("::1", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:0.0.0.0/90", "::ffff:0.0.0.0/90"),
        ("client=192.0.2.0/24", "192.0.2.0/24"),
        ("country:de", "country:DE"),
        ("country=de", "country:DE"),
        ("header:X-Tenant = acme ", "header:x-tenant=acme"),
        ("header:a=b=c", "header:a=b%3Dc"),
        ("host=Shop.Example", "host=shop.example"),
        ("claim:https://a/b=c", "claim:https://a/b=c"),
        ("api-key=secret", "api-key=#2bb80d537b1da3e38bd30361aa855686"),
        ("cookie:s=secret", "cookie:s=#2bb80d537b1da3e38bd30361aa855686"),
    ];
    for (text, shown) in table {
        assert_eq!(Entry::parse(text).map(|entry| entry.to_string()).as_deref(), Ok(shown), "{text}");
    }
    assert!(Entry::parse(&long).unwrap().to_string().starts_with("header:a=#"));
    assert_eq!(Entry::parse("192.0.2.1"), Ok(Entry::Network(IpAddr::from([192, 0, 2, 1]).into())));
    assert_eq!(Ok(Entry::Country(Country::parse("DE").unwrap())), Entry::parse("country:DE"));
}

#[test]
fn what_is_no_entry_says_why() {
    let network = "neither an address nor a network. Write it as in \"10.0.0.0/8\" or \"::1\"";
    let unknown = "neither an address, a network nor a value of a part. Write it as in \"10.0.0.0/8\", \"country:DE\" or \
                   \"header:x-tenant=acme\"";
    let table = [
        ("", format!("\"\" is {unknown}")),
        ("10.0.0.0/33", format!("\"10.0.0.0/33\" is {unknown}")),
        ("client=10.0.0.300", format!("\"10.0.0.300\" is {network}")),
        (
            "country:Germany",
            "\"Germany\" is no country. Write its ISO 3166 code of two letters, as in \"country:DE\"".into(),
        ),
        (
            "key=secret",
            "\"key\" is no part of a request. Write one of: client, route, host, country, header:NAME, cookie:NAME, \
             query:NAME, api-key, claim:NAME"
                .into(),
        ),
        ("api-key", "\"api-key\" says no value, and nobody's is empty. Write it as in \"api-key=VALUE\"".into()),
        ("api-key= ", "\"api-key\" says no value, and nobody's is empty. Write it as in \"api-key=VALUE\"".into()),
    ];
    for (text, message) in table {
        assert_eq!(Entry::parse(text).map_err(|error| error.to_string()), Err(message), "{text}");
    }
}

proptest! {
    #[test]
    fn networks_have_the_clients_that_they_contain(bits in any::<[u8; 16]>(), flipped in 0..130_u8, prefix in 0..=128_u8) {
        let other = u128::from_be_bytes(bits) ^ 1_u128.checked_shl(flipped.into()).unwrap_or(0);
        let (v6, v4) = (IpAddr::from(bits), IpAddr::from([bits[12], bits[13], bits[14], bits[15]]));
        for (network, client) in [
            (IpNet::new(v6, prefix), IpAddr::from(other.to_be_bytes()).to_canonical()),
            (IpNet::new(v4, prefix.min(32)), IpAddr::from((other as u32).to_be_bytes())),
            (IpNet::new(v4, 0), IpAddr::from(other.to_be_bytes()).to_canonical()),
        ] {
            let network = network.unwrap();
            let limit = Limit { allow: List::from_iter([Entry::Network(network)]), ..limit() };
            let is_allowed = judged(&limit, &format!("{client} a")) == "Allowed";
            prop_assert_eq!(is_allowed, network.contains(&client), "{} of {}", client, network);
        }
    }
}
