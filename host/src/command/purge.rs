//! `tidegate purge`: forgetting what a running host has stored.

use clap::Args;

use super::admin::Admin;
use crate::admin::purge::Order;

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
    #[command(flatten)]
    admin: Admin,
    /// Print the answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Purges, and says so.
pub fn run(options: Options) -> anyhow::Result<()> {
    let Options { urls, prefixes, hosts, tags, everything, soft, admin, json } = options;
    let order = Order { urls, prefixes, hosts, tags, everything, soft };
    order.purges()?;
    let answer = admin.post("/purge", &order)?;
    if json {
        println!("{answer}");
    } else {
        let how = if soft { "marked stale" } else { "purged" };
        println!("{how}: on all cores");
    }
    Ok(())
}
