//! Whether an answer is one that the origin allowed.

use http::StatusCode;

use super::Client;
use super::origin::{Origin, Sent};
use crate::Got;

/// Whether a client may get this answer.
///
/// # Errors
/// What it was held against, if it was held against anything.
pub fn check(origin: &Origin, client: &Client, got: &Got) -> Result<(), String> {
    if client.method == "POST" || got.status.is_server_error() {
        return Ok(());
    }
    let mut of_it = Vec::new();
    let allowed = origin.each_sent(client.path, |sent| {
        if sent.received_at > got.head_at || !is_of(sent, client, got) {
            return None;
        }
        of_it.push(format!("{sent:?}"));
        may(origin, sent, client, got).then_some(())
    });
    allowed.ok_or_else(|| format!("forbidden by\n{}", of_it.join("\n")))
}

/// Whether an answer is of what was sent then, as far as that can be seen.
fn is_of(sent: &Sent, client: &Client, got: &Got) -> bool {
    let said = |name: &str| got.headers.get(name).map(|value| value.to_str().unwrap());
    let page = sent.page.as_bytes();
    let is_tag = said("etag") == sent.tag.as_deref();
    if client.method == "HEAD" {
        return is_tag && (got.status == StatusCode::NOT_MODIFIED || got.status == sent.status);
    }
    // What came of a body that broke off must be its beginning.
    let is_body = |of: &[u8]| if got.is_whole { got.body == of } else { of.starts_with(&got.body) };
    match got.status {
        StatusCode::NOT_MODIFIED => is_tag && client.says("if-none-match") == sent.tag.as_deref(),
        StatusCode::PARTIAL_CONTENT => {
            let range = said("content-range").and_then(|range| range.strip_prefix("bytes ")).unwrap();
            let (range, length) = range.split_once('/').unwrap();
            let (first, last) = range.split_once('-').unwrap();
            let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
            is_tag && length.parse() == Ok(page.len()) && page.get(first..=last).is_some_and(is_body)
        }
        status => is_tag && status == sent.status && is_body(page),
    }
}

/// Whether a client may get what was sent then, now.
fn may(origin: &Origin, sent: &Sent, client: &Client, got: &Got) -> bool {
    if sent.client == client.says("x-client").unwrap_or_default() {
        return true;
    }
    is_for_others(sent)
        && sent.vary.iter().all(|(name, value)| client.says(name) == value.as_deref())
        && sent.asked_at >= origin.forgotten_at(client.path, client.since)
        && is_new_enough(origin, sent, client, got)
}

/// RFC 9111 sections 3 and 3.5.
fn is_for_others(sent: &Sent) -> bool {
    let control = &sent.control;
    let is_said = control.public || control.must_revalidate || control.s_maxage_s.is_some();
    let is_own = control.no_store || control.private || control.sets_cookie || control.varies_by_all;
    !is_own && (!sent.is_authorized || is_said)
}

/// RFC 9111 sections 4.2, 5.2.1 and 5.2.2, RFC 5861; in milliseconds.
fn is_new_enough(origin: &Origin, sent: &Sent, client: &Client, got: &Got) -> bool {
    let control = &sent.control;
    let wants = |name| client.directive(name).map(|seconds| seconds * 1_000);
    if control.no_cache {
        return false;
    }
    // It was made while the client waited.
    if sent.received_at >= client.since {
        return true;
    }
    let age = got.head_at.as_unix_ms() - sent.received_at.as_unix_ms() + sent.age_s * 1_000;
    let fresh = control.s_maxage_s.or(control.max_age_s).unwrap_or(0) * 1_000;
    let is_too_old = wants("max-age").is_some_and(|most| age > most) || wants("no-cache").is_some();
    if is_too_old || wants("min-fresh").is_some_and(|least| age + least > fresh) {
        // Then it is no hit; what is left is an error.
        return wants("no-cache").is_none() && stands_in(origin, sent, client, got, age.saturating_sub(fresh));
    }
    if age < fresh {
        return true;
    }
    let staleness = age - fresh;
    let is_taken = wants("max-stale").is_some_and(|most| staleness <= most);
    let is_minded = !is_taken && (wants("max-age").is_some() || wants("max-stale").is_some());
    let is_window = !is_minded && staleness < control.while_revalidate_s.unwrap_or(0) * 1_000;
    // What a client would take does not count beside s-maxage; what the origin itself says of windows does.
    let is_strict = control.must_revalidate || (is_taken && !is_window && control.s_maxage_s.is_some());
    (!is_strict && (is_window || is_taken)) || stands_in(origin, sent, client, got, staleness)
}

/// RFC 5861 section 4.
fn stands_in(origin: &Origin, sent: &Sent, client: &Client, got: &Got, staleness: u64) -> bool {
    let control = &sent.control;
    let taken = client.directive("stale-if-error").filter(|_| control.s_maxage_s.is_none());
    let window = control.if_error_s.max(taken).unwrap_or(0) * 1_000;
    !control.must_revalidate && staleness < window && origin.failed(client.path, client.since, got.head_at)
}
