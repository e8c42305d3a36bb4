//! `/limits`: what limits have counted, what is left of a quota, and forgetting it.

use std::fmt::{self, Write};
use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tidegate_limit::{Algorithm, Key, Limit, LimitId, Quota, StoreKind};
use tidegate_pipeline::LimitResult;

use super::{Status, json as json_response, metrics};
use crate::app::App;
use crate::limit::counts::{Totals, total};
use crate::limit::{Counting, Limiters};
use crate::server::body::ResponseBody;
use crate::server::problem;

/// Takes that can be asked about at once.
const PEEKS_MAX: usize = 64;

/// What is to be forgotten.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reset {
    /// The limit's name.
    pub limit: String,
    /// Of whom, as it is shown; none: of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What is asked about.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Peek {
    /// Whose, of what.
    pub takes: Vec<PeekTake>,
}

/// One quota of one key.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PeekTake {
    /// The limit's name.
    pub limit: String,
    /// Whose, as it is shown.
    pub key: String,
}

/// What is left of it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Left {
    /// Whether anybody could tell: its store answers.
    pub is_known: bool,
    /// How much more could be taken now.
    pub remaining: u32,
    /// How long until all is there again, in nanoseconds.
    pub reset_ns: u64,
}

/// The answer to a [`Peek`].
#[derive(Debug, Deserialize, Serialize)]
pub struct PeekAnswer {
    /// In the order of what was asked.
    pub takes: Vec<Left>,
}

/// All limits.
pub fn list(status: &Status) -> Response<ResponseBody> {
    let (limiters, app) = current(status);
    let limits = app.pipeline().edge().limits.iter().zip(limiters.all());
    let limits: Vec<_> = limits.map(|(limit, counting)| describe(status, &limiters, limit, counting)).collect();
    let redis = status.limits.redis().map(|redis| {
        redis
            .counts()
            .named()
            .map(|count| (count.name.to_owned(), json!(count.value)))
            .collect::<serde_json::Map<_, _>>()
    });
    json_response(StatusCode::OK, &json!({ "limits": limits, "redis": redis }))
}

fn describe(status: &Status, limiters: &Limiters, limit: &Limit, counting: &Counting) -> Value {
    let Totals { results, refused } = totals(status, &limit.name);
    let decisions: serde_json::Map<_, _> = LimitResult::ALL
        .iter()
        .zip(results)
        .map(|(result, count)| (result.as_str().to_owned(), json!(count)))
        .collect();
    let counts = counting.memory().counts(limiters.now());
    let refused: Vec<_> =
        refused.iter().map(|heavy| json!({ "key": heavy.key.as_str(), "count": heavy.count })).collect();
    let tiers: Vec<_> =
        limit.tiers.iter().map(|tier| json!({ "plan": &*tier.plan, "quota": quota(&tier.quota) })).collect();
    json!({
        "name": &*limit.name,
        "algorithm": limit.quota.algorithm().as_str(),
        "quota": quota(&limit.quota),
        "burst": limit.quota.burst(),
        "tiers": tiers,
        "key": limit.recipe.parts.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "store": store(counting.store),
        "shadow": limit.is_shadow,
        "decisions": decisions,
        "keys": counts.keys,
        "evicted": counts.evicted,
        "overflowed": counts.overflowed,
        "refused": refused,
    })
}

fn totals(status: &Status, name: &str) -> Totals {
    total(status.cores.iter().map(|core| &core.metrics.limits), name)
}

/// `100/m`, or `10 in flight`.
fn quota(quota: &Quota) -> String {
    let count = quota.count();
    if quota.algorithm() == Algorithm::Concurrency {
        return format!("{count} in flight");
    }
    match quota.period().as_secs() {
        1 => format!("{count}/s"),
        60 => format!("{count}/m"),
        3_600 => format!("{count}/h"),
        86_400 => format!("{count}/d"),
        _ => format!("{count} in {:?}", quota.period()),
    }
}

fn store(kind: StoreKind) -> &'static str {
    match kind {
        StoreKind::Memory => "memory",
        StoreKind::Redis => "redis",
        StoreKind::Leases => "redis, by leases",
    }
}

