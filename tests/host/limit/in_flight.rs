//! Requests in flight: each has its place until its last byte has left, or nobody waits for it any more.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use harness::client::{self, empty, next_data};
use harness::{Answer, Host, Raw, Server, Trial, run, tests, wait_for};
use http::Request;
use http_body_util::BodyExt;

use super::{ask, edge, fixed, left, limit, write};

pub fn tests() -> Vec<Trial> {
    tests!(
        "limit",
        needs [],
        downloads_hold_their_places_until_the_last_byte,
        a_client_that_goes_away_gives_its_place_back,
        a_client_that_reads_slowly_holds_its_place,
        streams_of_http_2_hold_their_places,
        upstreams_that_fail_give_places_back,
        uploads_hold_their_places,
        a_reload_keeps_what_is_in_flight,
        each_client_has_its_own_places,
        one_place_is_enough_for_one_request_after_the_other,
        a_reset_leaves_what_is_in_flight,
    )
}

/// A server whose answers go on until the test ends them.
pub(super) struct Slow {
    pub server: Server,
    ended: Arc<Mutex<BTreeSet<String>>>,
}

impl Slow {
    pub fn start() -> Self {
        let ended = Arc::new(Mutex::new(BTreeSet::new()));
        let ends = Arc::clone(&ended);
        let server = Server::start(move |mut raw| {
            while let Some(request) = raw.request() {
                raw.offer("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
                while !ends.lock().unwrap().contains(&request.target) {
                    // Whoever goes away is seen by this.
                    if raw.socket().write_all(b"1\r\nx\r\n").is_err() {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                raw.offer("0\r\n\r\n");
            }
        });
        Self { server, ended }
    }

    /// An edge before it, with a limit that has these keys. Under `/free` it answers by itself, and counts as well.
    pub fn edge(&self, keys: &str) -> String {
        limit("slow", keys)
            + &fixed("free", "\"slow\"")
            + &format!(
                "[[upstream]]\nname = \"slow\"\nurl = \"{}\"\n[[route]]\nname = \"slow\"\nupstream = \"slow\"\nlimit = \"slow\"\n",
                self.server.url("")
            )
    }

    /// A download that has begun. Whoever had its place before may have it a moment longer.
    pub fn download(&self, host: &Host, path: &str) -> Raw {
        wait_for("a place", || {
            let mut raw = host.raw();
            raw.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n"));
            (raw.head().status == 200).then(|| {
                raw.take(10);
                raw
            })
        })
    }

    /// Ends the answers to this path.
    pub fn end(&self, path: &str) {
        self.ended.lock().unwrap().insert(path.to_owned());
    }
}

const THREE: &str = "algorithm = \"concurrency\"\nin_flight = 3";

#[track_caller]
fn is_refused(answer: &Answer) {
    answer.is_problem(429);
    assert_eq!(answer.header("retry-after"), Some("1"), "{answer:?}");
    assert_eq!(answer.header("ratelimit-policy"), Some("\"slow\";q=3;qu=\"concurrent-requests\""), "{answer:?}");
    assert_eq!(answer.header("ratelimit"), Some("\"slow\";r=0"), "{answer:?}");
    let kind = "https://iana.org/assignments/http-problem-types#quota-exceeded";
    assert_eq!(answer.json()["type"], kind, "{answer:?}");
    assert_eq!(answer.json()["violated-policies"], serde_json::json!(["slow"]), "{answer:?}");
}

/// Waits until so many places are free beside the one that asks. Places come back a moment after the last byte.
#[track_caller]
fn wait_until_left(host: &Host, places: u32) {
    let mut last = None;
    wait_for(&format!("{places} free places"), || {
        last = left(&ask(host, "/free", &[]), "slow");
        (last == Some(places)).then_some(())
    });
}

fn downloads_hold_their_places_until_the_last_byte() {
    let slow = Slow::start();
    let host = edge(slow.edge(THREE)).start();
    let mut downloads: Vec<_> = ["/a", "/b", "/c"].map(|path| slow.download(&host, path)).into();
    for round in 0..20 {
        is_refused(&ask(&host, "/free", &[]));
        is_refused(&ask(&host, "/d", &[]));
        // They go on all the time.
        downloads[round % 3].take(60);
    }
    slow.end("/b");
    wait_until_left(&host, 0);
    let another = slow.download(&host, "/d");
    is_refused(&ask(&host, "/free", &[]));
    slow.end("/a");
    slow.end("/c");
    slow.end("/d");
    wait_until_left(&host, 2);
    drop((downloads, another));
}

fn a_client_that_goes_away_gives_its_place_back() {
    let slow = Slow::start();
    let host = edge(slow.edge(THREE)).start();
    // More often than there are places.
    for round in 0..4 {
        let downloads: Vec<_> = (0..3).map(|number| slow.download(&host, &format!("/{round}/{number}"))).collect();
        is_refused(&ask(&host, "/free", &[]));
        drop(downloads);
        wait_until_left(&host, 2);
    }
    // One that goes away before the answer has begun.
    let silent = Server::start(|mut raw| while raw.request().is_some() {});
    let text = slow.edge(THREE).replace(&slow.server.url(""), &silent.url(""));
    let host = edge(text).start();
    for _ in 0..5 {
        let mut raw = host.raw();
        raw.send("GET /never HTTP/1.1\r\nhost: a\r\n\r\n");
        wait_until_left(&host, 1);
        drop(raw);
        wait_until_left(&host, 2);
    }
}

/// A whole answer is there, but the client does not read it.
fn a_client_that_reads_slowly_holds_its_place() {
    const LENGTH: usize = 32 << 20;
    let server = Server::answering(|_| {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
        [head.into_bytes(), vec![b'x'; LENGTH]].concat()
    });
    let slow = Slow::start();
    let host = edge(slow.edge(THREE).replace(&slow.server.url(""), &server.url(""))).start();
    let mut raw = host.raw();
    raw.send("GET /large HTTP/1.1\r\nhost: a\r\n\r\n");
    assert_eq!(raw.head().status, 200);
    for _ in 0..50 {
        assert_eq!(left(&ask(&host, "/free", &[]), "slow"), Some(1));
    }
    assert_eq!(raw.take(LENGTH).len(), LENGTH);
    wait_until_left(&host, 2);
}

fn streams_of_http_2_hold_their_places() {
    let slow = Slow::start();
    let host = edge(slow.edge(THREE)).start();
    run(async {
        let mut connection = client::http2(host.address).await;
        let request = |path: &str| Request::get(format!("http://shop.example{path}")).body(empty()).unwrap();
        let mut bodies = Vec::new();
        for path in ["/a", "/b", "/c"] {
            let response = connection.send_request(request(path)).await.unwrap();
            assert_eq!(response.status(), 200);
            let mut body = response.into_body();
            next_data(&mut body).await;
            bodies.push(body);
        }
        // On the same connection, and on others.
        is_refused(&client::read(connection.send_request(request("/free")).await.unwrap()).await);
        is_refused(&client::exchange(host.address, request("/free")).await);
        // A stream that is reset gives its place back, one that ends too.
        drop(bodies.pop());
        let mut is_free = false;
        while !is_free {
            let answer = client::read(connection.send_request(request("/free")).await.unwrap()).await;
            is_free = answer.status == 200;
        }
        slow.end("/a");
        bodies.remove(0).collect().await.unwrap();
        let mut free = None;
        while free != Some(1) {
            let answer = client::read(connection.send_request(request("/free")).await.unwrap()).await;
            free = left(&answer, "slow");
        }
        // And so do all with their connection.
        drop((bodies, connection));
    });
    wait_until_left(&host, 2);
}

fn upstreams_that_fail_give_places_back() {
    let closing = Server::start(|mut raw| {
        raw.request();
    });
    let breaking = Server::start(|mut raw| {
        if raw.request().is_some() {
            raw.offer("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf of it");
        }
    });
    let silent = Server::start(|mut raw| while raw.request().is_some() {});
    let wrong = Server::answering(|_| b"rubbish\r\n\r\n".to_vec());
    let nowhere = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut text = limit("slow", THREE) + &fixed("free", "\"slow\"");
    let urls = [closing.url(""), breaking.url(""), silent.url(""), wrong.url(""), format!("http://{nowhere}")];
    for (name, url) in ["closing", "breaking", "silent", "wrong", "nowhere"].into_iter().zip(urls) {
        text += &format!(
            "[[upstream]]\nname = \"{name}\"\nurl = \"{url}\"\nfirst_byte_timeout = \"20ms\"\n\
             [[route]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"{name}\"\nlimit = \"slow\"\n"
        );
    }
    let host = edge(text).start();
    for path in ["/closing", "/breaking", "/silent", "/wrong", "/nowhere"] {
        for _ in 0..8 {
            // Several at once, so that there is more than one place to lose.
            let mut raws: Vec<_> = (0..3).map(|_| host.raw()).collect();
            for raw in &mut raws {
                raw.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"));
            }
            for mut raw in raws {
                // On a machine that is busy any of them may be late. One that has seen its end may have its place a moment
                // longer.
                let found = raw.head().status;
                assert!([502, 504, 429].contains(&found) || (path, found) == ("/breaking", 200), "{path}: {found}");
                raw.rest();
            }
        }
        wait_until_left(&host, 2);
    }
}

fn uploads_hold_their_places() {
    let server = Server::start(|mut raw| {
        while let Some(request) = raw.request() {
            raw.take(request.header("content-length").unwrap().parse().unwrap());
            raw.offer(harness::server::ok("thanks"));
        }
    });
    let slow = Slow::start();
    let host = edge(slow.edge(THREE).replace(&slow.server.url(""), &server.url(""))).start();
    let uploads: Vec<_> = (0..3)
        .map(|_| {
            let mut raw = host.raw();
            raw.send("POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhalf");
            raw
        })
        .collect();
    wait_for("all uploads", || (ask(&host, "/free", &[]).status == 429).then_some(()));
    is_refused(&ask(&host, "/free", &[]));
    for mut upload in uploads {
        upload.send(" other");
        assert_eq!(upload.answer().text(), "thanks");
    }
    wait_until_left(&host, 2);
}

fn a_reload_keeps_what_is_in_flight() {
    let slow = Slow::start();
    let host = edge(slow.edge(THREE)).start();
    let downloads = ["/a", "/b", "/c"].map(|path| slow.download(&host, path));
    is_refused(&ask(&host, "/free", &[]));
    let reload = |text: &str| {
        write(host.setup(), text);
        super::order(&host, "/reload", "", &[]).is(200, "reloaded\n");
    };
    reload(&(slow.edge(THREE) + &fixed("more", "\"slow\"")));
    is_refused(&ask(&host, "/more", &[]));
    // More of them, of which three are taken.
    reload(&slow.edge("algorithm = \"concurrency\"\nin_flight = 5"));
    assert_eq!(left(&ask(&host, "/free", &[]), "slow"), Some(1));
    // Those that began before give back what counts now.
    drop(downloads);
    wait_until_left(&host, 4);
}

fn each_client_has_its_own_places() {
    let slow = Slow::start();
    let keys = format!("{THREE}\nkey = \"header:x-user\"");
    let host = edge(slow.edge(&keys)).start();
    let _downloads = ["/a", "/b", "/c"].map(|path| {
        let mut raw = host.raw();
        raw.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nx-user: one\r\n\r\n"));
        assert_eq!(raw.head().status, 200);
        raw
    });
    is_refused(&ask(&host, "/free", &[("x-user", "one")]));
    assert_eq!(left(&ask(&host, "/free", &[("x-user", "other")]), "slow"), Some(2));
    // Nor do those that lack it count with them.
    assert_eq!(left(&ask(&host, "/free", &[]), "slow"), Some(2));
}

/// Whoever has the answer to its end asks again on the same connection, and is not in its own way.
fn one_place_is_enough_for_one_request_after_the_other() {
    let server = Server::saying(&"from the origin".repeat(5000));
    let slow = Slow::start();
    let keys = "algorithm = \"concurrency\"\nin_flight = 1\nkey = \"header:x-user\"";
    let host = edge(slow.edge(keys).replace(&slow.server.url(""), &server.url(""))).start();
    let mut raw = host.raw();
    for path in ["/free", "/large"].repeat(100) {
        raw.send(format!("GET {path} HTTP/1.1\r\nhost: a\r\nx-user: one\r\n\r\n"));
        assert_eq!(raw.answer().status, 200, "{path}");
    }
    run(async {
        let mut connection = client::http2(host.address).await;
        for path in ["/free", "/large"].repeat(100) {
            let request = Request::get(format!("http://a{path}")).header("x-user", "other").body(empty()).unwrap();
            let answer = client::read(connection.send_request(request).await.unwrap()).await;
            assert_eq!(answer.status, 200, "{path}");
        }
    });
}

/// It lands by itself; were it forgotten, there would be more in flight than is allowed.
fn a_reset_leaves_what_is_in_flight() {
    let slow = Slow::start();
    let host = edge(slow.edge(THREE)).start();
    let downloads = ["/a", "/b", "/c"].map(|path| slow.download(&host, path));
    super::order(&host, "/limits/reset", "{\"limit\": \"slow\"}", &[]).is(200, "{\"reset\":true}\n");
    is_refused(&ask(&host, "/free", &[]));
    drop(downloads);
    wait_until_left(&host, 2);
}
