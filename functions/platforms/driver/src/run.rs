//! The driver: one action after the other.

use http::Response;
use tidegate_cache::Kept;
use tidegate_pipeline::{
    Action, Claim, Exchange, Failure, Input, Looked, Released, Reply, ReplyBody, Store, StoreBody, problem,
};

use crate::{Claimed, Found, Platform};

/// Has a request answered. Dropping the future gives up: a claim that it holds releases those who wait.
pub async fn run<P: Platform>(
    platform: &P,
    exchange: &mut Exchange,
    mut action: Action,
    body: P::Body,
) -> Response<P::Body> {
    let mut hands = Hands { request: Some(body), ..Hands::empty() };
    loop {
        match hands.perform(platform, exchange, action).await {
            Done::Input(input) => action = exchange.advance(input, platform.now()),
            Done::Response(response) => return response,
            // An Exchange finishes only after it has responded.
            Done::Finished => return internal(platform),
        }
    }
}

/// Does what is left when the client has its answer; nothing, mostly. See [`Exchange::has_later`].
pub async fn later<P: Platform>(platform: &P, exchange: &mut Exchange) {
    let mut hands = Hands::empty();
    let mut action = exchange.advance(Input::Responded, platform.now());
    while let Done::Input(input) = hands.perform(platform, exchange, action).await {
        action = exchange.advance(input, platform.now());
    }
}

/// What the driver holds for an Exchange, which only knows it by name.
struct Hands<P: Platform> {
    request: Option<P::Body>,
    fetched: Option<P::Body>,
    entry: Option<P::Entry>,
    claim: Option<P::Claim>,
    waiting: Option<P::Waiting>,
    /// What is in flight for as long as the request is.
    permit: Option<P::Permit>,
}

enum Done<B> {
    Input(Input),
    Response(Response<B>),
    Finished,
}

impl<P: Platform> Hands<P> {
    fn empty() -> Self {
        Self { request: None, fetched: None, entry: None, claim: None, waiting: None, permit: None }
    }

    async fn perform(&mut self, platform: &P, exchange: &Exchange, action: Action) -> Done<P::Body> {
        Done::Input(match action {
            Action::Count(count) => {
                let (counted, permit) = platform.take(&count).await;
                self.permit = permit;
                Input::Counted(counted)
            }
            Action::Delay(delay) => {
                platform.delay(delay).await;
                Input::Delayed
            }
            Action::Lookup(key) => Input::Looked(platform.lookup(&key).await.map(|found| self.keep(found))),
            Action::Claim { key, seen } => match platform.claim(&key, seen).await {
                Claimed::Held(claim) => {
                    self.claim = Some(claim);
                    Input::Claimed(Claim::Held)
                }
                Claimed::Taken(waiting) => {
                    self.waiting = Some(waiting);
                    Input::Claimed(Claim::Taken)
                }
                Claimed::Changed => Input::Claimed(Claim::Changed),
                Claimed::Full => Input::Claimed(Claim::Full),
            },
            Action::Wait(at_most) => {
                let Some(waiting) = self.waiting.take() else { return Done::Finished };
                match platform.wait(waiting, at_most).await {
                    Ok(found) => Input::Looked(Some(self.keep(found))),
                    Err(released) => Input::Released(released),
                }
            }
            Action::Fetch(fetch) => {
                // What others get as well cannot depend on this client's body.
                let body = self.request.take().filter(|_| !fetch.is_shared);
                match platform.fetch(exchange, fetch, body).await {
                    Ok(response) => {
                        let (head, body) = response.into_parts();
                        self.fetched = Some(body);
                        Input::Fetched(head)
                    }
                    Err(failure) => Input::Failed(failure),
                }
            }
            Action::Respond(reply) => return Done::Response(self.respond(platform, reply).await),
            Action::Store(store) => {
                if let Some(entry) = self.store(platform, store).await {
                    platform.settled(entry).await;
                }
                Input::Stored
            }
            Action::Purge(purges) => {
                platform.purge(purges).await;
                Input::Purged
            }
            Action::Finish => {
                self.release(platform, exchange.released_as());
                return Done::Finished;
            }
        })
    }

    async fn respond(&mut self, platform: &P, reply: Reply) -> Response<P::Body> {
        let Reply { head, body, store, released, charges } = reply;
        if !charges.is_empty() {
            platform.charge(charges);
        }
        let stored = match store {
            Some(store) => self.store(platform, store).await,
            None => None,
        };
        self.release(platform, released);
        let entry = |pieces| move |entry| platform.stored_body(entry, pieces);
        let body = match body {
            ReplyBody::Whole(bytes) => Some(platform.whole(bytes)),
            ReplyBody::Fetched => stored.map(entry(None)).or_else(|| self.fetched.take()),
            ReplyBody::Stored => stored.or_else(|| self.entry.take()).map(entry(None)),
            ReplyBody::Pieces(pieces) => stored.or_else(|| self.entry.take()).map(entry(Some(pieces))),
        };
        let Some(body) = body else { return internal(platform) };
        let body = match self.permit.take() {
            Some(permit) => platform.holding(body, permit),
            None => body,
        };
        Response::from_parts(head, body)
    }

    /// Stores by the claim that is held.
    async fn store(&mut self, platform: &P, store: Store) -> Option<P::Entry> {
        let claim = self.claim.take()?;
        let (fetched, found) = match store.body {
            StoreBody::Fetched => (Some(self.fetched.take()?), None),
            StoreBody::Found => (None, Some(self.entry.take()?)),
            StoreBody::Spliced(_) => (Some(self.fetched.take()?), Some(self.entry.take()?)),
        };
        Some(platform.store(claim, store, fetched, found).await)
    }

    /// Nothing will be stored: those who wait are told so.
    fn release(&mut self, platform: &P, released: Released) {
        if let Some(claim) = self.claim.take() {
            platform.release(claim, released);
        }
    }

    fn keep(&mut self, found: Found<P::Entry>) -> Looked {
        // Of a marker there is nothing to read.
        if let Kept::Stored(_) = found.looked.kept {
            self.entry = Some(found.entry);
        }
        found.looked
    }
}

/// The answer of an Exchange that asks for what there is not: a fault of ours.
fn internal<P: Platform>(platform: &P) -> Response<P::Body> {
    let failure = Failure::Internal;
    let (head, body) = problem::response(failure.status(), failure.detail());
    Response::from_parts(head, platform.whole(body))
}
