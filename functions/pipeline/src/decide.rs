//! Who answers a request: its route, the arm of its split, what its rewrite makes of the target.

use std::sync::Arc;

use http::HeaderValue;
use http::uri::PathAndQuery;
use tidegate_cache::{Bypass, Key, Plan, Wish};
use tidegate_core::{RequestView, Source, Trace};
use tidegate_edge_config::edge::{Route, To};
use tidegate_route::{Destination, Found, Redirect, Split};

use crate::action::Target;
use crate::checks::Host;
use crate::client::Sender;
use crate::limits::{self, Limiting};
use crate::{Pipeline, Refusal};

/// What was decided about a request before anybody is asked.
#[derive(Debug)]
pub(crate) struct Decision {
    /// The route, by its place.
    pub route: usize,
    /// The arm of its split, by its place.
    pub arm: Option<usize>,
    /// What makes the client come to that arm again.
    pub set_cookie: Option<HeaderValue>,
    /// What its limits count.
    pub limiting: Option<Box<Limiting>>,
    /// Who answers.
    pub answer: Answer,
}

/// Who answers.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Somebody who is asked.
    Fetch {
        to: Target,
        /// The target that it sees, if that is not the client's.
        target: Option<PathAndQuery>,
        /// What the cache has to do with it.
        caching: Caching,
    },
    /// We, by sending the client elsewhere.
    Redirect(http::StatusCode, HeaderValue),
    /// We, with what the configuration says.
    Fixed,
    /// We, by forgetting what is stored for this URL.
    Purge(Arc<str>),
    /// Nobody: what the route makes of the request leads elsewhere, or it is not allowed.
    Refused(Refusal),
}

/// What the cache has to do with a request.
#[derive(Debug)]
pub(crate) enum Caching {
    /// Nothing: the route has none.
    Off,
    /// It passes by. By its method: with the URL that it may invalidate.
    Bypassed(Bypass, Option<Arc<str>>),
    /// It is looked up.
    On(Wish, Key),
}

/// Decides about a request, which is not changed by it.
pub(crate) fn decide(
    pipeline: &Pipeline,
    sender: &Sender,
    request: &http::request::Parts,
    random: u64,
    trace: &mut Trace,
) -> Result<Decision, Refusal> {
    let host = Host::of(&request.headers);
    let name = host.name();
    let view = RequestView {
        method: &request.method,
        is_https: sender.is_https,
        host: &name,
        path: request.uri.path(),
        query: request.uri.query(),
        headers: &request.headers,
        client: &sender.client,
    };
    let Some(found) = pipeline.edge().routes.find(&view) else {
        trace.note("route", None, || format!("none{}", passed_over(pipeline, &view)));
        return Err(Refusal::NoRoute);
    };
    let route = found.value;
    trace.note("route", Some(&route.source), || format!("{}{}", route.name, passed_over(pipeline, &view)));
    let (limiting, refusal) = limits::judge(pipeline, route, &view, trace);
    let (arm, set_cookie, answer) = match refusal {
        Some(refusal) => (None, None, Answer::Refused(refusal)),
        None => who(&Asked { pipeline, sender, request, view, host, found: &found }, random, trace),
    };
    Ok(Decision { route: found.index, arm, set_cookie, limiting, answer })
}

/// A request and the route that it takes.
struct Asked<'a> {
    pipeline: &'a Pipeline,
    sender: &'a Sender,
    request: &'a http::request::Parts,
    view: RequestView<'a>,
    host: Host<'a>,
    found: &'a Found<'a, 'a, Route>,
}

