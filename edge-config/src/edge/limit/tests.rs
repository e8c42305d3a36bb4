use proptest::prelude::*;
use tidegate_limit::{Algorithm, Quota, REGISTERED_CLAIMS};

use super::*;
use crate::edge::{Edge, Nothing};
use crate::rate::Rate;

/// What a configuration says of limits, where these are lines of one, which a route names.
fn limit(lines: &str) -> Result<Limit, String> {
    let text = format!(
        "[limit_store]\nredis = {{ url = \"redis://a\" }}\n[[limit]]\nname = \"l\"\n{lines}\n\
         [[route]]\nname = \"r\"\nfunction = \"*\"\nlimit = \"l\"\n"
    );
    let (edge, _) = Edge::parse("f.toml", &text, &mut Nothing).map_err(|errors| errors.to_string())?;
    Ok(edge.limits.into_iter().next().expect("there is one"))
}

/// The limits of a route, where there are `a`, `b` and `c`.
fn of_route(defaults: &str, own: &str) -> Limits {
    let limits: String = ["a", "b", "c"].map(|name| format!("[[limit]]\nname = \"{name}\"\nrate = \"1/s\"\n")).concat();
    let text = format!("[defaults]\n{defaults}\n{limits}[[route]]\nname = \"r\"\nfunction = \"*\"\n{own}\n");
    let (edge, _) = Edge::parse("f.toml", &text, &mut Nothing).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let (_, route) = edge.routes.iter().next().expect("there is one");
    route.limits.clone()
}

#[test]
fn defaults_are_those_of_the_shape() {
    let plain = format!("{:?}", limit("rate = \"100/m\"").unwrap());
    let only = |key: &&str| !["forget_after", "when_down"].contains(key);
    let fields = SHAPE.fields().filter(|field| only(&field.key));
    let is_bare = |text: &str| text.starts_with(['[', '{']) || text.parse::<u32>().is_ok() || text == "false";
    let written: Vec<_> = fields
        .filter_map(|field| Some((field.key, field.default?)))
        .map(|(key, text)| if is_bare(text) { format!("{key} = {text}") } else { format!("{key} = {text:?}") })
        .collect();
    assert!(written.len() > 10, "{written:?}");
    for line in written.iter().chain(&["max_keys = 100000".to_owned(), "burst = 99".to_owned()]) {
        assert_eq!(format!("{:?}", limit(&format!("rate = \"100/m\"\n{line}")).unwrap()), plain, "{line}");
    }
    let log = limit("algorithm = \"sliding-log\"\nrate = \"100/m\"").unwrap();
    assert_eq!((log.max_keys, log.recipe), (10_000, Recipe::default()));
}

#[test]
fn algorithms_have_their_quotas() {
    let minute = Duration::from_secs(60);
    let table = [
        ("rate = \"100/m\"", Quota::gcra(100, minute, 99)),
        ("rate = \"100/m\"\nburst = 0", Quota::gcra(100, minute, 0)),
        ("rate = \"100/m\"\nburst = 500", Quota::gcra(100, minute, 500)),
        ("algorithm = \"gcra\"\nrate = \"1/d\"", Quota::gcra(1, minute * 1440, 0)),
        ("algorithm = \"sliding-window\"\nrate = \"100/m\"", Quota::sliding_window(100, minute)),
        ("algorithm = \"sliding-log\"\nrate = \"100/m\"", Quota::sliding_log(100, minute)),
        ("algorithm = \"concurrency\"\nin_flight = 7", Quota::concurrency(7, minute)),
        (
            "algorithm = \"concurrency\"\nin_flight = 7\nstore = \"redis\"\nforget_after = \"5m\"",
            Quota::concurrency(7, minute * 5),
        ),
    ];
    for (lines, quota) in table {
        assert_eq!(Ok(limit(lines).unwrap().quota), quota, "{lines}");
    }
    assert_eq!(shape::ALGORITHMS, Algorithm::ALL.map(Algorithm::as_str));
}

#[test]
fn tiers_stand_for_themselves() {
    let tiers = "rate = \"10/s\"\nburst = 3\ntier = [{ plan = \"a\", rate = \"100/s\", members = [\"::1\"] }, \
                 { plan = \"b\", rate = \"100/s\", burst = 5, members = [\"::2\"] }]";
    let tiers = limit(tiers).unwrap().tiers;
    let bursts: Vec<_> = tiers.iter().map(|tier| (&*tier.plan, tier.quota.burst())).collect();
    assert_eq!(bursts, [("a", 99), ("b", 5)]);
}

