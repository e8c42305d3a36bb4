//! The way to Redis.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, Value};
use tokio::sync::Mutex;

use super::Gate;

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_secs(1);

/// A connection, which is made when it is needed: of one thread.
pub struct Link {
    client: Client,
    gate: Arc<Gate>,
    /// Whose it is: for the log.
    user: &'static str,
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

/// Why a command has no answer.
#[derive(Debug)]
pub enum Failed {
    /// There is no connection, or it broke off; or it took too long.
    Silent,
    /// The answer is an error.
    Refused(RedisError),
}

impl Link {
    /// None is made yet.
    pub fn new(client: Client, gate: Arc<Gate>, user: &'static str) -> Self {
        Self { client, gate, user, connection: RefCell::default(), connecting: Mutex::default(), made: Cell::new(0) }
    }

    /// Sends a command, and waits this long for the answer.
    ///
    /// # Errors
    /// When there is none, or it is an error.
    pub async fn send(&self, command: &Cmd, time_max: Duration) -> Result<Value, Failed> {
        let Connection { number, mut connection, .. } = self.connected().await?;
        let answer = tokio::time::timeout(time_max, connection.send_packed_command(command)).await;
        match answer.map(|answer| answer.and_then(Value::extract_error)) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                tracing::debug!(user = self.user, %error, "Redis");
                // An answer that is an error is an answer: the connection is good.
                if error.is_unrecoverable_error() {
                    self.drop_connection(number);
                    return Err(Failed::Silent);
                }
                Err(Failed::Refused(error))
            }
            Err(_) => Err(Failed::Silent),
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
        let opened = self.gate.opened();
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT_MAX)).set_response_timeout(None);
        let connecting = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = match tokio::time::timeout(CONNECT_MAX, connecting).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(error)) => {
                tracing::debug!(user = self.user, %error, "no connection to Redis");
                return Err(Failed::Silent);
            }
            Err(_) => return Err(Failed::Silent),
        };
        let made = Connection { number: self.made.get(), opened, connection };
        self.made.set(made.number + 1);
        *self.connection.borrow_mut() = Some(made.clone());
        Ok(made)
    }

    /// The connection that there is, unless the breaker has opened since it was made: then it may be a dead one that
    /// nobody has closed.
    fn usable(&self) -> Option<Connection> {
        let opened = self.gate.opened();
        self.connection.borrow_mut().take_if(|connection| connection.opened != opened);
        self.connection.borrow().clone()
    }

    fn drop_connection(&self, number: u64) {
        self.connection.borrow_mut().take_if(|connection| connection.number == number);
    }
}
