//! The thread that speaks with Redis.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, Value};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, Semaphore, mpsc};
use tokio::task::LocalSet;

use super::breaker::Permit;
use super::changes::Change;
use super::{Answer, Failed, Question, Shared, count};

/// Questions under way.
const UNDER_WAY_MAX: usize = 256;
/// How long a connection may take to be made, and a change to be answered: nobody waits for them.
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
        let link = Rc::new(Link::new(client, shared));
        let tasks = LocalSet::new();
        tasks.spawn_local(make_changes(link.clone()));
        tasks.block_on(&runtime, answer(link, questions));
    }
}

/// The way to Redis: a connection, which is made when it is needed.
struct Link {
    client: Client,
    shared: Arc<Shared>,
    connection: RefCell<Option<Connection>>,
    /// One connection is made at a time.
    connecting: Mutex<()>,
    made: Cell<u64>,
}

#[derive(Clone)]
struct Connection {
    /// Tells it from others.
    number: u64,
    /// How often the breaker had opened when it was made.
    opened: u64,
    connection: MultiplexedConnection,
}

impl Link {
    fn new(client: Client, shared: Arc<Shared>) -> Self {
        Self { client, shared, connection: RefCell::default(), connecting: Mutex::default(), made: Cell::new(0) }
    }

    /// Sends a command, and waits this long for the answer.
    async fn send(&self, command: Cmd, time_max: Duration) -> Result<Value, Failed> {
        let Connection { number, mut connection, .. } = self.connected().await?;
        let answer = tokio::time::timeout(time_max, connection.send_packed_command(&command)).await;
        match answer.map(|answer| answer.and_then(Value::extract_error)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::debug!(%error, "cache: Redis");
                // An answer that is an error is an answer: the connection is good.
                if error.is_unrecoverable_error() {
                    self.drop_connection(number);
                }
                Err(Failed)
            }
            Err(_) => Err(Failed),
        }
    }

    async fn connected(&self) -> Result<Connection, Failed> {
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        let _alone = self.connecting.lock().await;
        if let Some(connection) = self.usable() {
            return Ok(connection);
        }
        let opened = self.shared.breaker().opened();
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(TIME_MAX)).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = match tokio::time::timeout(TIME_MAX, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                tracing::debug!(%error, "cache: no connection to Redis");
                return Err(Failed);
            }
            Err(_) => return Err(Failed),
        };
        let made = Connection { number: self.made.get(), opened, connection };
        self.made.set(made.number + 1);
        *self.connection.borrow_mut() = Some(made.clone());
        Ok(made)
    }

    /// The connection that there is, unless the breaker has opened since it was made: then it may be a dead one that
    /// nobody has closed.
    fn usable(&self) -> Option<Connection> {
        let opened = self.shared.breaker().opened();
        self.connection.borrow_mut().take_if(|connection| connection.opened != opened);
        self.connection.borrow().clone()
    }

    fn drop_connection(&self, number: u64) {
        self.connection.borrow_mut().take_if(|connection| connection.number == number);
    }
}

async fn answer(link: Rc<Link>, mut questions: mpsc::Receiver<Question>) {
    let places = Arc::new(Semaphore::new(UNDER_WAY_MAX));
    while let Some(question) = questions.recv().await {
        // It is never closed.
        let Ok(place) = places.clone().acquire_owned().await else { return };
        if question.reply.is_closed() {
            continue; // Nobody waits any more.
        }
        let link = link.clone();
        tokio::task::spawn_local(async move {
            let Question { name, mut reply } = question;
            tokio::select! {
                answer = look_up(&link, name) => drop(reply.send(answer)),
                () = reply.closed() => {}
            }
            drop(place);
        });
    }
}

async fn look_up(link: &Link, name: u128) -> Answer {
    let mut command = redis::cmd("GET");
    command.arg(full(link, name));
    match link.send(command, link.shared.options.timeout).await? {
        Value::BulkString(bytes) => Ok(Some(Bytes::from(bytes))),
        Value::Nil => Ok(None),
        _ => Err(Failed),
    }
}

/// Makes changes one after the other, while the breaker is closed.
async fn make_changes(link: Rc<Link>) {
    let shared = &link.shared;
    loop {
        let next = if shared.breaker().is_closed() { shared.changes().next() } else { None };
        let Some((name, number, change)) = next else {
            shared.wake.notified().await;
            continue;
        };
        let is_set = matches!(change, Change::Set { .. });
        let made = link.send(command(&link, name, change), TIME_MAX).await;
        shared.settle(Permit::Usual, made.is_ok());
        match made {
            Ok(_) => {
                if is_set {
                    count(&shared.counters.writes);
                }
                shared.changes().done(name, number);
            }
            Err(Failed) => {
                shared.counters.dropped.fetch_add(u64::from(is_set), Ordering::Relaxed);
                shared.changes().failed(name, number);
            }
        }
    }
}

fn command(link: &Link, name: u128, change: Change) -> Cmd {
    let name = full(link, name);
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

fn full(link: &Link, name: u128) -> String {
    format!("{}{name:032x}", link.shared.options.prefix)
}