#[test]
fn stores() {
    let redis = "rate = \"1/s\"\nstore = \"redis\"";
    let table = [
        ("rate = \"1/s\"".to_owned(), StoreKind::Memory, WhenDown::Open),
        (redis.to_owned(), StoreKind::Redis, WhenDown::Open),
        (format!("{redis}\nlease = false\nwhen_down = \"closed\""), StoreKind::Redis, WhenDown::Closed),
        (format!("{redis}\nlease = true\nwhen_down = \"local\""), StoreKind::Leases, WhenDown::Local),
    ];
    for (lines, store, when_down) in table {
        let limit = limit(&lines).unwrap();
        assert_eq!((limit.store, limit.when_down), (store, when_down), "{lines}");
    }
}

#[test]
fn what_counts_for_a_route() {
    let all = |ids: &[usize]| Limits { ids: ids.iter().copied().map(LimitId).collect(), need: Need::All };
    let table = [
        ("", "", all(&[])),
        ("", "limit = \"b\"", all(&[1])),
        ("", "limit = [\"c\", \"a\"]", all(&[2, 0])),
        ("", "limit = { any = [\"c\", \"a\"] }", Limits { need: Need::Any, ..all(&[2, 0]) }),
        ("limit = \"a\"", "", all(&[0])),
        ("limit = \"a\"", "limit = \"b\"", all(&[1])),
        ("limit = \"a\"", "limit = false", all(&[])),
        ("limit = { any = [\"a\", \"b\"] }", "", Limits { need: Need::Any, ..all(&[0, 1]) }),
        ("limit = { any = [\"a\", \"b\"] }", "limit = [\"c\"]", all(&[2])),
        ("limit = false", "", all(&[])),
    ];
    for (defaults, own, limits) in table {
        assert_eq!(of_route(defaults, own), limits, "{defaults} / {own}");
    }
}

#[test]
fn logs_count_where_they_are_kept() {
    let log = "algorithm = \"sliding-log\"\nrate = \"10000/d\"\nmax_keys = ";
    let in_redis = "store = \"redis\"";
    let table = [
        (format!("{log}6710"), true),
        (format!("{log}6711"), false),
        (format!("{log}6711\n{in_redis}"), true),
        (format!("{log}6711\n{in_redis}\nwhen_down = \"local\""), false),
    ];
    for (lines, is_good) in table {
        assert_eq!(limit(&lines).is_ok(), is_good, "{lines}");
    }
}

#[test]
fn claims_that_are_known_are_told() {
    let field = crate::edge::client::SHAPE.field("claims").expect("it is there");
    for name in REGISTERED_CLAIMS {
        assert!(field.description.split([' ', ',', '.']).any(|word| word == *name), "{name}");
        limit(&format!("rate = \"1/s\"\nkey = \"claim:{name}\"")).unwrap();
    }
}

/// A secret whose part was forgotten or mistyped stands in no message, and as it should be in no dump.
#[test]
fn members_may_be_secret() {
    let with = |member: &str| {
        format!("rate = \"1/s\"\ntier = [{{ plan = \"gold\", rate = \"2/s\", members = [\"{member}\"] }}]")
    };
    for member in
        ["hunter2", "hunter2==", "apikey=hunter2", "api-key:hunter2", "api-key:hunter2=", "=hunter2", "x:hunter2"]
    {
        let errors = limit(&with(member)).expect_err(member);
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    for member in ["api-key=hunter2", "cookie:session=hunter2", "header:authorization=Bearer hunter2"] {
        let limit = limit(&with(member)).unwrap();
        assert!(!format!("{limit:?}").contains("hunter2"), "{limit:?}");
    }
}

proptest! {
    /// Without a burst there is always a quota, if the rate is not too high.
    #[test]
    fn every_rate_has_a_burst(count in 1..=u32::MAX, unit in prop::sample::select(&["s", "m", "h", "d"][..])) {
        let rate = Rate::parse(&format!("{count}/{unit}")).unwrap();
        let is_slow = u64::from(count) <= rate.period.as_secs() * Quota::RATE_MAX;
        let found = limit(&format!("rate = \"{rate}\""));
        prop_assert_eq!(found.is_ok(), is_slow, "{:?}", found);
        if let Ok(limit) = found {
            prop_assert_eq!(limit.quota.at_once(), count);
        }
    }

    /// A cost that is accepted fits into every quota.
    #[test]
    fn costs_fit(count in 1..50_u32, burst in prop::option::of(0..50_u32), cost in 1..60_u32, of_tier in 1..50_u32) {
        let burst_line = burst.map(|burst| format!("burst = {burst}\n")).unwrap_or_default();
        let found = limit(&format!(
            "rate = \"{count}/m\"\n{burst_line}cost = {cost}\n\
             tier = [{{ plan = \"gold\", rate = \"{of_tier}/m\", members = [\"::1\"] }}]"
        ));
        let fits = cost <= burst.map_or(count, |burst| burst + 1) && cost <= of_tier;
        prop_assert_eq!(found.is_ok(), fits, "{:?}", found);
    }
}
