//! The thread that speaks with Redis.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use redis::{Client, ErrorKind, ServerErrorKind, Value};
use tidegate_limit::{Need, Quota};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::LocalSet;
use tokio::time::Instant;

use super::counts::count;
use super::leases::Ticket;
use super::wire::{Call, Line, Outcome, Reply, SCRIPT, Verb};
use super::{Down, Shared, Tell};
use crate::redis::{Failed, Link};

/// Questions under way.
const UNDER_WAY_MAX: usize = 256;
/// What Redis is told at a time.
const TELLS_MAX: usize = 64;
/// How long an answer may take, though nobody waits for it any more: what was taken then is put in order.
const TIME_MAX: Duration = Duration::from_secs(1);
/// How often to look for slices that are over.
const SWEEP: Duration = Duration::from_millis(20);
/// How often to look for what is still in flight. The shortest period is a second.
const RENEW: Duration = Duration::from_millis(200);
/// How often to look whether a server that was left alone may be tried.
const RETRY: Duration = Duration::from_millis(100);
/// Keys that are looked at at a time while a limit is reset.
const SCAN: usize = 1000;

/// Lines that somebody waits for.
pub struct Question {
    pub call: Call,
    /// What has to be known of each line when its answer comes.
    pub parts: Vec<Part>,
    pub reply: oneshot::Sender<Delivery>,
}

/// What has to be known of a line when its answer comes.
#[derive(Debug)]
pub enum Part {
    /// Nothing.
    Plain,
    /// It asks for a slice.
    Slice(Ticket),
    /// It takes a place among what is in flight.
    Flight { key: String, quota: Quota, cost: u32, place: (u64, u64) },
}

/// An answer. If nobody accepts it, places that were taken are given back and slices kept; what else was taken stays taken.
pub struct Delivery {
    shared: Arc<Shared>,
    parts: Vec<Part>,
    reply: Option<Reply>,
}

impl Delivery {
    /// What was answered.
    pub fn accept(mut self) -> Option<Reply> {
        let reply = self.reply.take()?;
        for (part, told) in self.parts.iter().zip(&reply.lines) {
            if let (Part::Flight { key, quota, cost, place }, Outcome::Taken) = (part, told.outcome) {
                self.shared.flights.take(key, quota, *place, *cost);
            }
        }
        Some(reply)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        for (part, told) in self.parts.iter().zip(&reply.lines) {
            match part {
                Part::Slice(ticket) => self.shared.keep_slice(ticket, &told.grant(), 0),
                Part::Flight { key, quota, cost, place } if told.outcome == Outcome::Taken => {
                    self.shared.tell_landed(key.clone(), quota, *cost, *place);
                }
                Part::Flight { .. } | Part::Plain => {}
            }
        }
    }
}

/// What is to be forgotten: a key, or all that begin with it.
pub struct Reset {
    pub key: String,
    pub is_prefix: bool,
    pub reply: oneshot::Sender<Result<(), Down>>,
}

/// The thread's work.
pub struct Worker {
    client: Client,
    shared: Arc<Shared>,
    runtime: Runtime,
}

/// What it is given to do.
pub struct Work {
    pub questions: mpsc::Receiver<Question>,
    pub tells: mpsc::Receiver<Tell>,
    pub resets: mpsc::Receiver<Reset>,
}

/// Prepares it.
pub fn new(client: Client, shared: Arc<Shared>) -> io::Result<Worker> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(Worker { client, shared, runtime })
}

impl Worker {
    /// Answers questions, and does what nobody waits for, until nobody asks any more.
    pub fn run(self, work: Work) {
        let Self { client, shared, runtime } = self;
        let link = Link::new(client, shared.gate.clone(), "limit");
        let way = Rc::new(Way { link, shared, digest: RefCell::default() });
        let tasks = LocalSet::new();
        tasks.spawn_local(tell(way.clone(), work.tells));
        tasks.spawn_local(reset(way.clone(), work.resets));
        tasks.spawn_local(sweep(way.shared.clone()));
        tasks.spawn_local(renew(way.shared.clone()));
        tasks.block_on(&runtime, answer(way, work.questions));
    }
}

/// The way to Redis.
struct Way {
    link: Link,
    shared: Arc<Shared>,
    /// What Redis calls the script, once it was told.
    digest: RefCell<Option<Rc<str>>>,
}

impl Way {
    /// Runs the script, within [`TIME_MAX`].
    async fn run(&self, call: &Call) -> Result<Reply, Down> {
        tokio::time::timeout(TIME_MAX, self.try_run(call)).await.map_err(|_| Down)?
    }

