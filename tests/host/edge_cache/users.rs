//! Users: what was said to one of them is never given to another, whatever the origin says of caching, unless it says
//! that others may have it (RFC 9111 section 3.5).

use std::collections::BTreeMap;
use std::sync::Mutex;

use harness::raw::{RawAnswer, RawRequest};
use harness::{Host, Raw, Trial, tests};

use super::{Gate, Origin, WAITING, edge, response};

pub fn tests() -> Vec<Trial> {
    tests!(
        "edge_cache",
        needs [],
        no_user_gets_what_is_anothers,
        what_is_shared_is_shared,
        who_waits_for_what_is_anothers_gets_its_own,
        cookies_of_a_response_are_one_clients,
    )
}

/// What an origin may say, whether it makes sense or not.
const DIRECTIVES: [&str; 22] = [
    "",
    "max-age=60",
    "public, max-age=60",
    "public",
    "s-maxage=60",
    "s-maxage=0",
    "must-revalidate, max-age=60",
    "max-age=60, must-revalidate=1",
    "proxy-revalidate, max-age=60",
    "private, max-age=60",
    "private, public, s-maxage=60",
    "private=\"x-user\", max-age=60",
    "no-store, public, max-age=60",
    "no-cache",
    "no-cache, public, max-age=60",
    "max-age=0, stale-while-revalidate=60",
    "max-age=0, stale-if-error=60, stale-while-revalidate=60",
    "must-understand, no-store, max-age=60",
    "immutable, max-age=60",
    "PUBLIC , Max-Age=60",
    "x=\"public, s-maxage=60\", max-age=60",
    "publicity, s-maxagee=60, max-age=60",
];

/// Those by which others may have what answers an `Authorization`.
const FOR_OTHERS: [&str; 8] = [
    "public, max-age=60",
    "public",
    "s-maxage=60",
    "s-maxage=0",
    "must-revalidate, max-age=60",
    // An argument where there should be none does not count.
    "max-age=60, must-revalidate=1",
    "no-cache, public, max-age=60",
    "PUBLIC , Max-Age=60",
];

const VARY: [&str; 4] = ["", "accept-language", "authorization", "cookie"];

/// How a request says whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Nobody,
    /// By Authorization.
    Authorized(u64),
    /// By the session's cookie.
    SignedIn(u64),
}

impl Who {
    fn name(self) -> String {
        match self {
            Self::Nobody => "nobody".to_owned(),
            Self::Authorized(user) => format!("authorized {user}"),
            Self::SignedIn(user) => format!("signed in {user}"),
        }
    }

    fn field(self) -> String {
        match self {
            Self::Nobody => String::new(),
            Self::Authorized(user) => format!("authorization: Bearer {user}\r\n"),
            Self::SignedIn(user) => format!("cookie: theme=dark; session={user}\r\n"),
        }
    }
}

/// As an origin sees it.
fn who(request: &RawRequest) -> String {
    let cookie = request.header("cookie").and_then(|cookie| cookie.split_once("session=")).map(|(_, user)| user);
    let authorization = request.header("authorization").and_then(|value| value.strip_prefix("Bearer "));
    match (authorization, cookie) {
        (Some(user), _) => format!("authorized {user}"),
        (None, Some(user)) => format!("signed in {user}"),
        (None, None) => "nobody".to_owned(),
    }
}

/// Says whose its answer is. Targets are `/PART/DIRECTIVES/VARY/STATUS/…`.
fn origin() -> Origin {
    Origin::answering(|request, _| {
        let who = who(request);
        let etag = format!("\"{who}\"");
        let mut parts = request.target.split('/').skip(2).map(|part| part.parse::<usize>().unwrap());
        let (directives, vary) = (DIRECTIVES[parts.next().unwrap()], VARY[parts.next().unwrap()]);
        let mut fields = format!("etag: {etag}\nx-user: {who}");
        for (name, value) in [("cache-control", directives), ("vary", vary)] {
            if !value.is_empty() {
                fields += &format!("\n{name}: {value}");
            }
        }
        if request.header("if-none-match").is_some_and(|tags| tags.contains(&etag)) {
            return format!("HTTP/1.1 304 Not Modified\r\n{}\r\n", super::lines(&fields)).into_bytes();
        }
        let status = ["200 OK", "404 Not Found", "301 Moved Permanently"][parts.next().unwrap()];
        let answer = String::from_utf8(response(&fields, &who)).unwrap();
        answer.replacen("200 OK", status, 1).into_bytes()
    })
}

