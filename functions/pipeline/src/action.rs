//! What an Exchange asks for, and what it is told.

use bytes::Bytes;
use http::{request, response};
use tidegate_cache::Key;
use tidegate_core::Timestamp;
use tidegate_route::{Function, UpstreamId};

use crate::Failure;

/// What is to be done next.
#[derive(Debug)]
pub enum Action {
    /// Look whether there is a stored response. Then [`Input::Looked`].
    Lookup(Key),
    /// Claim the fetch for a key, for everybody who wants it: granted to one at a time, and only while the store still
    /// holds what was `seen` there, a response of that time or none. Then [`Input::Claimed`].
    Claim {
        /// What will be stored.
        key: Key,
        /// When the response was stored that is there, and no longer good enough.
        seen: Option<Timestamp>,
    },
    /// Wait for the one who holds the claim. Then [`Input::Looked`] with what was stored, or [`Input::Released`].
    Wait(Key),
    /// Send a request. Then [`Input::Fetched`] or [`Input::Failed`].
    Fetch(Fetch),
    /// Answer the client; this happens once. Then [`Input::Responded`].
    Respond(Reply),
    /// Store the response that was fetched, for nobody in particular. Then [`Input::Stored`].
    Store(Store),
    /// All is done.
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
    /// Under which key the response may be stored: the claim for it is held. Such a request has no body, or it could
    /// change what others get.
    pub shares: Option<Key>,
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
    /// The fetched body is stored as well, with this head, while the client gets it. Without it, a claim that is held
    /// ends here: the response is not for others.
    pub store: Option<Store>,
}

/// Where a body comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplyBody {
    /// From here.
    Whole(Bytes),
    /// From what was fetched.
    Fetched,
    /// From what was found in the store.
    Stored,
}

/// What is to be stored, by the claim that is held.
#[derive(Debug)]
pub struct Store {
    /// What it is found by.
    pub key: Key,
    /// Its head: as it was fetched, less what belonged to the connection. Nothing in it is one client's.
    pub head: response::Parts,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// What is stored, if anything.
    Looked(Option<Stored>),
    /// What became of the claim.
    Claimed(Claim),
    /// Who held the claim let it go without storing anything.
    Released(Released),
    /// The head of a final response came.
    Fetched(response::Parts),
    /// None came.
    Failed(Failure),
    /// The client has the response, or will have it.
    Responded,
    /// What was fetched is stored, as far as it came.
    Stored,
}

/// The head of a stored response.
#[derive(Debug)]
pub struct Stored {
    /// When it was stored.
    pub stored_at: Timestamp,
    /// As it was given to be stored.
    pub head: response::Parts,
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
}

/// How a claim ended of which nothing was stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Released {
    /// The response is not for others, or none came: each fetches for itself.
    Unshared,
    /// Who held it is gone, and nobody knows: one of those who waited is next.
    Gone,
}
