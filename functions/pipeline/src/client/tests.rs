use super::*;

const TRUSTED: &str = "10.0.0.1";

fn config(address_from: AddressFrom) -> ClientConfig {
    ClientConfig {
        trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "2001:db8:ffff::/48".parse().unwrap()],
        address_from,
        country_from: Some(HeaderName::from_static("cf-ipcountry")),
    }
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    lines.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
}

fn connection(peer: &str) -> Connection {
    Connection { peer: peer.parse().unwrap(), is_https: false, country: None }
}

#[test]
fn addresses_by_x_forwarded_for() {
    // peer, lines of X-Forwarded-For, X-Forwarded-Proto; then: client, https
    type Row<'a> = (&'a str, &'a [&'a str], &'a [&'a str], &'a str, bool);
    let table: &[Row] = &[
        ("192.0.2.9", &["192.0.2.1"], &["https"], "192.0.2.9", false),
        (TRUSTED, &[], &[], TRUSTED, false),
        (TRUSTED, &["192.0.2.1"], &["https"], "192.0.2.1", true),
        ("::ffff:10.0.0.1", &["192.0.2.1"], &["HTTPS"], "192.0.2.1", true),
        ("2001:db8:ffff::1", &["2001:db8::7"], &["http"], "2001:db8::7", false),
        // What the client said itself stands further left.
        (TRUSTED, &["1.2.3.4, 192.0.2.1"], &["http, https"], "192.0.2.1", true),
        (TRUSTED, &["1.2.3.4", "192.0.2.1"], &["http", "https"], "192.0.2.1", true),
        // A chain of trusted proxies: the one that the client spoke to knows how.
        (TRUSTED, &["1.2.3.4, 192.0.2.1, 10.9.9.9, 10.8.8.8"], &["http,https,http,http"], "192.0.2.1", true),
        (TRUSTED, &["192.0.2.1, 10.9.9.9"], &["https"], "192.0.2.1", true),
        (TRUSTED, &["10.2.2.2, 10.9.9.9"], &["https"], "10.2.2.2", true),
        // As far as anybody knows.
        (TRUSTED, &["192.0.2.1, unknown, 10.9.9.9"], &[], "10.9.9.9", false),
        (TRUSTED, &["unknown"], &["https"], TRUSTED, true),
        (TRUSTED, &["192.0.2.1,"], &[], TRUSTED, false),
        // Ports and brackets.
        (TRUSTED, &["192.0.2.1:555"], &[], "192.0.2.1", false),
        (TRUSTED, &["[2001:db8::1]:555"], &[], "2001:db8::1", false),
        (TRUSTED, &["[2001:db8::1]"], &["ftp"], "2001:db8::1", false),
        (TRUSTED, &["::ffff:192.0.2.1"], &[], "192.0.2.1", false),
    ];
    for (peer, addresses, schemes, client, is_https) in table {
        let mut headers = HeaderMap::new();
        for value in *addresses {
            headers.append(X_FORWARDED_FOR, value.parse().unwrap());
        }
        for value in *schemes {
            headers.append(X_FORWARDED_PROTO, value.parse().unwrap());
        }
        let sender = identify(&config(AddressFrom::XForwardedFor), &mut headers, connection(peer));
        let found = (sender.client.address.to_string(), sender.is_https);
        assert_eq!(found, ((*client).to_owned(), *is_https), "{peer} {addresses:?} {schemes:?}");
    }
}

#[test]
fn addresses_by_forwarded() {
    let table: &[(&str, &str, &str, bool)] = &[
        ("192.0.2.9", "for=192.0.2.1;proto=https", "192.0.2.9", false),
        (TRUSTED, "for=192.0.2.1;proto=https", "192.0.2.1", true),
        (TRUSTED, "for=1.2.3.4;proto=http, for=\"[2001:db8::1]:9\";proto=https", "2001:db8::1", true),
        (TRUSTED, "for=192.0.2.1;proto=https, for=10.9.9.9;proto=http", "192.0.2.1", true),
        (TRUSTED, "for=192.0.2.1, for=_hidden, for=10.9.9.9;proto=https", "10.9.9.9", true),
        (TRUSTED, "for=_hidden;proto=https", TRUSTED, false),
        (TRUSTED, "by=10.1.1.1;proto=https", TRUSTED, false),
    ];
    for (peer, field, client, is_https) in table {
        let mut headers = headers(&[("forwarded", field), ("x-forwarded-for", "9.9.9.9")]);
        let sender = identify(&config(AddressFrom::Forwarded), &mut headers, connection(peer));
        let found = (sender.client.address.to_string(), sender.is_https);
        assert_eq!(found, ((*client).to_owned(), *is_https), "{peer} {field}");
    }
}

#[test]
fn what_only_trusted_proxies_may_say() {
    let lines = [
        ("forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-client-cert", "x"),
        ("x-real-ip", "1.2.3.4"),
        ("cf-ipcountry", "de"),
        ("spin-path-info", "/"),
        ("accept", "*/*"),
    ];
    let config = config(AddressFrom::XForwardedFor);

    let mut from_stranger = headers(&lines);
    let sender = identify(&config, &mut from_stranger, connection("192.0.2.9"));
    assert_eq!(sender.client, Client::new("192.0.2.9".parse().unwrap()));
    assert_eq!(from_stranger.keys().map(HeaderName::as_str).collect::<Vec<_>>(), ["accept"]);

    let mut from_proxy = headers(&lines);
    let sender = identify(&config, &mut from_proxy, connection(TRUSTED));
    assert_eq!(sender.client.country, Country::parse("DE"));
    assert_eq!(from_proxy.len(), lines.len() - 1);
    assert!(!from_proxy.contains_key("spin-path-info"));
}

#[test]
fn the_platform_may_know_the_country() {
    let connection = Connection { country: Country::parse("FR"), ..connection(TRUSTED) };
    let config = config(AddressFrom::XForwardedFor);
    for (said, expected) in [("DE", "DE"), ("??", "FR")] {
        let sender = identify(&config, &mut headers(&[("cf-ipcountry", said)]), connection);
        assert_eq!(sender.client.country, Country::parse(expected), "{said}");
    }
}
