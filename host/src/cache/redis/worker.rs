//! The thread that speaks with Redis.

use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use redis::{Client, Cmd, Value};
use tokio::runtime::Runtime;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::LocalSet;

use super::changes::Change;
use super::{Answer, Failed, Question, Shared, count};
use crate::redis::Link;

/// Questions under way.
const UNDER_WAY_MAX: usize = 256;
/// How long a change may take to be answered: nobody waits for it.
const TIME_MAX: Duration = Duration::from_secs(1);

/// The thread's work.
pub struct Worker {
    client: Client,
    shared: Arc<Shared>,
    runtime: Runtime,
}

/// Prepares it.
pub fn new(client: Client, shared: Arc<Shared>) -> io::Result<Worker> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(Worker { client, shared, runtime })
}

impl Worker {
    /// Answers questions and makes changes until nobody asks any more.
    pub fn run(self, questions: mpsc::Receiver<Question>) {
        let Self { client, shared, runtime } = self;
        let link = Link::new(client, shared.gate.clone(), "cache");
        let way = Rc::new(Way { link, shared });
        let tasks = LocalSet::new();
        tasks.spawn_local(make_changes(way.clone()));
        tasks.block_on(&runtime, answer(way, questions));
    }
}

/// The way to Redis, and what is shared with callers.
struct Way {
    link: Link,
    shared: Arc<Shared>,
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
            let Question { name, mut reply } = question;
            tokio::select! {
                answer = look_up(&way, name) => drop(reply.send(answer)),
                () = reply.closed() => {}
            }
            drop(place);
        });
    }
}

async fn look_up(way: &Way, name: u128) -> Answer {
    let mut command = redis::cmd("GET");
    command.arg(full(way, name));
    match way.link.send(&command, way.shared.options.timeout).await.map_err(|_| Failed)? {
        Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
        Value::Nil => Ok(None),
        _ => Err(Failed),
    }
}

/// Makes changes one after the other, while the breaker is closed.
async fn make_changes(way: Rc<Way>) {
    let shared = &way.shared;
    loop {
        let next = if shared.gate.is_closed() { shared.changes().next() } else { None };
        let Some((name, number, change)) = next else {
            shared.wake.notified().await;
            continue;
        };
        let is_set = matches!(change, Change::Set { .. });
        let made = way.link.send(&command(&way, name, change), TIME_MAX).await;
        shared.settled(made.is_ok(), shared.gate.settle(made.is_ok()));
        match made {
            Ok(_) => {
                if is_set {
                    count(&shared.counters.writes);
                }
                shared.changes().done(name, number);
            }
            Err(_) => {
                shared.counters.dropped.fetch_add(u64::from(is_set), Ordering::Relaxed);
                shared.changes().failed(name, number);
            }
        }
    }
}

fn command(way: &Way, name: u128, change: Change) -> Cmd {
    let name = full(way, name);
    match change {
        Change::Set { head, body, expires_in } => {
            let milliseconds = u64::try_from(expires_in.as_millis()).unwrap_or(u64::MAX);
            let mut command = redis::cmd("SET");
            command.arg(name).arg([&head[..], &body].concat()).arg("PX").arg(milliseconds);
            command
        }
        Change::Remove => {
            let mut command = redis::cmd("DEL");
            command.arg(name);
            command
        }
    }
}

fn full(way: &Way, name: u128) -> String {
    format!("{}{name:032x}", way.shared.options.prefix)
}