    async fn try_run(&self, call: &Call) -> Result<Reply, Down> {
        count(&self.shared.counters.round_trips);
        let mut answer = self.try_once(call).await;
        // It was started again, or told to forget.
        if let Err(Failed::Refused(error)) = &answer
            && error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
        {
            *self.digest.borrow_mut() = None;
            answer = self.try_once(call).await;
        }
        match answer {
            Ok(value) => Reply::decode(&value).ok_or(Down),
            Err(Failed::Refused(error)) => {
                tracing::warn!(%error, "limit: Redis");
                Err(Down)
            }
            Err(Failed::Silent) => Err(Down),
        }
    }

    async fn try_once(&self, call: &Call) -> Result<Value, Failed> {
        let digest = self.digest().await?;
        self.link.send(&call.command(&digest), TIME_MAX).await
    }

    async fn digest(&self) -> Result<Rc<str>, Failed> {
        if let Some(digest) = &*self.digest.borrow() {
            return Ok(digest.clone());
        }
        let mut command = redis::cmd("SCRIPT");
        command.arg("LOAD").arg(SCRIPT);
        let answer = self.link.send(&command, TIME_MAX).await?;
        let digest: String = redis::from_redis_value(answer).map_err(|error| Failed::Refused(error.into()))?;
        let digest = Rc::from(digest);
        *self.digest.borrow_mut() = Some(Rc::clone(&digest));
        Ok(digest)
    }
}

async fn answer(way: Rc<Way>, mut questions: mpsc::Receiver<Question>) {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    while let Some(question) = questions.recv().await {
        // It is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        if question.reply.is_closed() {
            continue; // Nobody waits any more.
        }
        let way = way.clone();
        tokio::task::spawn_local(async move {
            let Question { call, parts, reply } = question;
            if let Ok(answer) = way.run(&call).await
                && answer.lines.len() == parts.len()
            {
                // Nobody may wait any more: then it is dropped, and puts itself in order.
                drop(reply.send(Delivery { shared: way.shared.clone(), parts, reply: Some(answer) }));
            }
            drop(place);
        });
    }
}

/// Tells Redis what nobody waits for, in order, as soon as it may be asked.
async fn tell(way: Rc<Way>, mut tells: mpsc::Receiver<Tell>) {
    let shared = &way.shared;
    let mut some = Vec::with_capacity(TELLS_MAX);
    while tells.recv_many(&mut some, TELLS_MAX).await > 0 {
        let attempt = loop {
            match shared.gate.attempt() {
                Some(attempt) => break attempt,
                None => tokio::time::sleep(RETRY).await,
            }
        };
        let mut call = Call::new(Need::All);
        let len = some.len() as u64;
        some.drain(..).for_each(|Tell { key, line }| call.push(key, &line));
        let is_ok = way.run(&call).await.is_ok();
        shared.settled(is_ok, attempt.settle(is_ok));
        if !is_ok {
            shared.dropped(len);
        }
    }
}

/// Gives back what is over of slices.
async fn sweep(shared: Arc<Shared>) {
    loop {
        shared.leases.filled().await;
        shared.leases.sweep(|returned| shared.tell_unused(&returned));
        tokio::time::sleep(SWEEP).await;
    }
}

/// Says what is in flight still.
async fn renew(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(RENEW).await;
        shared.flights.renew(Instant::now(), |name, quota, cost, place| {
            shared.tell(name.to_owned(), &Line { place, ..Line::new(Verb::Renew, quota, i64::from(cost)) });
        });
    }
}

async fn reset(way: Rc<Way>, mut resets: mpsc::Receiver<Reset>) {
    while let Some(Reset { key, is_prefix, reply }) = resets.recv().await {
        let done = if is_prefix { remove_all(&way.link, &key).await } else { remove(&way.link, &[key]).await };
        let _ = reply.send(done.map_err(|_| Down));
    }
}

async fn remove(link: &Link, keys: &[String]) -> Result<(), Failed> {
    let mut command = redis::cmd("UNLINK");
    command.arg(keys);
    link.send(&command, TIME_MAX).await.map(drop)
}

async fn remove_all(link: &Link, prefix: &str) -> Result<(), Failed> {
    let mut cursor = 0_u64;
    loop {
        let mut command = redis::cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(format!("{}*", literal(prefix))).arg("COUNT").arg(SCAN);
        let answer = link.send(&command, TIME_MAX).await?;
        let answer = redis::from_redis_value(answer).map_err(|error| Failed::Refused(error.into()));
        let (next, keys): (u64, Vec<String>) = answer?;
        if !keys.is_empty() {
            remove(link, &keys).await?;
        }
        if next == 0 {
            return Ok(());
        }
        cursor = next;
    }
}

/// A pattern that means just this text.
fn literal(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
