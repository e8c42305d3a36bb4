//! What an upstream is to do, what it got, and who waits for that.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Instant;

use crate::shell::SeenRequest;
use crate::wire::PATIENCE;
use crate::{case, shell};

/// What an upstream is to do with the requests that come, in their order.
#[derive(Default)]
pub struct Scripts {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Each with its exchange.
    waiting: VecDeque<(usize, Script)>,
    exchanges: Vec<Exchange>,
    is_stopped: bool,
}

/// What is to be done with a request.
#[derive(Clone)]
pub struct Script {
    /// What the case says.
    pub entry: case::Origin,
    /// How many bytes the client will send once the protocol is changed.
    pub tunnel_length: usize,
    /// Whether it waits until the client has its response.
    is_later: bool,
}

#[derive(Default)]
struct Exchange {
    is_held: bool,
    has_responded: bool,
    /// How many requests are expected when the client has its response.
    later_count: usize,
    requests: Vec<Received>,
}

/// A request that came, and how far it is.
struct Received {
    request: SeenRequest,
    progress: Progress,
    is_later: bool,
}

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It may still be arriving.
    Begun,
    /// As much of it as is read was read.
    Read,
    /// It is answered, and the connection closed if it is to be.
    Over,
}

/// A request that an upstream is busy with.
#[derive(Clone)]
pub struct Busy {
    /// What is to be done with it; nothing that a case says if nobody expected it.
    pub script: Option<Script>,
    exchange: usize,
    request: usize,
}

/// The exchange whose requests are expected.
#[derive(Clone)]
pub struct Ticket {
    scripts: Arc<Scripts>,
    exchange: usize,
}

impl Scripts {
    /// Expects these requests next.
    pub fn push(self: &Arc<Self>, script: &shell::Script, tunnel_length: usize) -> Ticket {
        let mut state = self.lock();
        let exchange = state.exchanges.len();
        let at_first = script.origin.iter().map(|entry| (entry, false));
        let entries = at_first.chain(script.later.iter().map(|entry| (entry, true)));
        let entries = entries.filter(|(entry, _)| entry.is_up());
        let waiting =
            entries.map(|(entry, is_later)| (exchange, Script { entry: entry.clone(), tunnel_length, is_later }));
        state.waiting.extend(waiting);
        let later_count = script.later.iter().filter(|entry| entry.is_up()).count();
        state.exchanges.push(Exchange { is_held: script.is_held, later_count, ..Exchange::default() });
        Ticket { scripts: Arc::clone(self), exchange }
    }

    /// Nobody waits for anything any more.
    pub fn stop(&self) {
        self.lock().is_stopped = true;
        self.changed.notify_all();
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.lock().is_stopped
    }

    /// A request begins. One that nobody expected belongs to the last exchange.
    pub fn begin(&self, request: SeenRequest) -> Busy {
        let mut state = self.lock();
        let (exchange, script) = match state.waiting.pop_front() {
            Some((exchange, script)) => (exchange, Some(script)),
            None => (state.exchanges.len().saturating_sub(1), None),
        };
        let requests = &mut state.exchanges[exchange].requests;
        let is_later = script.as_ref().is_some_and(|script: &Script| script.is_later);
        requests.push(Received { request, progress: Progress::Begun, is_later });
        let request = requests.len() - 1;
        Busy { script, exchange, request }
    }

    /// A request is so far, and this came of it. Whoever waits for that goes on.
    pub fn update(&self, busy: &Busy, progress: Progress, change: impl FnOnce(&mut SeenRequest)) {
        let mut state = self.lock();
        let received = &mut state.exchanges[busy.exchange].requests[busy.request];
        change(&mut received.request);
        received.progress = progress.max(received.progress);
        self.changed.notify_all();
    }

    /// Waits until the exchange of a request may be answered.
    pub fn wait_until_released(&self, busy: &Busy) {
        let is_later = busy.script.as_ref().is_some_and(|script| script.is_later);
        self.wait(|state| {
            let Exchange { is_held, has_responded, .. } = state.exchanges[busy.exchange];
            state.is_stopped || !(is_held || (is_later && !has_responded))
        });
    }

    /// Waits until something is so; false if it is not in time.
    fn wait(&self, is_so: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.lock();
        while !is_so(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).expect("no thread panics with it").0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panics with it")
    }
}

impl Ticket {
    /// Waits until the upstream has the request.
    ///
    /// # Panics
    /// When it does not come.
    pub fn wait_for_request(&self) {
        let came = self.scripts.wait(|state| {
            let mut requests = state.exchanges[self.exchange].requests.iter();
            requests.any(|received| received.progress >= Progress::Read)
        });
        assert!(came, "the upstream never got the request that was to be held");
    }

    /// Lets it answer.
    pub fn release(&self) {
        self.scripts.lock().exchanges[self.exchange].is_held = false;
        self.scripts.changed.notify_all();
    }

    /// The client has its response, or waits for none.
    pub fn responded(&self) {
        self.scripts.lock().exchanges[self.exchange].has_responded = true;
        self.scripts.changed.notify_all();
    }

    /// The requests that came: at first, and when the client had its response. What is still expected is no more.
    pub fn take(&self) -> (Vec<SeenRequest>, Vec<SeenRequest>) {
        // The client has its response, and still the upstream may be about to close, or to be asked once more.
        self.scripts.wait(|state| {
            let Exchange { requests, later_count, .. } = &state.exchanges[self.exchange];
            let is_over = |received: &Received| received.progress == Progress::Over;
            requests.iter().all(is_over) && requests.iter().filter(|received| received.is_later).count() >= *later_count
        });
        let mut state = self.scripts.lock();
        state.waiting.retain(|(exchange, _)| *exchange != self.exchange);
        let of = |is_later: bool| {
            let requests = state.exchanges[self.exchange].requests.iter();
            let requests = requests.filter(|received| received.is_later == is_later);
            requests.map(|received| received.request.clone()).collect()
        };
        (of(false), of(true))
    }
}
