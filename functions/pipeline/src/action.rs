//! What an Exchange asks for, and what it is told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{request, response};
use tidegate_cache::{Coding, Kept, Key, Marker, Piece, Purge, Splice, Stored};
use tidegate_core::Timestamp;
use tidegate_limit::{Charge, Count, Counted};
use tidegate_route::{Function, UpstreamId};

use crate::Failure;

/// What is to be done next.
#[derive(Debug)]
pub enum Action {
    /// Take what the request's limits allow, or nothing. Then [`Input::Counted`]. What is in flight by it is given back
    /// when the client has the whole response, or is gone.
    Count(Arc<Count>),
    /// Hold the request back for so long. Then [`Input::Delayed`].
    Delay(Duration),
    /// Look what is stored. Then [`Input::Looked`].
    Lookup(Key),
    /// Claim the fetch for a key, for everybody who wants it: granted to one at a time, and only while the store still
    /// holds what was `seen` there, a response of that time or none. Then [`Input::Claimed`].
    Claim {
        /// What will be stored.
        key: Key,
        /// When the response was received that is there, and no longer good enough.
        seen: Option<Timestamp>,
    },
    /// Wait for the one who holds the claim, but not longer than this. Then [`Input::Looked`] with what is being
    /// stored, or [`Input::Released`].
    Wait(Duration),
    /// Send a request. Then [`Input::Fetched`] or [`Input::Failed`].
    Fetch(Fetch),
    /// Answer the client; this happens once. Then [`Input::Responded`].
    Respond(Reply),
    /// Store the response that was fetched, for nobody in particular. Then [`Input::Stored`].
    Store(Store),
    /// Forget what is stored. Then [`Input::Purged`].
    Purge(Vec<Purge>),
    /// All is done. A claim that is held ends here.
    Finish,
}

/// A request that is to be sent.
#[derive(Debug)]
pub struct Fetch {
    /// Who answers it.
    pub to: Target,
    /// Its head. The target is in origin form and the Host field is set. An upstream's carries no field that belongs to
    /// a connection, save `te: trailers` and those of an upgrade: over HTTP/1.1, Connection (for `TE`) and the framing
    /// are the sender's to add. A function's has them still.
    pub head: request::Parts,
    /// Whether the connection may become a tunnel: it is to be sent over HTTP/1.1, and a 101 is an answer to it.
    pub is_upgrade: bool,
    /// Largest request body, in bytes. Beyond it: [`Failure::RequestBodyTooLarge`].
    pub max_request_body: u64,
    /// Whether the response may become others' as well: a claim is held. Such a request has no body, or it could change
    /// what others get.
    pub is_shared: bool,
}

/// Who answers a request that is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The upstream at this place in [`tidegate_edge_config::edge::Edge::upstreams`].
    Upstream(UpstreamId),
    /// A function.
    Function(Function),
}

/// The answer to the client.
#[derive(Debug)]
pub struct Reply {
    /// Its head. Framing is the sender's to add, and leaving the body away for HEAD.
    pub head: response::Parts,
    /// Its body.
    pub body: ReplyBody,
    /// What is stored as well, before the client gets the body. Without it, a claim that is held ends here.
    pub store: Option<Store>,
    /// What those who wait are told, if a claim ends here.
    pub released: Released,
    /// What the request has cost in the end. The client does not wait for that.
    pub charges: Vec<Charge>,
}

/// Where a body comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// From here.
    Whole(Bytes),
    /// From what was fetched; if that is being stored, from the store as it arrives there.
    Fetched,
    /// From what was found in the store.
    Stored,
    /// Pieces of what is being stored, or else of what was found in the store.
    Pieces(Vec<Piece>),
}

/// What is to be stored, by the claim that is held.
#[derive(Debug)]
pub struct Store {
    /// What it is found by.
    pub key: Key,
    /// What is stored. Nothing in it is one client's.
    pub stored: Arc<Stored>,
    /// Where its body comes from.
    pub body: StoreBody,
    /// What the fetched body is compressed into.
    pub coding: Option<Coding>,
    /// Largest body, in bytes, once it is compressed. What grows beyond it is not kept.
    pub max_body: u64,
    /// Markers that lead to it, each with its key.
    pub markers: Vec<(Key, Arc<Marker>)>,
}

/// Where a body comes from that is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreBody {
    /// From what was fetched.
    Fetched,
    /// From what was found: that is given a new head.
    Found,
    /// From both.
    Spliced(Splice),
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// What became of the takes.
    Counted(Counted),
    /// So much time has passed.
    Delayed,
    /// What is stored, if anything.
    Looked(Option<Looked>),
    /// What became of the claim.
    Claimed(Claim),
    /// Nothing came of waiting.
    Released(Released),
    /// The head of a final response came.
    Fetched(response::Parts),
    /// None came.
    Failed(Failure),
    /// The client has the response, or will have it.
    Responded,
    /// What was fetched is stored, as far as it came.
    Stored,
    /// It is forgotten.
    Purged,
}

/// What is stored under a key.
#[derive(Clone, Debug)]
pub struct Looked {
    /// The head of a response, or a mark that says how to look on.
    pub kept: Kept,
    /// How long its body is, or will be once it has arrived; none: nobody knows yet.
    pub length: Option<u64>,
    /// Whether it was purged softly.
    pub is_purged: bool,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is held: fetch, for all.
    Held,
    /// Somebody else holds it.
    Taken,
    /// Something else is stored by now than was seen.
    Changed,
    /// There are too many claims.
    Full,
}

/// Why nothing came of waiting for a claim to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The response is not for others: each fetches for itself.
    Unshared,
    /// None came.
    Failed,
    /// Who held it is gone, and nobody knows: one of those who waited is next.
    Gone,
    /// It takes too long.
    TooLong,
}
