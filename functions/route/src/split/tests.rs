use proptest::prelude::*;

use super::*;
use crate::UpstreamId;
use crate::sample::Sample;

fn split(weights: &[u32], sticky: Option<Sticky>) -> Split {
    let arm = |(index, weight): (usize, &u32)| Arm {
        weight: *weight,
        to: Destination::Upstream(UpstreamId(index)),
        source: Source { file: "edge.toml".into(), line: 1 },
    };
    Split { arms: weights.iter().enumerate().map(arm).collect(), sticky }
}

fn cookie() -> Option<Sticky> {
    Some(Sticky::Cookie("arm".into()))
}

fn header() -> Option<Sticky> {
    Some(Sticky::Header(HeaderName::from_static("x-user")))
}

/// Which arm a client gets, now and for ever: other places and older versions must agree. The arms were computed
/// by another program.
#[test]
fn stability() {
    let table = [
        (cookie(), "GET http://h/ cookie:arm=0000000000000000", 2),
        (cookie(), "GET http://h/ cookie:arm=alice", 0),
        (cookie(), "GET http://h/ cookie:arm=bob", 2),
        (header(), "GET http://h/ header:x-user=carol", 0),
        (header(), "GET http://h/ header:x-user=dave", 1),
        (header(), "GET http://h/ client=192.0.2.1", 1),
        (header(), "GET http://h/ client=2001:db8::1", 1),
    ];
    for (sticky, request, arm) in table {
        let choice = split(&[50, 30, 20], sticky);
        let choice = choice.choose(&Sample::new(request).view(), 7);
        assert_eq!((choice.arm, choice.set_cookie), (arm, None), "{request}");
    }
}

#[test]
fn cookies() {
    let table = [
        (cookie(), "GET http://h/", Some("arm=00000000000000ff; Path=/; HttpOnly; SameSite=Lax")),
        (cookie(), "GET https://h/", Some("arm=00000000000000ff; Path=/; HttpOnly; SameSite=Lax; Secure")),
        (cookie(), "GET http://h/ cookie:arm=", Some("arm=00000000000000ff; Path=/; HttpOnly; SameSite=Lax")),
        (cookie(), "GET http://h/ cookie:arm=x", None),
        (header(), "GET http://h/", None),
        (None, "GET http://h/", None),
    ];
    for (sticky, request, expected) in table {
        let split = split(&[1, 1], sticky);
        let choice = split.choose(&Sample::new(request).view(), 0xff);
        let found = choice.set_cookie.as_ref().map(|value| value.to_str().unwrap());
        assert_eq!(found, expected, "{request}");
        assert!(matches!(choice.to, Destination::Upstream(UpstreamId(index)) if *index == choice.arm));
    }
}

#[test]
fn weights_at_the_ends() {
    for (weights, hash, arm) in [
        (&[1, 1][..], 0, 0),
        (&[1, 1], u64::MAX / 2, 0),
        (&[1, 1], u64::MAX / 2 + 1, 1),
        (&[1, 1], u64::MAX, 1),
        (&[0, 1, 0], 0, 1),
        (&[0, 1, 0], u64::MAX, 1),
        (&[u32::MAX, u32::MAX, u32::MAX], u64::MAX, 2),
        (&[0, 0], u64::MAX, 0),
        (&[0], 0, 0),
    ] {
        assert_eq!(split(weights, None).arm(hash), arm, "{weights:?} {hash}");
    }
}

fn weights() -> impl Strategy<Value = Vec<u32>> {
    let weights = prop::collection::vec(prop_oneof![Just(0), 1..100_u32, any::<u32>()], 1..6);
    weights.prop_filter("there are shares", |weights| weights.iter().any(|weight| *weight > 0))
}

proptest! {
    #[test]
    fn arms_without_weight_get_nothing(weights in weights(), random in any::<u64>()) {
        let choice = split(&weights, None).choose(&Sample::new("GET http://h/").view(), random).arm;
        prop_assert!(weights[choice] > 0);
    }

    #[test]
    fn the_cookie_leads_to_the_same_arm_again(weights in weights(), random in any::<u64>(), other in any::<u64>()) {
        let split = split(&weights, cookie());
        let first = split.choose(&Sample::new("GET http://h/").view(), random);
        let set_cookie = first.set_cookie.unwrap();
        let (pair, _) = set_cookie.to_str().unwrap().split_once(';').unwrap();
        let again = Sample::new(&format!("GET http://h/ cookie:{pair}"));
        let again = split.choose(&again.view(), other);
        prop_assert_eq!((again.arm, again.set_cookie), (first.arm, None));
    }

    /// Of two arms, one that grows takes clients from the other and gives none away.
    #[test]
    fn only_those_who_must_change_arms(a in 0..1000_u32, b in 1..1000_u32, more in 1..1000_u32, hash in any::<u64>()) {
        let (before, after) = (split(&[a, b], None).arm(hash), split(&[a + more, b], None).arm(hash));
        prop_assert!(before == after || (before, after) == (1, 0));
        let (before, after) = (split(&[b, a], None).arm(hash), split(&[b, a + more], None).arm(hash));
        prop_assert!(before == after || (before, after) == (0, 1));
    }

    /// What changes arms lies between the old and the new place of a boundary.
    #[test]
    fn arms_far_from_what_changes_keep_their_clients(weights in weights(), moved in 1..50_u32, hash in any::<u64>()) {
        // The first two exchange weight, so the boundaries of the others stay.
        let mut after = weights.clone();
        prop_assume!(after.len() > 2 && after[0] > moved && after[1] < u32::MAX - moved);
        after[0] -= moved;
        after[1] += moved;
        let (before, after) = (split(&weights, None).arm(hash), split(&after, None).arm(hash));
        prop_assert!(before == after || (before, after) == (0, 1));
    }
}

/// Each arm gets its share, however clients are told apart: within 4 standard deviations.
#[test]
fn distribution() {
    let (count, weights) = (20_000_u32, [70, 20, 0, 9, 1]);
    type Request = fn(u32) -> String;
    let requests: [(Option<Sticky>, Request); 4] = [
        (None, |_| "GET http://h/".to_owned()),
        (cookie(), |_| "GET http://h/".to_owned()),
        (header(), |n| format!("GET http://h/ header:x-user=user-{n}")),
        (header(), |n| format!("GET http://h/ client={}", std::net::Ipv4Addr::from(0x0a00_0000 + n))),
    ];
    for (sticky, request) in requests {
        let split = split(&weights, sticky);
        let mut found = [0_u32; 5];
        (0..count).for_each(|n| found[split.choose(&Sample::new(&request(n)).view(), u64::from(n)).arm] += 1);
        for (found, weight) in found.iter().zip(weights) {
            let (n, share) = (f64::from(count), f64::from(weight) / 100.0);
            let deviation = (n * share * (1.0 - share)).sqrt();
            let off = (f64::from(*found) - n * share).abs();
            assert!(off <= 4.0 * deviation, "{found} of {weight} % with {:?}", split.sticky);
        }
    }
}
