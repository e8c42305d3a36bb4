//! Who is shopping: a random id in a cookie, and under it a cart in the key-value store that stays for half an hour
//! after its last use.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tidegate::{
    Result,
    http::{Request, RequestExt},
    kv::Store,
    random, time,
};

use crate::cart::Cart;

const COOKIE: &str = "sid";
const KEPT: Duration = Duration::from_secs(30 * 60);
/// Use renews a session, but a store that is written on every page view would be the first thing to give in.
const RENEW_AFTER: Duration = Duration::from_secs(5 * 60);
/// So it is kept this much longer.
const TTL: Duration = KEPT.saturating_add(RENEW_AFTER);

/// A session that is in the store, or is about to be.
#[derive(Debug)]
pub struct Session {
    id: String,
    pub cart: Cart,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    cart: Cart,
    /// Unix seconds.
    saved: u64,
}

impl Session {
    /// A new one, with an empty cart.
    pub fn begin() -> Self {
        Self { id: random::id(), cart: Cart::default() }
    }

    /// The visitor's session. An id that the store does not know is none: nobody is led into a session of another's
    /// choosing.
    pub async fn of(req: &Request, store: &Store) -> Result<Option<Self>> {
        let Some(id) = req.cookie(COOKIE).filter(|id| is_id(id)) else { return Ok(None) };
        let Some(stored) = store.get_json::<Stored>(&key(id)).await? else { return Ok(None) };
        let session = Self { id: id.to_owned(), cart: stored.cart };
        if unix_seconds().saturating_sub(stored.saved) >= RENEW_AFTER.as_secs() {
            session.save(store).await?;
        }
        Ok(Some(session))
    }

    /// Stores it anew. Two changes at the same moment from two tabs: the later one stands.
    pub async fn save(&self, store: &Store) -> Result<()> {
        let stored = Stored { cart: self.cart.clone(), saved: unix_seconds() };
        store.set_json_with_ttl(&key(&self.id), &stored, TTL).await
    }

    /// Ends it.
    pub async fn end(&self, store: &Store) -> Result<()> {
        store.delete(&key(&self.id)).await
    }

    /// The `Set-Cookie` that the visitor comes back with. The cookie is the browser session's: how long the cart
    /// lives is the store's decision, which use renews.
    pub fn cookie(&self, secure: bool) -> String {
        let secure = if secure { "; Secure" } else { "" };
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax{secure}", self.id)
    }
}

fn key(id: &str) -> String {
    format!("session/{id}")
}

/// Only what [`random::id`] makes gets near the store's keys.
fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

fn unix_seconds() -> u64 {
    time::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use tidegate::http::{HeaderValue, header};

    use super::*;

    fn with_cookie(cookie: &str) -> Request {
        let mut req = tidegate::test::get("/");
        req.headers_mut().insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        req
    }

    #[tidegate::test]
    async fn lives_half_an_hour_after_its_last_use() {
        let store = tidegate::kv::open("default").await.unwrap();
        let mut session = Session::begin();
        session.cart.add("mug", 1).unwrap();
        session.save(&store).await.unwrap();
        let req = with_cookie(&format!("sid={}", session.id));

        for minutes in [4, 29, 29] {
            time::sleep(Duration::from_secs(minutes * 60)).await;
            let session = Session::of(&req, &store).await.unwrap();
            assert_eq!(session.expect("in use").cart.count(), 1);
        }
        time::sleep(TTL).await;
        assert!(Session::of(&req, &store).await.unwrap().is_none());
    }

    #[tidegate::test]
    async fn only_known_and_well_formed_ids_count() {
        let store = tidegate::kv::open("default").await.unwrap();
        store.set("session/../x", "{}").await.unwrap();
        for id in ["", "../x", "0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF"] {
            assert!(Session::of(&with_cookie(&format!("sid={id}")), &store).await.unwrap().is_none(), "{id}");
        }
    }

    #[test]
    fn no_script_reads_the_cookie() {
        let cookie = Session::begin().cookie(true);
        for attribute in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Secure"] {
            assert!(cookie.contains(attribute), "{cookie}");
        }
    }
}
