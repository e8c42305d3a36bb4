//! What is changed of a query.

use tidegate_core::decode_query;

use crate::percent::{is_in_query, is_unreserved, push_encoded};

/// What is changed of a query. First parameters are removed, then others are set.
///
/// Names are compared as an origin reads them, decoded, so that no client gets a parameter past this by encoding its
/// name. What stays, stays as it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueryRewrite {
    /// Parameters that are removed.
    pub remove: Vec<Box<str>>,
    /// The only parameters that are not removed.
    pub keep: Option<Vec<Box<str>>>,
    /// Parameters and their values, as plain text: they are percent-encoded here. They replace those of the same name,
    /// and come last.
    pub set: Vec<(Box<str>, Box<str>)>,
}

impl QueryRewrite {
    /// Whether nothing is changed.
    pub fn is_empty(&self) -> bool {
        self.remove.is_empty() && self.keep.is_none() && self.set.is_empty()
    }

    /// Appends the changed query to a path, with its question mark if anything is left of it.
    pub(super) fn push(&self, query: Option<&str>, target: &mut String) {
        if self.is_empty() {
            push_unchanged(query, target);
            return;
        }
        let mut separator = '?';
        for pair in query.unwrap_or("").split('&').filter(|pair| !pair.is_empty() && self.stays(pair)) {
            target.push(separator);
            push_encoded(target, pair, is_in_query);
            separator = '&';
        }
        for (name, value) in &self.set {
            target.push(separator);
            push_encoded(target, name, is_unreserved);
            target.push('=');
            push_encoded(target, value, is_unreserved);
            separator = '&';
        }
    }

    fn stays(&self, pair: &str) -> bool {
        let sent = pair.split_once('=').map_or(pair, |(name, _)| name);
        let is_sent = |name: &str| decode_query(sent).eq(name.bytes());
        !self.remove.iter().any(|name| is_sent(name))
            && !self.set.iter().any(|(name, _)| is_sent(name))
            && self.keep.as_ref().is_none_or(|keep| keep.iter().any(|name| is_sent(name)))
    }
}

fn push_unchanged(query: Option<&str>, target: &mut String) {
    if let Some(query) = query {
        target.push('?');
        push_encoded(target, query, is_in_query);
    }
}
