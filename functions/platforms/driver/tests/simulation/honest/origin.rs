//! The origin: pages that change, and a record of all that was sent.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, StatusCode};
use tidegate_core::Timestamp;
use tidegate_pipeline::{Failure, Fetch};

use crate::clock::Sim;
use crate::platform::Answer;

/// `/own` is everybody's own who says who it is; of `/gone` every other version is 404; `/loose` has no validator, and
/// that of `/weak` is weak.
pub const PAGES: [&str; 7] = ["/plain", "/lang", "/both", "/own", "/gone", "/loose", "/weak"];

pub struct Origin {
    sim: Rc<Sim>,
    versions: RefCell<[u64; PAGES.len()]>,
    sent: RefCell<Vec<Sent>>,
    errors: RefCell<Vec<(String, Timestamp)>>,
    forgotten: RefCell<Vec<Forgotten>>,
}

/// What was invalid, or purged, from when on.
struct Forgotten {
    /// None: all.
    path: Option<String>,
    at: Timestamp,
    /// Whether a fetch that is under way is hit, too. Of a tag nobody knows before there is a response.
    is_tag: bool,
}

/// What was sent, and what it allows.
#[derive(Debug)]
pub struct Sent {
    pub path: String,
    /// Whose request it answers.
    pub client: String,
    pub asked_at: Timestamp,
    pub received_at: Timestamp,
    pub status: StatusCode,
    /// All of the page, if less was sent.
    pub page: String,
    pub tag: Option<String>,
    pub control: Control,
    /// The fields that it says it varies by, as they were.
    pub vary: Vec<(&'static str, Option<String>)>,
    /// Whether it answers somebody who said who it is.
    pub is_authorized: bool,
    pub age_s: u64,
}

/// What it says in Cache-Control, and the like.
#[derive(Clone, Debug, Default)]
pub struct Control {
    pub no_store: bool,
    pub private: bool,
    pub no_cache: bool,
    pub public: bool,
    pub must_revalidate: bool,
    pub sets_cookie: bool,
    pub varies_by_all: bool,
    pub max_age_s: Option<u64>,
    pub s_maxage_s: Option<u64>,
    pub while_revalidate_s: Option<u64>,
    pub if_error_s: Option<u64>,
}

impl Origin {
    pub fn new(sim: &Rc<Sim>) -> Rc<Self> {
        Rc::new(Self {
            sim: Rc::clone(sim),
            versions: RefCell::default(),
            sent: RefCell::default(),
            errors: RefCell::default(),
            forgotten: RefCell::default(),
        })
    }

    /// All that was sent of a page.
    pub fn each_sent<T>(&self, path: &str, look: impl FnMut(&Sent) -> Option<T>) -> Option<T> {
        self.sent.borrow().iter().filter(|sent| sent.path == path).find_map(look)
    }

    /// Whether nothing could be had of a page in this time.
    pub fn failed(&self, path: &str, since: Timestamp, until: Timestamp) -> bool {
        self.errors.borrow().iter().any(|(of, at)| of == path && *at >= since && *at <= until)
    }

    /// Since when nothing older than that is an answer, for a request of then.
    pub fn forgotten_at(&self, path: &str, asked: Timestamp) -> Timestamp {
        let forgotten = self.forgotten.borrow();
        let of_page = forgotten.iter().filter(|of| of.path.as_deref().is_none_or(|of| of == path));
        of_page.filter(|of| !of.is_tag && of.at < asked).map(|of| of.at).max().unwrap_or_default()
    }

    /// A page, or all, was purged at that time; by a tag, if nobody could know which ones before they came.
    pub fn forget(&self, path: Option<&str>, at: Timestamp, is_tag: bool) {
        self.forgotten.borrow_mut().push(Forgotten { path: path.map(str::to_owned), at, is_tag });
    }

    /// A tag that a client may have.
    pub fn some_tag(&self, path: &str) -> Option<String> {
        let sent = self.sent.borrow();
        let tags: Vec<_> = sent.iter().filter(|sent| sent.path == path).filter_map(|sent| sent.tag.clone()).collect();
        if tags.is_empty() { None } else { Some(tags[self.sim.random(tags.len() as u64) as usize].clone()) }
    }

    pub fn answer(&self, fetch: &Fetch) -> Answer {
        let path = fetch.head.uri.path().to_owned();
        let delay = Duration::from_millis(self.sim.random(300));
        let received_at = self.sim.now() + delay;
        let answer = |result, body: &str, breaks| {
            let (one, other) = body.split_at(body.len() / 2);
            let chunks = [one, other].map(|chunk| Bytes::copy_from_slice(chunk.as_bytes())).into();
            Answer { delay, result, chunks, pause: Duration::from_millis(self.sim.random(400)), breaks }
        };
        let breaks = self.sim.random(16) == 0;
        match self.sim.random(16) {
            0 | 1 => {
                self.errors.borrow_mut().push((path, received_at));
                return answer(Err(Failure::ConnectTimeout), "", false);
            }
            2 => {
                self.errors.borrow_mut().push((path, received_at));
                return answer(Ok((StatusCode::SERVICE_UNAVAILABLE, HeaderMap::new())), "busy", false);
            }
            _ => {}
        }
        if fetch.head.method == "POST" {
            self.change(&path);
            return answer(Ok((StatusCode::OK, HeaderMap::new())), "changed", false);
        }
        if self.sim.random(4) == 0 {
            self.change(&path);
        }
        let sent = self.page(path, fetch, received_at);
        let (status, headers, body) = sent.message(fetch);
        let is_head = fetch.head.method == "HEAD";
        self.sent.borrow_mut().push(sent);
        answer(Ok((status, headers)), if is_head { "" } else { &body }, breaks && !is_head)
    }

