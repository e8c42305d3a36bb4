use crate::sample::{Sample, conditions};

/// Conditions, requests that meet them, and requests that do not with the reason.
#[test]
fn which() {
    type Others<'a> = &'a [(&'a str, &'a str)];
    let table: &[(&str, &[&str], Others)] = &[
        ("", &["GET http://a/", "PURGE http://a*"], &[]),
        (
            "method=GET method=PUT",
            &["GET http://a/", "HEAD http://a/", "PUT http://a/"],
            &[("POST http://a/", "method is POST, not GET or PUT")],
        ),
        ("method=HEAD", &["HEAD http://a/"], &[("GET http://a/", "method is GET, not HEAD")]),
        (
            "method=A method=B method=C",
            &["B http://a/"],
            &[("HEAD http://a/", "method is HEAD, not A, B or C"), ("b http://a/", "method is b, not A, B or C")],
        ),
        (
            "header:X-Beta=1*",
            &["GET http://a/ header:x-beta=1", "GET http://a/ header:x-beta=0 header:x-beta=10"],
            &[
                ("GET http://a/", r#"header x-beta is missing, not "1*""#),
                ("GET http://a/ header:x-beta=0 header:x-beta=2", r#"header x-beta is "0", not "1*""#),
            ],
        ),
        (
            "header:a=* header:b=*z",
            &["GET http://a/ header:a= header:b=xyz"],
            &[("GET http://a/ header:a=1 header:b=\"é", r#"header b is "\"\xc3\xa9", not "*z""#)],
        ),
        (
            "query:v=2",
            &["GET http://a/?v=2", "GET http://a/?x=1&v=2&v=1"],
            &[
                ("GET http://a/", r#"query parameter v is missing, not "2""#),
                ("GET http://a/?v=1&v=2", r#"query parameter v is "1", not "2""#),
                ("GET http://a/?v=%32", r#"query parameter v is "%32", not "2""#),
            ],
        ),
        ("query:flag=", &["GET http://a/?flag"], &[]),
        (
            "cookie:c=*",
            &["GET http://a/ cookie:c=", "GET http://a/ cookie:b=1 cookie:c=1"],
            &[("GET http://a/ cookie:b=1", r#"cookie c is missing, not "*""#)],
        ),
        (
            "client=10.0.0.0/8 client=2001:db8::/32",
            &["GET http://a/ client=10.1.2.3", "GET http://a/ client=2001:db8::7"],
            &[("GET http://a/ client=192.0.2.1", "client 192.0.2.1 is not in 10.0.0.0/8 or 2001:db8::/32")],
        ),
        (
            "country=US country=CA",
            &["GET http://a/ country=CA"],
            &[
                ("GET http://a/ country=DE", "country is DE, not US or CA"),
                ("GET http://a/", "country is unknown, not US or CA"),
            ],
        ),
        (
            "method=GET header:a=1 query:b=2",
            &["GET http://a/?b=2 header:a=1"],
            &[("PUT http://a/", "method is PUT, not GET"), ("GET http://a/", r#"header a is missing, not "1""#)],
        ),
    ];
    for (text, members, others) in table {
        let conditions = conditions(text);
        for request in *members {
            assert_eq!(conditions.miss(&Sample::new(request).view()), None, "{request} meets {text}");
        }
        for (request, reason) in *others {
            let sample = Sample::new(request);
            let miss = conditions.miss(&sample.view()).map(|miss| miss.to_string());
            assert_eq!(miss.as_deref(), Some(*reason), "{request} does not meet {text}");
        }
    }
}

#[test]
fn counts() {
    let table = [
        ("", 0),
        ("method=GET method=PUT", 1),
        ("client=10.0.0.0/8 client=::1/128 country=DE", 2),
        ("header:a=1 header:b=* query:c=1 cookie:d=1 cookie:d=*", 5),
        ("method=GET header:a=1 query:a=1 cookie:a=1 client=::/0 country=DE", 6),
    ];
    for (text, count) in table {
        assert_eq!(conditions(text).count(), count, "{text}");
    }
}

#[test]
fn implication() {
    // conditions, what follows from them, what does not
    let table: &[(&str, &[&str], &[&str])] = &[
        ("", &[""], &["method=GET", "client=0.0.0.0/0", "header:a=*"]),
        ("method=GET", &["", "method=GET", "method=PUT method=GET"], &["method=HEAD", "method=GET header:a=*"]),
        ("method=HEAD", &["method=GET", "method=HEAD"], &["method=PUT"]),
        ("header:a=ab", &["header:a=a*", "header:a=*b", "header:a=*", "header:A=ab"], &["header:b=ab", "query:a=ab"]),
        ("header:a=a*", &["header:a=*"], &["header:a=ab", "header:a=ab*"]),
        ("query:a=1 cookie:b=1", &["query:a=*", "cookie:b=1 query:a=1"], &["cookie:a=1", "query:a=1 query:c=*"]),
        ("client=10.1.0.0/16", &["client=10.0.0.0/8", "client=::1/128 client=10.0.0.0/8"], &["client=10.1.2.0/24"]),
        ("client=10.0.0.0/8 client=::1/128", &["client=::/0 client=0.0.0.0/0"], &["client=10.0.0.0/8"]),
        ("country=DE", &["country=DE country=FR"], &["country=FR"]),
    ];
    for (text, implied, others) in table {
        let ours = conditions(text);
        assert!(implied.iter().all(|text| ours.imply(&conditions(text))), "{text}");
        assert!(!others.iter().any(|text| ours.imply(&conditions(text))), "{text}");
    }
}
