//! Parts, conditions and heads, over HTTP/1.1 and HTTP/2, of what is stored and of what arrives.

use harness::client::{self, empty, read};
use harness::{Answer, Host, Trial, run, tests};
use http::Request;
use hyper::client::conn::http2::SendRequest;

use super::{Gate, Origin, ask, edge, get, is_hit, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        http_1_gets_parts_conditions_and_heads,
        http_2_gets_parts_conditions_and_heads,
        many_streams_of_http_2_are_one_fetch,
        a_part_of_what_arrives_comes_as_soon_as_it_is_there,
        a_part_is_stored_and_completed,
        head_validates_what_is_stored,
    )
}

const BODY: &str = "0123456789abcdefghijklmnopqrstuvwxyz";
const FIELDS: &str = "cache-control: max-age=60\netag: \"e\"\ncontent-type: text/plain\n\
                      last-modified: Sun, 06 Nov 1994 08:49:37 GMT";

/// What is asked of a stored response, and what comes: status, Content-Range, body.
type Case = (&'static str, &'static [(&'static str, &'static str)], u16, Option<&'static str>, &'static str);

const CASES: [Case; 13] = [
    ("GET", &[], 200, None, BODY),
    ("HEAD", &[], 200, None, ""),
    ("GET", &[("range", "bytes=2-5")], 206, Some("bytes 2-5/36"), "2345"),
    ("GET", &[("range", "bytes=-3")], 206, Some("bytes 33-35/36"), "xyz"),
    ("GET", &[("range", "bytes=30-")], 206, Some("bytes 30-35/36"), "uvwxyz"),
    ("GET", &[("range", "bytes=36-")], 416, Some("bytes */36"), ""),
    // RFC 9110 section 14.2: ranges are for GET, and other units are ignored.
    ("HEAD", &[("range", "bytes=2-5")], 200, None, ""),
    ("HEAD", &[("if-none-match", "*")], 304, None, ""),
    ("GET", &[("range", "lines=2-5")], 200, None, BODY),
    // Section 13.1.5.
    ("GET", &[("range", "bytes=2-5"), ("if-range", "\"e\"")], 206, Some("bytes 2-5/36"), "2345"),
    ("GET", &[("range", "bytes=2-5"), ("if-range", "\"f\"")], 200, None, BODY),
    // Section 13.1.2 and 13.1.3.
    ("GET", &[("if-none-match", "\"x\", W/\"e\"")], 304, None, ""),
    ("GET", &[("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")], 304, None, ""),
];

fn request(method: &str, fields: &[(&str, &str)]) -> Request<client::Body> {
    let request = Request::builder().method(method).uri("http://shop.example/");
    let request = fields.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    request.body(empty()).unwrap()
}

/// All cases, by a client that asks with `ask`.
fn gets_all(ask: impl Fn(Request<client::Body>) -> Answer) {
    for (method, fields, status, content_range, body) in CASES {
        let answer = ask(request(method, fields));
        let case = format!("{method} {fields:?}: {answer:?}");
        assert_eq!((answer.status, answer.text().as_str()), (status, body), "{case}");
        assert_eq!(answer.header("content-range"), content_range, "{case}");
        assert_eq!(answer.header("etag"), Some("\"e\""), "{case}");
        is_hit(&answer);
        let length = answer.header("content-length").map(|length| length.parse::<usize>().unwrap());
        match (method, status) {
            // RFC 9110 section 8.6: what GET would be answered with, or nothing.
            (_, 304) | ("HEAD", _) => assert!(length.is_none_or(|length| length == BODY.len()), "{case}"),
            // HTTP/2 says in the head that nothing follows.
            (_, 416) => assert!(length.is_none_or(|length| length == 0), "{case}"),
            _ => assert_eq!(length, Some(body.len()), "{case}"),
        }
    }
    let several = ask(request("GET", &[("range", "bytes=0-1,10-11")]));
    let kind = several.header("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").expect(&kind).trim_matches('"');
    let text = several.text();
    assert_eq!(several.status, 206);
    let parts: Vec<_> = text.split(&format!("--{boundary}")).collect();
    assert_eq!(parts.len(), 4, "{text}");
    for (part, (range, body)) in parts[1..3].iter().zip([("bytes 0-1/36", "01"), ("bytes 10-11/36", "ab")]) {
        assert!(part.to_lowercase().contains(&format!("content-range: {range}\r\n")), "{part}");
        assert!(part.to_lowercase().contains("content-type: text/plain\r\n"), "{part}");
        assert!(part.ends_with(&format!("\r\n\r\n{body}\r\n")), "{part}");
    }
    assert_eq!(parts[3].trim_end(), "--", "{text}");
}

fn stored() -> (Origin, Host) {
    let origin = Origin::answering(|_, _| response(FIELDS, BODY));
    let host = edge(&origin.server, "").start();
    ask(&host, "/", &[]).is(200, BODY);
    (origin, host)
}

fn http_1_gets_parts_conditions_and_heads() {
    let (origin, host) = stored();
    gets_all(|request| {
        let (mut head, body) = request.into_parts();
        head.headers.insert("host", "shop.example".parse().unwrap());
        head.uri = "/".parse().unwrap();
        host.send(Request::from_parts(head, body))
    });
    let head = Request::head("/").header("host", "shop.example").header("if-none-match", "*");
    let head = host.send(head.body(empty()).unwrap());
    assert_eq!((head.status, head.header("content-length")), (304, None));
    assert_eq!(origin.asked(), 1);
}

