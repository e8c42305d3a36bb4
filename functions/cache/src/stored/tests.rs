use proptest::prelude::*;

use super::*;

fn name() -> impl Strategy<Value = HeaderName> {
    "[a-z][a-z0-9-]{0,8}".prop_map(|name| name.parse().unwrap())
}

fn value() -> impl Strategy<Value = HeaderValue> {
    let bytes = any::<u8>().prop_filter("in no field", |byte| HeaderValue::from_bytes(&[*byte]).is_ok());
    proptest::collection::vec(bytes, 0..12).prop_map(|bytes| HeaderValue::from_bytes(&bytes).unwrap())
}

fn extent() -> impl Strategy<Value = Extent> {
    let part = (any::<u32>(), any::<u32>(), any::<u32>()).prop_map(|(first, length, more)| {
        let [first, length, more] = [first, length, more].map(u64::from);
        Extent::Part { first, length, complete_length: first + length + more }
    });
    prop_oneof![Just(Extent::Whole), part]
}

fn stored() -> impl Strategy<Value = Stored> {
    let headers = proptest::collection::vec((name(), value()), 0..6);
    let durations = proptest::array::uniform4(any::<u64>().prop_map(Duration::from_millis));
    let text = proptest::option::of(".{0,8}".prop_map(Arc::from));
    let vary = proptest::collection::vec((name(), text), 0..3);
    let tags = proptest::collection::vec(".{1,8}".prop_map(Arc::from), 0..3);
    (100..1000_u16, headers, durations, any::<u64>(), any::<(bool, bool)>(), vary, tags, extent()).prop_map(
        |(status, lines, durations, received_at, (must_revalidate, no_cache), vary, tags, extent)| {
            let mut headers = HeaderMap::new();
            lines.into_iter().for_each(|(name, value)| _ = headers.append(name, value));
            let [initial_age, fresh_for, stale_while_revalidate, stale_if_error] = durations;
            Stored {
                status: StatusCode::from_u16(status).unwrap(),
                headers,
                initial_age,
                received_at: Timestamp::from_unix_ms(received_at),
                fresh_for,
                stale_while_revalidate,
                stale_if_error,
                must_revalidate,
                no_cache,
                vary,
                tags,
                extent,
            }
        },
    )
}

fn marker() -> impl Strategy<Value = Marker> {
    let sets =
        proptest::collection::vec(proptest::collection::vec(name(), 0..3).prop_map(Vary::new), 0..=Marker::VARY_MAX);
    let search = (any::<bool>(), any::<bool>(), proptest::collection::vec(".{0,5}", 0..3));
    let search = search.prop_map(|(ignores_order, is_all_but, names)| Search {
        ignores_order,
        ignores: if is_all_but { Ignores::AllBut(names) } else { Ignores::These(names) },
    });
    (sets, proptest::option::of(search)).prop_map(|(vary, search)| Marker { vary, search })
}

fn example() -> Stored {
    Stored {
        status: StatusCode::OK,
        headers: HeaderMap::from_iter([(http::header::ETAG, HeaderValue::from_static("\"1\""))]),
        initial_age: Duration::from_secs(1),
        received_at: Timestamp::from_unix_ms(2_000),
        fresh_for: Duration::from_secs(60),
        stale_while_revalidate: Duration::ZERO,
        stale_if_error: Duration::MAX,
        must_revalidate: false,
        no_cache: true,
        vary: vec![(http::header::ACCEPT_ENCODING, None)],
        tags: vec!["a".into()],
        extent: Extent::Part { first: 1, length: 2, complete_length: 3 },
    }
}

/// What stands on disks is to be read by the next version, too, or has another version's number.
#[test]
fn the_format_stays() {
    let mut stored = example();
    stored.stale_if_error = Duration::from_millis(5);
    let bytes = b"\x01\xc8\x01\x01\x04etag\x03\"1\"\xe8\x07\xd0\x0f\xe0\xd4\x03\x00\x05\x00\x01\x01\x0faccept-encoding\x00\x01\x01a\x01\x01\x02\x03";
    assert_eq!(stored.to_wire(), bytes);
    assert_eq!(Stored::from_wire(bytes), Ok(stored));
}

#[test]
fn what_is_no_stored_response() {
    let bytes = example().to_wire();
    assert!(Stored::from_wire(&bytes).is_ok());
    assert!(Stored::from_wire(&[]).is_err());
    for length in 0..bytes.len() {
        assert!(Stored::from_wire(&bytes[..length]).is_err(), "cut to {length}");
    }
    assert!(Stored::from_wire(&[&bytes[..], b"\0"].concat()).is_err());
    let mut newer = bytes.clone();
    newer[0] += 1;
    assert!(Stored::from_wire(&newer).is_err());
    // A status of 99, a part that ends behind the whole, and one that overflows.
    let wrong = |change: fn(&mut Wire<'_>)| {
        let stored = example();
        let mut wire = Wire::of(&stored);
        change(&mut wire);
        Stored::from_wire(&encode(&wire))
    };
    assert!(wrong(|_| {}).is_ok());
    assert!(wrong(|wire| wire.status = 99).is_err());
    assert!(wrong(|wire| wire.part = Some((1, 3, 3))).is_err());
    assert!(wrong(|wire| wire.part = Some((u64::MAX, 1, u64::MAX))).is_err());
    assert!(wrong(|wire| wire.headers.push(("a b", b""))).is_err());
    assert!(wrong(|wire| wire.headers.push(("a", b"\n"))).is_err());
    // A length that is not there, and bytes that are too many.
    assert!(Stored::from_wire(b"\x01\xc8\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
    assert!(Stored::from_wire(&vec![VERSION; WIRE_BYTES_MAX + 1]).is_err());
}

#[test]
fn long_times_are_kept_as_the_longest() {
    let read = Stored::from_wire(&example().to_wire()).unwrap();
    assert_eq!(read.stale_if_error, Duration::from_millis(u64::MAX));
}

proptest! {
    #[test]
    fn a_stored_response_comes_back(stored in stored()) {
        prop_assert_eq!(Stored::from_wire(&stored.to_wire()), Ok(stored.clone()));
        let kept = Kept::Stored(Arc::new(stored.clone()));
        match Kept::from_wire(&kept.to_wire()) {
            Ok(Kept::Stored(read)) => prop_assert_eq!(&*read, &stored),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn a_marker_comes_back(marker in marker()) {
        match Kept::from_wire(&Kept::Marker(Arc::new(marker.clone())).to_wire()) {
            Ok(Kept::Marker(read)) => prop_assert_eq!(&*read, &marker),
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let bytes = [&[VERSION][..], &bytes].concat();
        let _ = Stored::from_wire(&bytes);
        let _ = Kept::from_wire(&bytes);
    }

    /// Damage does not panic, and is never read as more than it is.
    #[test]
    fn damaged_bytes_are_read_or_refused(stored in stored(), at: prop::sample::Index, byte: u8) {
        let mut bytes = Kept::Stored(Arc::new(stored)).to_wire();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(Kept::Stored(read)) = Kept::from_wire(&bytes) {
            prop_assert!(read.headers.len() <= bytes.len());
        }
    }
}
