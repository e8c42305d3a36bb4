//! What Spin knows and Tidegate does not do yet. Each is an error, so that an application never
//! runs without something it asked for. A line leaves this file when the thing is done.

use crate::reader::Table;

/// Triggers, and what Spin calls them in its documentation.
const TRIGGERS: [(&str, &str); 5] = [
    ("redis", "Spin's redis trigger"),
    ("sqs", "Spin's sqs trigger"),
    ("cron", "Spin's cron trigger"),
    ("command", "Spin's command trigger"),
    ("mqtt", "Spin's mqtt trigger"),
];

/// Keys of a component. An empty list or table asks for nothing, so that is let through.
const COMPONENT_KEYS: [(&str, &str); 5] = [
    ("ai_models", "Spin's serverless AI"),
    ("sqlite_databases", "Spin's SQLite storage"),
    ("dependencies", "composing a component with dependencies"),
    ("dependencies_inherit_configuration", "composing a component with dependencies"),
    ("profile", "building or running in a profile"),
];

/// Ways to give the source of a component that are not a path.
const SOURCE_KEYS: [&str; 5] = ["url", "digest", "registry", "package", "version"];

/// Reports the keys of `[trigger]` or `[application.trigger]` that name another trigger.
pub(super) fn triggers(table: &mut Table<'_>) {
    for (key, what) in TRIGGERS {
        if let Some(value) = table.take(key) {
            value.error(not_yet(what));
        }
    }
}

/// Reports the keys of a component that ask for something we have not got.
pub(super) fn component_keys(table: &mut Table<'_>) {
    for (key, what) in COMPONENT_KEYS {
        if let Some(value) = table.take(key).filter(|value| !value.is_empty()) {
            value.error(not_yet(what));
        }
    }
    if let Some(value) = table.take("allowed_http_hosts").filter(|value| !value.is_empty()) {
        value.error("Spin has deprecated this. Write allowed_outbound_hosts = [\"https://example.com\"]");
    }
}

/// Whether a table is a remote source, as opposed to a mistake.
pub(super) fn is_remote_source(table: &Table<'_>) -> bool {
    SOURCE_KEYS.iter().any(|key| table.contains(key))
}

/// "... is not supported".
pub(super) fn not_yet(what: &str) -> String {
    format!("{what} is not supported by tidegate yet")
}