/// Forgets what was taken.
pub async fn reset(status: &Status, body: &Bytes) -> Response<ResponseBody> {
    let order: Reset = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return bad(&format!("not an order to reset a limit: {error}")),
    };
    let (limiters, app) = current(status);
    let Some((id, _)) = find(&app, &order.limit) else { return unknown(&order.limit) };
    let key = order.key.as_deref().map(Key::from_text);
    if limiters.reset(id, key.as_ref()).await {
        json_response(StatusCode::OK, &json!({ "reset": true }))
    } else {
        problem::response(StatusCode::SERVICE_UNAVAILABLE, "Redis does not answer: what it has counted stays")
    }
}

/// What is left of quotas.
pub async fn peek(status: &Status, body: &Bytes) -> Response<ResponseBody> {
    let order: Peek = match serde_json::from_slice(body) {
        Ok(order) => order,
        Err(error) => return bad(&format!("not a question about limits: {error}")),
    };
    if order.takes.len() > PEEKS_MAX {
        return bad("too many at once");
    }
    let (limiters, app) = current(status);
    let mut takes = Vec::new();
    for PeekTake { limit, key } in &order.takes {
        let Some((id, configured)) = find(&app, limit) else { return unknown(limit) };
        let verdict = limiters.peek(id, &Key::from_text(key), quota_of(configured, key)).await;
        takes.push(Left {
            is_known: verdict.decision != tidegate_limit::Decision::Down,
            remaining: verdict.remaining,
            reset_ns: u64::try_from(verdict.reset.as_nanos()).unwrap_or(u64::MAX),
        });
    }
    match serde_json::to_value(PeekAnswer { takes }) {
        Ok(answer) => json_response(StatusCode::OK, &answer),
        Err(_) => problem::response(StatusCode::INTERNAL_SERVER_ERROR, "the answer has no form"),
    }
}

/// The quota of a key: its plan's, which the key begins with if it has one.
fn quota_of<'l>(limit: &'l Limit, key: &str) -> &'l Quota {
    let first = key.split('|').next().and_then(|first| first.strip_prefix("plan="));
    let tier = limit.tiers.iter().find(|tier| first == Some(&*tier.plan));
    tier.map_or(&limit.quota, |tier| &tier.quota)
}

fn current(status: &Status) -> (Arc<Limiters>, Arc<App>) {
    let app = status.app.load_full();
    (status.limits.of(&app.pipeline().edge().limits), app)
}

fn find<'a>(app: &'a App, name: &str) -> Option<(LimitId, &'a Limit)> {
    let mut limits = app.pipeline().edge().limits.iter().enumerate();
    limits.find(|(_, limit)| &*limit.name == name).map(|(index, limit)| (LimitId(index), limit))
}

fn bad(detail: &str) -> Response<ResponseBody> {
    problem::response(StatusCode::BAD_REQUEST, detail)
}

fn unknown(name: &str) -> Response<ResponseBody> {
    problem::response(StatusCode::NOT_FOUND, &format!("there is no limit {name:?}"))
}

/// The metrics of limits.
pub fn render(out: &mut String, status: &Status) -> fmt::Result {
    const NAME: &str = "tidegate_limit_requests_total";
    let (limiters, app) = current(status);
    metrics::head(out, NAME, "counter", "Requests, by what a limit did with them.")?;
    for limit in &app.pipeline().edge().limits {
        let totals = totals(status, &limit.name);
        for (result, count) in LimitResult::ALL.iter().zip(totals.results) {
            writeln!(out, "{NAME}{{limit=\"{}\",decision=\"{}\"}} {count}", limit.name, result.as_str())?;
        }
    }
    let all: Vec<_> = limiters.all().iter().map(|one| (&one.name, one.memory().counts(limiters.now()))).collect();
    metrics::head(out, "tidegate_limit_keys", "gauge", "Keys of a limit that something was taken by, in memory.")?;
    for (name, counts) in &all {
        writeln!(out, "tidegate_limit_keys{{limit=\"{name}\"}} {}", counts.keys)?;
    }
    metrics::head(out, "tidegate_limit_evicted_total", "counter", "Keys of a limit that had to be forgotten early.")?;
    for (name, counts) in &all {
        writeln!(out, "tidegate_limit_evicted_total{{limit=\"{name}\"}} {}", counts.evicted)?;
    }
    for count in status.limits.redis().iter().flat_map(|redis| redis.counts().named()) {
        metrics::head(out, count.name, count.kind, count.help)?;
        writeln!(out, "{} {}", count.name, count.value)?;
    }
    Ok(())
}