async fn send(connection: &mut SendRequest<client::Body>, request: Request<client::Body>) -> Answer {
    read(connection.send_request(request).await.unwrap()).await
}

fn http_2_gets_parts_conditions_and_heads() {
    let (origin, host) = stored();
    // What was stored by HTTP/1.1 is found by HTTP/2.
    gets_all(|request| run(async { send(&mut client::http2(host.address).await, request).await }));
    assert_eq!(origin.asked(), 1);
}

fn many_streams_of_http_2_are_one_fetch() {
    const STREAMS: usize = 50;
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, _| {
        raw.offer("HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n");
        held.pass();
        raw.offer("4\r\nlast\r\n0\r\n\r\n");
        true
    });
    let host = edge(&origin.server, "").start();
    run(async {
        let connection = client::http2(host.address).await;
        let mut bodies = Vec::new();
        for _ in 0..STREAMS {
            let response = connection.clone().send_request(request("GET", &[])).await.unwrap();
            let mut body = response.into_body();
            assert_eq!(client::next_data(&mut body).await, "first");
            bodies.push(body);
        }
        gate.open();
        for mut body in bodies {
            assert_eq!(client::next_data(&mut body).await, "last");
        }
    });
    assert_eq!(origin.asked(), 1);
}

fn a_part_of_what_arrives_comes_as_soon_as_it_is_there() {
    let gate = Gate::default();
    let held = gate.clone();
    let origin = Origin::serving(move |raw, _, _| {
        let fields = super::lines(FIELDS);
        raw.offer(format!("HTTP/1.1 200 OK\r\n{fields}content-length: 36\r\n\r\n{}", &BODY[..18]));
        held.pass();
        raw.offer(&BODY[18..]);
        true
    });
    let host = edge(&origin.server, "").start();
    let mut first = host.raw();
    first.send(get("/"));
    assert_eq!(first.head().status, 200);
    // The origin holds the second half back.
    let part = ask(&host, "/", &[("range", "bytes=2-5")]);
    part.is(206, "2345");
    assert_eq!(part.header("content-range"), Some("bytes 2-5/36"));
    assert_eq!(ask(&host, "/", &[("if-none-match", "\"e\"")]).status, 304);
    let mut last = host.raw();
    last.send("GET / HTTP/1.1\r\nhost: shop.example\r\nrange: bytes=16-19\r\n\r\n");
    let head = last.head();
    assert_eq!((head.status, head.header("content-range")), (206, Some("bytes 16-19/36")));
    assert_eq!(last.take(2), b"gh");
    gate.open();
    assert_eq!(last.take(2), b"ij");
    assert_eq!(first.take(36), BODY.as_bytes());
    assert_eq!(origin.asked(), 1);
}

/// RFC 9111 sections 3.3 and 3.4.
fn a_part_is_stored_and_completed() {
    let origin = Origin::answering(|request, _| {
        let Some(range) = request.header("range") else { return response(FIELDS, BODY) };
        let (first, last) = range.strip_prefix("bytes=").unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let (body, fields) = (&BODY[first..=last], super::lines(FIELDS));
        format!(
            "HTTP/1.1 206 Partial Content\r\n{fields}content-range: bytes {first}-{last}/36\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    });
    let host = edge(&origin.server, "").start();
    let part = |range: &str, body: &str, asked: usize| {
        let answer = ask(&host, "/", &[("range", range)]);
        answer.is(206, body);
        assert_eq!(origin.asked(), asked, "{range}");
    };
    part("bytes=0-9", &BODY[..10], 1);
    part("bytes=3-4", "34", 1);
    part("bytes=10-35", &BODY[10..], 2);
    part("bytes=8-11", "89ab", 2);
    let whole = ask(&host, "/", &[]);
    whole.is(200, BODY);
    is_hit(&whole);
    assert_eq!(origin.asked(), 2);
}

/// RFC 9111 section 4.3.5.
fn head_validates_what_is_stored() {
    for length in ["content-length: 36\r\n", ""] {
        let origin = Origin::answering(move |request, number| match request.method.as_str() {
            "GET" => response("cache-control: max-age=0\netag: \"e\"", BODY),
            _ => {
                let fields = format!("cache-control: max-age=60\r\netag: \"e\"\r\nx-number: {number}\r\n{length}");
                format!("HTTP/1.1 200 OK\r\n{fields}\r\n").into_bytes()
            }
        });
        let host = edge(&origin.server, "").start();
        ask(&host, "/", &[]).is(200, BODY);
        let head = host.send(Request::head("/").header("host", "shop.example").body(empty()).unwrap());
        assert_eq!((head.status, head.header("x-number")), (200, Some("2")));
        // RFC 9110 section 8.6.
        assert!(head.header("content-length").is_none_or(|length| length == "36"), "{head:?}");
        let answer = ask(&host, "/", &[]);
        answer.is(200, BODY);
        assert_eq!(answer.header("x-number"), Some("2"));
        is_hit(&answer);
        assert_eq!(origin.asked(), 2);
    }
}