const CACHE: &str = "session_cookies = [\"session\"]\ndefault_ttl = \"1m\"\nstale_while_revalidate = \"1m\"\n\
                     stale_if_error = \"1m\"\nstatus_ttl = { 404 = \"1m\" }";

/// Routes that are cached each in another way: as above, by user, with lifetimes that overrule what the origin says.
const ROUTES: &str = r#"
[[route]]
name = "keyed"
path = "/keyed/{*rest}"
upstream = "origin"
cache = { key = { cookies = ["session"], headers = ["authorization"] } }

[[route]]
name = "overruled"
path = "/overruled/{*rest}"
upstream = "origin"
cache = { override_ttl = "1m" }
"#;

fn start(origin: &Origin) -> Host {
    let text = super::text(&origin.server, CACHE) + ROUTES;
    harness::Setup::edge(text).arguments(["--cores", "2"]).start()
}

/// Random numbers, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

struct Asked {
    who: Who,
    part: &'static str,
    directives: &'static str,
    target: String,
    text: String,
}

fn request(random: &mut Random, round: usize) -> Asked {
    let user = 1 + random.below(4) as u64;
    let who = random.of(&[Who::Nobody, Who::Authorized(user), Who::Authorized(user), Who::SignedIn(user)]);
    let part = random.of(&["plain", "plain", "keyed", "overruled"]);
    let (directives, vary) = (random.below(DIRECTIVES.len()), random.of(&[0, 0, 0, 1, 2, 3]));
    // So few that several ask for the same at the same time, and new ones in each round.
    let target = format!("/{part}/{directives}/{vary}/{}/{round}", random.of(&[0, 0, 0, 1, 2]));
    let more =
        random.of(&["", "", "", "cache-control: no-cache\r\n", "cache-control: max-stale\r\n", "range: bytes=0-\r\n"]);
    let text = format!("GET {target} HTTP/1.1\r\nhost: shop.example\r\n{}{more}\r\n", who.field());
    Asked { who, part, directives: DIRECTIVES[directives], target, text }
}

/// Whether the one who asked may have what was said to somebody.
fn may_have(asked: &Asked, said_to: &str) -> bool {
    let is_own = said_to == asked.who.name();
    match asked.who {
        // Signed-in users pass by, or have a key of their own.
        _ if is_own => true,
        Who::SignedIn(_) => false,
        _ if asked.part == "keyed" => false,
        _ if said_to == "nobody" => true,
        _ => said_to.starts_with("authorized") && FOR_OTHERS.contains(&asked.directives),
    }
}

fn check(asked: &Asked, answer: &RawAnswer) {
    assert!(matches!(answer.status, 200 | 206 | 404 | 301), "{answer:?}");
    let said_to = answer.text();
    let case = || format!("{:?} {:?} {}: {answer:?}", asked.who, asked.directives, asked.target);
    assert!(may_have(asked, &said_to), "{}", case());
    // Nor is a field of it.
    let field = answer.header("x-user").map(str::to_owned);
    assert!(field.is_none_or(|field| may_have(asked, &field)), "{}", case());
}