/// The arm of the route's split, what makes the client come to it again, and who answers.
fn who(asked: &Asked<'_>, random: u64, trace: &mut Trace) -> (Option<usize>, Option<HeaderValue>, Answer) {
    let Asked { pipeline, sender, request, view, host, found } = asked;
    let route = found.value;
    let (destination, arm, set_cookie) = match &route.to {
        To::One(destination) => (destination, None, None),
        To::Split(split) => {
            let choice = split.choose(view, random);
            trace.note("split", split.arms.get(choice.arm).map(|arm| &arm.source), || share(split, choice.arm));
            (choice.to, Some(choice.arm), choice.set_cookie)
        }
    };
    let to = match destination {
        Destination::Upstream(id) => Target::Upstream(*id),
        Destination::Function(function) => Target::Function(function.clone()),
        Destination::Redirect(redirect) => {
            let location = redirect.location(view, &found.captures);
            let answer = location.map_or(Answer::Refused(Refusal::Rewrite), |location| {
                trace.note("redirect", arm_source(route, arm), || redirected(redirect, &location));
                Answer::Redirect(redirect.status, location)
            });
            return (arm, set_cookie, answer);
        }
        Destination::Fixed(fixed) => {
            trace.note("fixed", arm_source(route, arm), || format!("{} by the edge itself", fixed.status.as_u16()));
            return (arm, set_cookie, Answer::Fixed);
        }
    };
    if let Some(plan) = &route.cache
        && !plan.purge_from.is_empty()
        && view.method.as_str() == "PURGE"
    {
        let answer = purge(plan, view, &host.normal(sender.is_https));
        return (arm, set_cookie, answer);
    }
    let target = match route.rewrite.target(view, &found.captures) {
        Ok(target) => target,
        Err(error) => {
            trace.note("rewrite", Some(&route.source), || error.to_string());
            let answer = Answer::Refused(Refusal::Rewrite);
            return (arm, set_cookie, answer);
        }
    };
    if let Some(target) = &target {
        trace.note("rewrite", Some(&route.source), || format!("{target} instead of {}", request.uri));
    }
    let caching = route.cache.as_ref().map_or(Caching::Off, |plan| {
        caching(plan, view, &host.normal(sender.is_https), part(pipeline, arm, &to).as_deref())
    });
    (arm, set_cookie, Answer::Fetch { to, target, caching })
}

fn caching(plan: &Plan, view: &RequestView<'_>, host: &str, part: Option<&str>) -> Caching {
    match tidegate_cache::admit(plan, view) {
        Ok(wish) => match plan.recipe.key(view, host, part) {
            Some(key) => Caching::On(wish, key),
            None => Caching::Bypassed(Bypass::Key, None),
        },
        Err(Bypass::Method) => {
            let key = plan.recipe.key(view, host, None);
            Caching::Bypassed(Bypass::Method, key.map(|key| key.url().into()))
        }
        Err(bypass) => Caching::Bypassed(bypass, None),
    }
}

/// PURGE is no method of a standard; those who use it expect that it asks for nothing but the URL and the right to.
fn purge(plan: &Plan, view: &RequestView<'_>, host: &str) -> Answer {
    if !plan.purge_from.iter().any(|network| network.contains(&view.client.address)) {
        return Answer::Refused(Refusal::Purge);
    }
    match plan.recipe.key(view, host, None) {
        Some(key) => Answer::Purge(key.url().into()),
        None => Answer::Refused(Refusal::Target),
    }
}

/// The destination of a decision.
pub(crate) fn destination(route: &Route, arm: Option<usize>) -> Option<&Destination> {
    match (&route.to, arm) {
        (To::One(destination), _) => Some(destination),
        (To::Split(split), Some(arm)) => split.arms.get(arm).map(|arm| &arm.to),
        (To::Split(_), None) => None,
    }
}

/// The line that says where a decision leads: the arm's or the route's.
pub(crate) fn arm_source(route: &Route, arm: Option<usize>) -> Option<&Source> {
    match (&route.to, arm) {
        (To::Split(split), Some(arm)) => split.arms.get(arm).map(|arm| &arm.source),
        _ => Some(&route.source),
    }
}

/// What tells the stored answers of an arm from those of others: its destination's name, not its place, which a change
/// of the configuration may move.
fn part(pipeline: &Pipeline, arm: Option<usize>, to: &Target) -> Option<String> {
    arm.map(|_| match to {
        Target::Upstream(id) => {
            format!("upstream={}", pipeline.upstream(*id).map_or("", |upstream| &upstream.name))
        }
        Target::Function(tidegate_route::Function::Any) => "function".to_owned(),
        Target::Function(tidegate_route::Function::Named(name)) => format!("function={name}"),
    })
}

/// The routes that came close, and why they were not it.
fn passed_over(pipeline: &Pipeline, view: &RequestView<'_>) -> String {
    let considered = pipeline.edge().routes.considered(view).into_iter();
    let named = considered.filter_map(|(index, miss)| Some((&pipeline.route(index)?.name, miss)));
    named.map(|(name, miss)| format!("; not {name}: {miss}")).collect()
}

fn share(split: &Split, arm: usize) -> String {
    let all: u64 = split.arms.iter().map(|arm| u64::from(arm.weight)).sum();
    let weight = split.arms.get(arm).map_or(0, |arm| arm.weight);
    format!("arm {} of {}, which gets {weight} of {all} requests", arm + 1, split.arms.len())
}

fn redirected(redirect: &Redirect, location: &HeaderValue) -> String {
    format!("{} to {}", redirect.status.as_u16(), String::from_utf8_lossy(location.as_bytes()))
}
