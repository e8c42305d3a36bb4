//! Decisions in words, for `explain`.

use tidegate_core::{Source, Trace};
use tidegate_route::{Function, HeaderRewrite};

use crate::client::Sender;

/// Who sent a request.
pub(super) fn sender(sender: &Sender) -> String {
    let Sender { client, peer, is_trusted, is_https } = sender;
    let country = client.country.map(|country| format!(" in {country}")).unwrap_or_default();
    let how = if *is_https { "https" } else { "http" };
    let whose = if *is_trusted { format!(", says the trusted proxy {peer}") } else { String::new() };
    format!("{}{country} by {how}{whose}", client.address)
}

/// Which function is asked.
pub(super) fn function(function: &Function) -> String {
    match function {
        Function::Any => "the function that spin.toml names".to_owned(),
        Function::Named(name) => format!("function {name}"),
    }
}

/// What is changed of fields, if anything is: their names alone, for values may be secret.
pub(super) fn fields(trace: &mut Trace, of: &str, rewrite: &HeaderRewrite, source: &Source) {
    let HeaderRewrite { remove, set, add } = rewrite;
    if remove.is_empty() && set.is_empty() && add.is_empty() {
        return;
    }
    trace.note("rewrite", Some(source), || {
        let all = [
            part("without", remove.iter()),
            part("set", set.iter().map(|(name, _)| name)),
            part("added", add.iter().map(|(name, _)| name)),
        ];
        let all: Vec<_> = all.into_iter().flatten().collect();
        format!("{of}: {}", all.join("; "))
    });
}

fn part<'n>(how: &str, names: impl Iterator<Item = &'n http::HeaderName>) -> Option<String> {
    let names: Vec<_> = names.map(http::HeaderName::as_str).collect();
    (!names.is_empty()).then(|| format!("{how} {}", names.join(", ")))
}