fn no_user_gets_what_is_anothers() {
    const CLIENTS: u64 = 8;
    const REQUESTS: usize = 1_500;
    let origin = origin();
    let host = start(&origin);
    let seed = std::env::var("TIDEGATE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    let shared = Mutex::new(BTreeMap::<&str, usize>::new());
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (host, shared) = (&host, &shared);
            scope.spawn(move || {
                let mut random = Random(seed * CLIENTS + client);
                let mut raw = Raw::connect(host.address);
                for number in 0..REQUESTS {
                    let asked = request(&mut random, number / 750);
                    let answer = raw.send(&asked.text).answer();
                    check(&asked, &answer);
                    if answer.text() != asked.who.name() {
                        *shared.lock().unwrap().entry(asked.directives).or_default() += 1;
                    }
                }
            });
        }
    });
    let asked = origin.asked();
    let requests = CLIENTS as usize * REQUESTS;
    eprintln!("edge_cache: {requests} requests of many users, {asked} of them to the origin, seed {seed}");
    // What was shared tells that it could have gone wrong.
    let shared = shared.into_inner().unwrap();
    for directives in ["public, max-age=60", "s-maxage=60", "must-revalidate, max-age=60"] {
        assert!(shared.contains_key(directives), "{directives} was never shared: {shared:?}");
    }
    assert!(asked < requests);
}

/// What each of two users gets who ask for the same, one after the other.
fn what_is_shared_is_shared() {
    let origin = origin();
    let host = start(&origin);
    for (index, directives) in DIRECTIVES.into_iter().enumerate() {
        let get = |who: Who| {
            let text = format!("GET /plain/{index}/0/0/0 HTTP/1.1\r\nhost: shop.example\r\n{}\r\n", who.field());
            host.raw().send(text).answer().text()
        };
        get(Who::Authorized(1));
        let before = origin.asked();
        let second = get(Who::Authorized(2));
        let is_shared = origin.asked() == before;
        let expected =
            ["public, max-age=60", "public", "s-maxage=60", "must-revalidate, max-age=60", "PUBLIC , Max-Age=60"];
        if expected.contains(&directives) {
            assert!(is_shared && second == "authorized 1", "{directives}: {second}");
        } else if !FOR_OTHERS.contains(&directives) {
            assert!(!is_shared && second == "authorized 2", "{directives}: {second}");
        }
        // Who is signed in gets nothing of either.
        assert_eq!(get(Who::SignedIn(1)), "signed in 1", "{directives}");
    }
}

/// Collapsing shares no more than the store does.
fn who_waits_for_what_is_anothers_gets_its_own() {
    const OTHERS: u64 = 20;
    for (directives, is_shared) in [("max-age=60", false), ("private", false), ("public, max-age=60", true)] {
        let gate = Gate::default();
        let held = gate.clone();
        let origin = Origin::answering(move |request, number| {
            if number == 1 {
                held.pass();
            }
            response(&format!("cache-control: {directives}"), who(request))
        });
        let host = edge(&origin.server, "wait = \"5m\"").start();
        let send = |user: u64| {
            let mut raw = host.raw();
            raw.send(format!("GET / HTTP/1.1\r\nhost: shop.example\r\n{}\r\n", Who::Authorized(user).field()));
            raw
        };
        let mut first = send(0);
        origin.wait_until_asked(1);
        let others: Vec<_> = (1..=OTHERS).map(send).collect();
        host.wait_for_metric(WAITING, &[], OTHERS as f64);
        gate.open();
        assert_eq!(first.answer().text(), "authorized 0");
        for (mut raw, user) in others.into_iter().zip(1..) {
            let said_to = Who::Authorized(if is_shared { 0 } else { user }).name();
            assert_eq!(raw.answer().text(), said_to, "{directives}");
        }
    }
}

fn cookies_of_a_response_are_one_clients() {
    let origin = Origin::answering(|_, number| {
        response(&format!("cache-control: max-age=60\nset-cookie: session={number}"), number.to_string())
    });
    // They are not stored with it, or it is not stored at all.
    for (set_cookie, stored) in [("strip", true), ("pass", false)] {
        let before = origin.asked();
        let host = edge(&origin.server, &format!("set_cookie = \"{set_cookie}\"")).start();
        let mut answers = (1..=3).map(|_| super::ask(&host, "/", &[]));
        let first = answers.next().unwrap();
        assert_eq!(first.header("set-cookie"), Some(&*format!("session={}", before + 1)));
        for (answer, number) in answers.zip(2..) {
            let own = format!("session={}", before + number);
            assert_eq!(answer.header("set-cookie"), if stored { None } else { Some(&*own) }, "{answer:?}");
        }
        assert_eq!(origin.asked() - before, if stored { 1 } else { 3 });
    }
}
