//! Whom a limit means: parts of requests, and entries of lists.

use std::collections::BTreeSet;

use http::header;
use tidegate_limit::{Entry, EntryError, Part};

use super::super::client::{self, Claims};
use super::super::headers;
use crate::reader::Value;
use crate::suggest::{closest, did_you_mean};

/// Entries of one list.
const ENTRIES_MAX: usize = 10_000;

/// Parts of one key.
const PARTS_MAX: usize = 8;

/// Reads a key: a part, or a list of parts, each once.
pub(super) fn read_key(value: &Value<'_>, claims: &Claims<'_>) -> Vec<Part> {
    if value.as_list().is_none() && value.as_string().is_none() {
        value.expected::<()>("a part of the request, as in \"client\", or a list of parts");
        return Vec::new();
    }
    let items = value.as_list().unwrap_or_else(|| vec![value.clone()]);
    if items.len() > PARTS_MAX {
        value.error(format!("{} parts. At most {PARTS_MAX} are allowed", items.len()));
        return Vec::new();
    }
    let mut parts = Vec::new();
    for item in items {
        match read_part(&item, claims) {
            Some(part) if parts.contains(&part) => item.warn("is there twice"),
            Some(part) => {
                if part == Part::Header(header::COOKIE) {
                    item.warn(
                        "any cookie makes a difference: whoever changes one is counted anew. Write \"cookie:NAME\" for \
                         the one that matters",
                    );
                }
                parts.push(part);
            }
            None => {}
        }
    }
    parts
}

/// Reads what names a plan.
pub(super) fn read_plan_from(value: &Value<'_>, claims: &Claims<'_>) -> Option<Part> {
    let part = read_part(value, claims)?;
    match &part {
        Part::Client => {
            value.error("an address names no plan. Write members = [\"10.0.0.0/8\"] in the tier");
            return None;
        }
        Part::ApiKey => return names_no_plan(value, "api-key=${GOLD_KEY}"),
        Part::Header(name) if *name == header::AUTHORIZATION || *name == header::PROXY_AUTHORIZATION => {
            return names_no_plan(value, &format!("header:{name}=${{GOLD_KEY}}"));
        }
        Part::Header(_) | Part::Query(_) | Part::Cookie(_) => {
            value.warn("any client can say which plan it has, unless what stands before the edge removes that");
        }
        _ => {}
    }
    Some(part)
}

fn names_no_plan(value: &Value<'_>, member: &str) -> Option<Part> {
    value.error(format!("what is secret names no plan. Write members = [\"{member}\"] in the tier"));
    None
}

fn read_part(value: &Value<'_>, claims: &Claims<'_>) -> Option<Part> {
    let text = value.text()?;
    let part = Part::parse(text).ok_or_else(|| no_part(text));
    let checked = part.and_then(|part| check(&part, claims).map(|()| part));
    checked.map_err(|message| value.error(message)).ok()
}

/// Why a text is no part. What is unknown is not repeated: in a list it is a secret, if its part was forgotten.
fn no_part(text: &str) -> String {
    let (kind, name) = text.split_once(':').map_or((text, None), |(kind, name)| (kind, Some(name)));
    let bad_name = match (kind, name) {
        ("header", Some(name)) => headers::parse_name(name).err(),
        ("cookie", Some(name)) => headers::cookie_name(name).err(),
        ("query" | "claim", Some(_)) => Some(format!("bad name. Write {kind}:NAME, without = and control characters")),
        _ => None,
    };
    let meant = closest(kind, Part::FORMS.map(kind_of));
    let meant = Part::FORMS.into_iter().find(|form| Some(kind_of(form)) == meant);
    bad_name.unwrap_or_else(|| match meant {
        Some(_) => format!("no part of a request{}", did_you_mean(meant)),
        None => format!("no part of a request. Write one of: {}", Part::FORMS.join(", ")),
    })
}

/// What stands before the name in a form of a part.
fn kind_of(form: &str) -> &str {
    form.split(':').next().unwrap_or(form)
}

/// Why a part tells nothing.
fn check(part: &Part, claims: &Claims<'_>) -> Result<(), String> {
    match part {
        Part::Header(name) if *name == header::HOST => Err("the host is no field here. Write \"host\"".to_owned()),
        Part::Header(name) if headers::is_of_the_connection(name) => {
            Err("this field belongs to one connection alone: it tells nobody apart. Remove it here".to_owned())
        }
        Part::Claim(name) if !claims.have(name) => {
            let hint = did_you_mean(closest(name, claims.names()));
            let end = if hint.is_empty() { "." } else { "" };
            Err(format!(
                "unknown claim {name:?}{hint}{end} If it is one of yours, list it: claims = [{name:?}] in [client]"
            ))
        }
        _ => Ok(()),
    }
}

/// A list of those who are meant.
pub(super) struct List<'t> {
    pub entries: Vec<Entry>,
    /// How they are written.
    texts: BTreeSet<&'t str>,
}

impl<'t> List<'t> {
    /// Nobody.
    pub const fn new() -> Self {
        Self { entries: Vec::new(), texts: BTreeSet::new() }
    }

    /// Reads a list. `effect` is what becomes of its clients; `before` is a list that counts before this one, with what
    /// to say of entries that are in both.
    pub fn read(value: Option<Value<'t>>, claims: &Claims<'_>, effect: &str, before: (&Self, &str)) -> Self {
        let mut list = Self::new();
        let items = value.as_ref().and_then(Value::list).unwrap_or_default();
        if let (Some(value), true) = (&value, items.len() > ENTRIES_MAX) {
            value.error(format!("{} entries. At most {ENTRIES_MAX} are allowed", items.len()));
            return list;
        }
        for item in items {
            let Some(text) = item.text() else { continue };
            let Some(entry) = read_entry(&item, text, claims) else { continue };
            if let Entry::Network(network) = entry
                && network.prefix_len() == 0
            {
                let version = if network.addr().is_ipv4() { "IPv4" } else { "IPv6" };
                item.warn(format!("every client with an {version} address {effect}"));
            }
            if before.0.texts.contains(text) {
                item.warn(before.1);
            }
            if list.texts.insert(text) {
                list.entries.push(entry);
            } else {
                item.warn("is there twice");
            }
        }
        list
    }

    /// Takes note of how another list is written.
    pub fn note(&mut self, other: &List<'t>) {
        self.texts.extend(&other.texts);
    }
}

fn read_entry(value: &Value<'_>, text: &str, claims: &Claims<'_>) -> Option<Entry> {
    let entry = match Entry::parse(text) {
        Ok(Entry::Network(network)) => Ok(Entry::Network(client::whole(value, network))),
        Ok(Entry::Value(part, wanted)) => check(&part, claims).map(|()| Entry::Value(part, wanted)),
        Ok(entry) => Ok(entry),
        // Neither repeats what may be a secret whose part was forgotten.
        Err(EntryError::Unknown(_)) => Err("neither an address or network, nor a value of a part. Write it as in \
             \"10.0.0.0/8\", \"country:DE\" or \"header:x-tenant=acme\""
            .to_owned()),
        Err(EntryError::Part(name)) => Err(no_part(&name)),
        Err(error) => Err(error.to_string()),
    };
    entry.map_err(|message| value.error(message)).ok()
}