    fn version(&self, path: &str) -> u64 {
        self.versions.borrow()[PAGES.iter().position(|page| *page == path).unwrap()]
    }

    fn change(&self, path: &str) {
        self.versions.borrow_mut()[PAGES.iter().position(|page| *page == path).unwrap()] += 1;
    }

    /// The page as it is now, for this request.
    fn page(&self, path: String, fetch: &Fetch, received_at: Timestamp) -> Sent {
        let said = |name: &str| fetch.head.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let names: &[&'static str] = match &*path {
            "/lang" => &["accept-language"],
            "/both" => &["accept-language", "x-flavor"],
            _ => &[],
        };
        let vary: Vec<_> = names.iter().map(|name| (*name, said(name))).collect();
        let client = said("x-client").unwrap();
        let is_authorized = said("authorization").is_some();
        let is_own = is_authorized && path == "/own";
        let version = self.version(&path);
        let parts: String = vary.iter().map(|(_, value)| value.as_deref().unwrap_or("-")).collect();
        let name = format!("v{version:03}-{parts}{}", if is_own { &client } else { "" });
        let tag = match &*path {
            "/loose" => None,
            "/weak" => Some(format!("W/\"{name}\"")),
            _ => Some(format!("\"{name}\"")),
        };
        let is_gone = path == "/gone" && version % 2 == 1;
        Sent {
            page: format!("{path:.<10}{name:.<30}"),
            client,
            asked_at: self.sim.now(),
            received_at,
            status: if is_gone { StatusCode::NOT_FOUND } else { StatusCode::OK },
            tag,
            control: Control::random(&self.sim, is_own),
            vary,
            is_authorized,
            age_s: if self.sim.random(8) == 0 { 1 } else { 0 },
            path,
        }
    }
}

impl Control {
    /// What is somebody's own does not say that it is for others.
    fn random(sim: &Sim, is_own: bool) -> Self {
        let one_of = |one_of| sim.random(one_of) == 0;
        let seconds = |of: u64, most: u64| if sim.random(of) == 0 { Some(sim.random(most + 1)) } else { None };
        Self {
            no_store: one_of(16),
            private: one_of(16),
            no_cache: one_of(10),
            public: one_of(6) && !is_own,
            must_revalidate: one_of(10) && !is_own,
            sets_cookie: one_of(16),
            varies_by_all: one_of(20),
            max_age_s: if one_of(8) { None } else { Some(sim.random(3)) },
            s_maxage_s: seconds(8, 2).filter(|_| !is_own),
            while_revalidate_s: seconds(4, 2),
            if_error_s: seconds(3, 4),
        }
    }

    fn text(&self) -> String {
        let flags = [
            ("no-store", self.no_store),
            ("private", self.private),
            ("no-cache", self.no_cache),
            ("public", self.public),
            ("must-revalidate", self.must_revalidate),
        ];
        let seconds = [
            ("max-age", self.max_age_s),
            ("s-maxage", self.s_maxage_s),
            ("stale-while-revalidate", self.while_revalidate_s),
            ("stale-if-error", self.if_error_s),
        ];
        let flags = flags.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned());
        let seconds = seconds.into_iter().filter_map(|(name, seconds)| Some(format!("{name}={}", seconds?)));
        flags.chain(seconds).collect::<Vec<_>>().join(", ")
    }
}

impl Sent {
    /// The message for this request: all of the page, a part, or that nothing has changed.
    fn message(&self, fetch: &Fetch) -> (StatusCode, HeaderMap, String) {
        let said = |name: &str| fetch.head.headers.get(name).map(|value| value.to_str().unwrap());
        let mut headers = self.headers();
        let has = |name| said(name).is_some_and(|said| self.tag.as_deref() == Some(said));
        if self.status != StatusCode::OK {
            return (self.status, headers, self.page.clone());
        }
        if has("if-none-match") {
            return (StatusCode::NOT_MODIFIED, headers, String::new());
        }
        let is_strong = self.tag.as_ref().is_some_and(|tag| tag.starts_with('"'));
        let is_range_wanted = said("if-range").is_none() || (has("if-range") && is_strong);
        let length = self.page.len();
        let range = said("range").filter(|_| is_range_wanted && fetch.head.method == "GET").map(|range| match range {
            "bytes=0-9" => 0..10,
            "bytes=10-" => 10..length,
            "bytes=5-24" => 5..25,
            "bytes=-8" => length - 8..length,
            range => panic!("{range}"),
        });
        match range {
            None => (self.status, headers, self.page.clone()),
            Some(range) => {
                let value = format!("bytes {}-{}/{length}", range.start, range.end - 1);
                headers.insert("content-range", value.parse().unwrap());
                (StatusCode::PARTIAL_CONTENT, headers, self.page[range].to_owned())
            }
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: &'static str, value: &str| {
            headers.append(HeaderName::from_static(name), value.parse().unwrap());
        };
        add("cache-control", &self.control.text());
        self.tag.iter().for_each(|tag| add("etag", tag));
        self.vary.iter().for_each(|(name, _)| add("vary", name));
        add("surrogate-key", &self.path);
        if self.control.varies_by_all {
            add("vary", "*");
        }
        if self.control.sets_cookie {
            add("set-cookie", "a=1");
        }
        if self.age_s > 0 {
            add("age", &self.age_s.to_string());
        }
        headers
    }
}
