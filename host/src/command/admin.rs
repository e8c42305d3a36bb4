//! Asking a running host.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::net::TcpStream;

/// How long a host may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// The admin side of a running host.
#[derive(Clone, Debug, Args)]
pub struct Admin {
    /// The admin side of the host.
    #[arg(long, global = true, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// The token of the admin side, if it asks for one.
    #[arg(long, global = true, value_name = "TOKEN", env = "TIDEGATE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Admin {
    /// What is at a path.
    ///
    /// # Errors
    /// When nobody answers there, or the host refuses.
    pub fn get(&self, path: &str) -> anyhow::Result<String> {
        self.ask(Method::GET, path, Bytes::new())
    }

    /// What the host answers to an order.
    ///
    /// # Errors
    /// When nobody answers there, or the host refuses.
    pub fn post(&self, path: &str, order: &impl Serialize) -> anyhow::Result<String> {
        self.ask(Method::POST, path, serde_json::to_vec(order)?.into())
    }

    fn ask(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
        let answer = runtime.block_on(async { tokio::time::timeout(TIMEOUT, self.send(method, path, body)).await });
        answer.with_context(|| format!("{} did not answer within {} s", self.admin, TIMEOUT.as_secs()))?
    }

    async fn send(&self, method: Method, path: &str, body: Bytes) -> anyhow::Result<String> {
        let stream = TcpStream::connect(self.admin).await;
        let stream = stream.with_context(|| format!("no host answers on {} (--admin)", self.admin))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header(HOST, self.admin.to_string());
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = &self.token {
            let value = HeaderValue::try_from(format!("Bearer {}", token.trim()));
            let mut value = value.context("the token is not valid")?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let response = sender.send_request(request.body(Full::new(body))?).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map_err(|error| anyhow::anyhow!("the answer cannot be read: {error}"))?.to_bytes();
        let text = String::from_utf8_lossy(&body).into_owned();
        if status != StatusCode::OK {
            let problem: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
            bail!("{}: {}", status, problem["detail"].as_str().unwrap_or("the host refuses"));
        }
        Ok(text)
    }
}
