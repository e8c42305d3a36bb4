//! `tidegate purge`: forgetting what a running host has stored.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::admin::purge::Order;

/// How long a host may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Options of `tidegate purge`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true))]
pub struct Options {
    /// A URL, with all its variants. May be given more than once, as all of these.
    #[arg(long = "url", value_name = "URL", group = "what")]
    urls: Vec<String>,
    /// All URLs that begin so: https://shop.example/img/
    #[arg(long = "prefix", value_name = "URL", group = "what")]
    prefixes: Vec<String>,
    /// All of a host.
    #[arg(long = "host", value_name = "HOST", group = "what")]
    hosts: Vec<String>,
    /// All that carries a tag (Surrogate-Key, Cache-Tag).
    #[arg(long = "tag", value_name = "TAG", group = "what")]
    tags: Vec<String>,
    /// All there is.
    #[arg(long, group = "what")]
    everything: bool,
    /// Mark it stale: it may be used while a newer one is fetched, or if none can be.
    #[arg(long)]
    soft: bool,
    /// The admin side of the host.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8081")]
    admin: SocketAddr,
    /// The token of the admin side, if it asks for one.
    #[arg(long, value_name = "TOKEN", env = "TIDEGATE_ADMIN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Purges, and says so.
pub fn run(options: Options) -> anyhow::Result<()> {
    let Options { urls, prefixes, hosts, tags, everything, soft, admin, token, json } = options;
    let order = Order { urls, prefixes, hosts, tags, everything, soft };
    order.purges()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot start")?;
    let sent = runtime.block_on(async { tokio::time::timeout(TIMEOUT, send(admin, token.as_deref(), &order)).await });
    let answer = sent.with_context(|| format!("{admin} did not answer within {} s", TIMEOUT.as_secs()))??;
    if json {
        println!("{answer}");
    } else {
        let how = if soft { "marked stale" } else { "purged" };
        println!("{how}: on all cores");
    }
    Ok(())
}

/// Sends an order; comes back with the answer's body.
async fn send(admin: SocketAddr, token: Option<&str>, order: &Order) -> anyhow::Result<String> {
    let stream = TcpStream::connect(admin).await;
    let stream = stream.with_context(|| format!("no host answers on {admin} (--admin)"))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::post("/purge").header(HOST, admin.to_string()).header(CONTENT_TYPE, "application/json");
    if let Some(token) = token {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim())).context("the token is not valid")?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    let request = request.body(Full::new(Bytes::from(serde_json::to_vec(order)?)))?;
    let response = sender.send_request(request).await?;
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
