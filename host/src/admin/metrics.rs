//! Counts and durations, kept by each core for itself and added up when they are read.
//!
//! Names follow OpenTelemetry's semantic conventions for HTTP servers; the text is Prometheus' exposition format 0.0.4.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use tidegate_core::Reason;
use tidegate_pipeline::CacheResult;
use tokio::time::Instant;

use super::Status;
use crate::limit::counts::LimitCounts;
use crate::server::core::Core;

/// Upper bounds of the duration buckets in seconds, as OpenTelemetry advises, and two finer ones below.
const BOUNDS: [f64; 16] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0];

/// One core's counts. Only that core writes, so its lock is never waited for but by a reader.
#[derive(Debug)]
pub struct CoreMetrics {
    requests: Mutex<HashMap<Labels, Histogram>>,
    refusals: Mutex<HashMap<StatusCode, u64>>,
    rescues: Mutex<HashMap<Reason, u64>>,
    /// By the place of the result in [`CacheResult::ALL`].
    cache_results: [AtomicU64; CacheResult::ALL.len()],
    /// What limits have decided.
    pub limits: LimitCounts,
    /// The route label of requests that no route matches.
    pub no_route: Arc<str>,
}

impl Default for CoreMetrics {
    fn default() -> Self {
        Self {
            requests: Mutex::default(),
            refusals: Mutex::default(),
            rescues: Mutex::default(),
            cache_results: Default::default(),
            limits: LimitCounts::default(),
            no_route: Arc::from(""),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Labels {
    route: Arc<str>,
    method: &'static str,
    status: StatusCode,
}

#[derive(Clone, Debug, Default)]
struct Histogram {
    buckets: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl Histogram {
    fn observe(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        if let Some(bucket) = BOUNDS.iter().position(|bound| seconds <= *bound) {
            self.buckets[bucket] += 1;
        }
        self.count += 1;
        self.sum += duration;
    }

    fn add(&mut self, other: &Self) {
        for (bucket, more) in self.buckets.iter_mut().zip(other.buckets) {
            *bucket += more;
        }
        self.count += other.count;
        self.sum += other.sum;
    }
}

impl CoreMetrics {
    /// Counts a request that was refused before it had a route.
    pub fn count_refusal(&self, status: StatusCode) {
        *self.refusals.lock().unwrap_or_else(PoisonError::into_inner).entry(status).or_default() += 1;
    }

    /// Counts a request that was not simply answered.
    pub fn count_rescue(&self, reason: Reason) {
        *self.rescues.lock().unwrap_or_else(PoisonError::into_inner).entry(reason).or_default() += 1;
    }
}

impl CoreMetrics {
    /// Counts what the cache did with a request.
    pub fn count_cache(&self, result: CacheResult) {
        self.cache_results[result as usize].fetch_add(1, Ordering::Relaxed);
    }
}

/// A request being answered; it is observed when this is dropped, after the last byte of its response.
#[derive(Debug)]
pub struct Record {
    metrics: Arc<CoreMetrics>,
    labels: Labels,
    started: Instant,
}

impl Record {
    /// A request for `route` that began at `started`.
    pub fn new(
        metrics: Arc<CoreMetrics>,
        route: Arc<str>,
        method: Method,
        status: StatusCode,
        started: Instant,
    ) -> Self {
        Self { metrics, labels: Labels { route, method: method_label(&method), status }, started }
    }

    /// The route's label.
    pub fn route(&self) -> &str {
        &self.labels.route
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let duration = self.started.elapsed();
        let mut requests = self.metrics.requests.lock().unwrap_or_else(PoisonError::into_inner);
        match requests.get_mut(&self.labels) {
            Some(histogram) => histogram.observe(duration),
            None => requests.entry(self.labels.clone()).or_default().observe(duration),
        }
    }
}

/// Clients choose methods; labels must not be theirs to choose (OpenTelemetry's `_OTHER`).
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        Method::OPTIONS => "OPTIONS",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "_OTHER",
    }
}

/// The exposition text.
pub fn render(status: &Status) -> String {
    let mut out = String::with_capacity(16 * 1024);
    // Writing to a String cannot fail.
    let _ = render_into(&mut out, status);
    out
}

fn render_into(out: &mut String, status: &Status) -> fmt::Result {
    render_requests(out, &status.cores)?;
    render_refusals(out, &status.cores)?;
    render_rescues(out, &status.cores)?;
    render_cache(out, status)?;
    super::limits::render(out, status)?;
    render_upstreams(out, status)?;
    render_components(out, status)?;
    let gauges = [
        ("tidegate_instances", "Instances alive, idle ones included.", status.instances.taken()),
        ("tidegate_instances_limit", "Instances that may be alive at a time.", status.instances.total()),
        ("tidegate_connections", "Connections open.", status.connections.taken()),
        ("tidegate_connections_limit", "Connections that may be open at a time.", status.connections.total()),
    ];
    for (name, help, value) in gauges {
        head(out, name, "gauge", help)?;
        writeln!(out, "{name} {value}")?;
    }
    head(out, "tidegate_reloads_total", "counter", "Reloads, by outcome.")?;
    writeln!(out, "tidegate_reloads_total{{outcome=\"success\"}} {}", status.reloads.load(Ordering::Relaxed))?;
    writeln!(out, "tidegate_reloads_total{{outcome=\"failure\"}} {}", status.failed_reloads.load(Ordering::Relaxed))
}

pub(super) fn head(out: &mut String, name: &str, kind: &str, help: &str) -> fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

fn render_requests(out: &mut String, cores: &[Arc<Core>]) -> fmt::Result {
    const NAME: &str = "http_server_request_duration_seconds";
    let mut totals: HashMap<Labels, Histogram> = HashMap::new();
    for core in cores {
        let requests = core.metrics.requests.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (labels, histogram) in requests {
            totals.entry(labels).or_default().add(&histogram);
        }
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort_by(|(a, _), (b, _)| (&a.route, a.method, a.status).cmp(&(&b.route, b.method, b.status)));
    head(out, NAME, "histogram", "From a request's head read to its response written.")?;
    for (labels, histogram) in totals {
        let labels = format!(
            "http_route=\"{}\",http_request_method=\"{}\",http_response_status_code=\"{}\"",
            Escaped(&labels.route),
            labels.method,
            labels.status.as_u16()
        );
        let mut below = 0;
        for (bound, count) in BOUNDS.iter().zip(histogram.buckets) {
            below += count;
            writeln!(out, "{NAME}_bucket{{{labels},le=\"{bound}\"}} {below}")?;
        }
        writeln!(out, "{NAME}_bucket{{{labels},le=\"+Inf\"}} {}", histogram.count)?;
        writeln!(out, "{NAME}_sum{{{labels}}} {}", histogram.sum.as_secs_f64())?;
        writeln!(out, "{NAME}_count{{{labels}}} {}", histogram.count)?;
    }
    Ok(())
}

fn render_refusals(out: &mut String, cores: &[Arc<Core>]) -> fmt::Result {
    let mut totals: HashMap<StatusCode, u64> = HashMap::new();
    for core in cores {
        for (status, count) in core.metrics.refusals.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *totals.entry(*status).or_default() += count;
        }
    }
    let mut totals: Vec<_> = totals.into_iter().collect();
    totals.sort();
    head(
        out,
        "tidegate_refused_requests_total",
        "counter",
        "Requests refused before any route: malformed, too large, too slow.",
    )?;
    for (status, count) in totals {
        writeln!(out, "tidegate_refused_requests_total{{http_response_status_code=\"{}\"}} {count}", status.as_u16())?;
    }
    Ok(())
}

fn render_rescues(out: &mut String, cores: &[Arc<Core>]) -> fmt::Result {
    const NAME: &str = "tidegate_rescued_requests_total";
    let mut totals: BTreeMap<Reason, u64> = tidegate_pipeline::reasons().map(|reason| (reason, 0)).collect();
    for core in cores {
        for (reason, count) in core.metrics.rescues.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            *totals.entry(*reason).or_default() += count;
        }
    }
    head(out, NAME, "counter", "Requests that were answered with a problem of the edge's own, by reason.")?;
    for (reason, count) in totals {
        writeln!(out, "{NAME}{{reason=\"{reason}\"}} {count}")?;
    }
    Ok(())
}

fn render_cache(out: &mut String, status: &Status) -> fmt::Result {
    const NAME: &str = "tidegate_cache_requests_total";
    head(out, NAME, "counter", "Requests of routes that have a cache, by what it did with them.")?;
    for (index, result) in CacheResult::ALL.iter().enumerate() {
        let counts = status.cores.iter().map(|core| core.metrics.cache_results[index].load(Ordering::Relaxed));
        writeln!(out, "{NAME}{{result=\"{}\"}} {}", result.as_str(), counts.sum::<u64>())?;
    }
    for count in status.cache.counts() {
        head(out, count.name, count.kind, count.help)?;
        writeln!(out, "{} {}", count.name, count.value)?;
    }
    Ok(())
}

fn render_upstreams(out: &mut String, status: &Status) -> fmt::Result {
    let app = status.app.load();
    let upstreams = || app.upstreams().iter().map(|upstream| (&*upstream.config.name, upstream));
    head(out, "tidegate_upstream_requests_total", "counter", "Requests sent, by upstream.")?;
    for (name, upstream) in upstreams() {
        let sent = upstream.counts.requests.load(Ordering::Relaxed);
        writeln!(out, "tidegate_upstream_requests_total{{upstream=\"{name}\"}} {sent}")?;
    }
    head(out, "tidegate_upstream_connections_total", "counter", "Connections made, by upstream.")?;
    for (name, upstream) in upstreams() {
        let made = upstream.counts.connections.load(Ordering::Relaxed);
        writeln!(out, "tidegate_upstream_connections_total{{upstream=\"{name}\"}} {made}")?;
    }
    head(out, "tidegate_upstream_connections", "gauge", "Connections open, idle ones included.")?;
    for (name, upstream) in upstreams() {
        writeln!(out, "tidegate_upstream_connections{{upstream=\"{name}\"}} {}", upstream.connections.taken())?;
    }
    head(
        out,
        "tidegate_upstream_failures_total",
        "counter",
        "Requests without a response or a whole body, by reason.",
    )?;
    for (name, upstream) in upstreams() {
        for (reason, count) in upstream.counts.failures() {
            writeln!(out, "tidegate_upstream_failures_total{{upstream=\"{name}\",reason=\"{reason}\"}} {count}")?;
        }
    }
    Ok(())
}

fn render_components(out: &mut String, status: &Status) -> fmt::Result {
    let app = status.app.load();
    let handlers = || app.handlers().iter().map(|loaded| &loaded.handler);
    head(out, "tidegate_component_instances_total", "counter", "Instances made, by component.")?;
    for handler in handlers() {
        let made = handler.counts().instances.load(Ordering::Relaxed);
        writeln!(out, "tidegate_component_instances_total{{component=\"{}\"}} {made}", handler.name())?;
    }
    head(out, "tidegate_component_idle_instances", "gauge", "Warm instances that wait for a request.")?;
    for (index, handler) in handlers().enumerate() {
        let idle: usize = status
            .cores
            .iter()
            .map(|core| core.app().targets().get(index).map_or(0, |target| target.idle_count()))
            .sum();
        writeln!(out, "tidegate_component_idle_instances{{component=\"{}\"}} {idle}", handler.name())?;
    }
    head(out, "tidegate_component_requests_in_flight", "gauge", "Requests that a component works on.")?;
    for handler in handlers() {
        let taken = handler.requests().taken();
        writeln!(out, "tidegate_component_requests_in_flight{{component=\"{}\"}} {taken}", handler.name())?;
    }
    head(
        out,
        "tidegate_component_faults_total",
        "counter",
        "Requests that a component failed or was too full to answer.",
    )?;
    for handler in handlers() {
        for (reason, count) in handler.counts().faults() {
            writeln!(
                out,
                "tidegate_component_faults_total{{component=\"{}\",reason=\"{reason}\"}} {count}",
                handler.name()
            )?;
        }
    }
    Ok(())
}

/// A label value, escaped as the format asks.
pub(super) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '\\' => formatter.write_str("\\\\")?,
                '"' => formatter.write_str("\\\"")?,
                '\n' => formatter.write_str("\\n")?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_count_each_duration_once() {
        let mut histogram = Histogram::default();
        for millis in [0, 1, 3, 20_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        assert_eq!(histogram.count, 4);
        assert_eq!(histogram.buckets.iter().sum::<u64>(), 3, "one is beyond the last bound");
        let mut total = histogram.clone();
        total.add(&histogram);
        assert_eq!((total.count, total.buckets[0]), (8, 2));
    }

    #[test]
    fn label_values_are_escaped() {
        assert_eq!(Escaped("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
