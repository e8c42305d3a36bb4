//! Names and values of fields.

use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use tidegate_route::HeaderRewrite;

use super::{Outside, variables};
use crate::reader::{Key, Table, Value};
use crate::secret::Text;
use crate::shape::{Field, Form, Kind, Shape};

/// A field's name, and other tokens of RFC 9110.
pub(super) static NAME: Form =
    Form { pattern: "[A-Za-z0-9!#$%&'*+.^_`|~-]+", examples: &["x-api-version", "content-type"] };

/// What a message's rewriting may hold.
pub(super) static REWRITE: Shape = Shape::new(
    "fields",
    "What is changed of a message's fields: first some are removed, then some set, then some added.",
    &[&[
        Field::new("set", VALUES, "Fields that replace those of the same name."),
        Field::new("add", VALUES, "Fields that come after those of the same name."),
        Field::new("remove", Kind::List(&Kind::Form(&NAME)), "Names of fields that are removed."),
    ]],
);

/// Fields with a value each.
pub(super) const VALUES: Kind = Kind::Map(&NAME, &VALUE);

const VALUE: Kind = Kind::AnyOf(&[Kind::String, Kind::Table(&SECRET)]);

static SECRET: Shape = Shape::new(
    "secret",
    "A value that does not stand in the file. It appears in no message and in no log.",
    &[&[
        Field::new("env", Kind::Text, "The environment variable that holds it."),
        Field::new(
            "file",
            Kind::Text,
            "The file that holds it, relative to the first file. Line breaks at its end are not part of it.",
        ),
        Field::new("prefix", Kind::String, "What stands before it, such as \"Bearer \"."),
    ]],
)
.one_of(&["env", "file"]);

/// Fields that belong to one connection (RFC 9110 section 7.6.1) or say where a message ends (RFC 9112 section 6): both
/// are the edge's.
const OF_THE_CONNECTION: [HeaderName; 9] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::HOST,
];

/// Request fields that let somebody in: never in the file.
const CREDENTIALS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, HeaderName::from_static("x-api-key")];

/// Fields in one table, and values of one field.
const COUNT_MAX: usize = 100;

/// The message whose fields are meant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Message {
    Request,
    Response,
}

/// Reads `{ set, add, remove }`.
pub(super) fn rewrite(mut table: Table<'_>, message: Message, outside: &mut dyn Outside) -> HeaderRewrite {
    let mut pairs = |key| table.take(key).map(|value| values(&value, message, outside)).unwrap_or_default();
    let (set, add) = (pairs("set"), pairs("add"));
    let remove = table.take("remove").and_then(|value| value.list()).unwrap_or_default();
    let remove = remove.iter().filter_map(|value| own_name(value.string()?, |message| value.error(message)));
    let rewrite = HeaderRewrite { remove: remove.collect(), set, add };
    table.finish();
    rewrite
}

/// Reads a table of fields that the edge puts into a message.
pub(super) fn values(value: &Value<'_>, message: Message, outside: &mut dyn Outside) -> Vec<(HeaderName, HeaderValue)> {
    let entries = entries(value);
    let pairs = entries.into_iter().filter_map(|(key, value)| {
        let name = own_name(key.text, |message| key.error(message));
        // A bad name is no reason to keep quiet about the value.
        let content = content(&value, name.as_ref(), message, outside);
        Some((name?, content?))
    });
    pairs.collect()
}

/// The value of a field: a text, or a reference to a secret.
fn content(
    value: &Value<'_>,
    name: Option<&HeaderName>,
    message: Message,
    outside: &mut dyn Outside,
) -> Option<HeaderValue> {
    if value.as_table().is_some() {
        return secret(value.table_of(&SECRET)?, outside);
    }
    if value.as_string().is_none() {
        return value.expected("a string, { env = \"VARIABLE\" } or { file = \"PATH\" }");
    }
    if let Some(name) = name.filter(|name| message == Message::Request && CREDENTIALS.contains(name)) {
        value.error(format!(
            "a secret does not stand in the file. Write {name} = {{ env = \"VARIABLE\" }} or {{ file = \"PATH\" }}, \
             with prefix = \"Bearer \" if need be"
        ));
        return None;
    }
    value.parsed(text)
}

/// `{ env = ..., prefix = ... }` or `{ file = ..., prefix = ... }`. No message holds the value.
fn secret(mut table: Table<'_>, outside: &mut dyn Outside) -> Option<HeaderValue> {
    let from = table.exactly_one("no secret. Write { env = \"VARIABLE\" } or { file = \"PATH\" }");
    let prefix = table.take("prefix").and_then(|value| value.string()).unwrap_or_default();
    table.finish();
    let (kind, value) = from?;
    let name = value.text()?;
    let found = match kind {
        "env" => variable(name, outside),
        _ => outside.secret_file(name).map_err(|error| format!("the file cannot be read: {error}")),
    };
    let found = found.map_err(|message| value.error(message)).ok()?;
    let found = found.expose().trim_end_matches(['\r', '\n']);
    if found.is_empty() {
        value.error("the secret is empty");
        return None;
    }
    let Ok(mut content) = text(&format!("{prefix}{found}")) else {
        value.error(
            "the secret cannot be the value of a field: only printable ASCII characters can, without spaces around",
        );
        return None;
    };
    content.set_sensitive(true);
    Some(content)
}

fn variable(name: &str, outside: &mut dyn Outside) -> Result<Text, String> {
    if !variables::is_name(name) {
        // It is not repeated: of "${API_TOKEN}", the value has come here.
        return Err(
            "no name of an environment variable. Write the name itself, without ${}, as in \"API_TOKEN\"".to_owned()
        );
    }
    outside.variable(name).map(Text::secret).ok_or_else(|| format!("the environment variable {name} is not set"))
}

/// The name of a field that an operator may change.
fn own_name(text: &str, error: impl Fn(String)) -> Option<HeaderName> {
    let name = parse_name(text).map_err(&error).ok()?;
    if name == header::HOST {
        error("the host is not changed here. Write rewrite = { host = \"...\" } instead".to_owned());
        return None;
    }
    if is_of_the_connection(&name) {
        error("this field belongs to one connection alone, and the edge sets it itself. Remove it here".to_owned());
        return None;
    }
    Some(name)
}

/// Whether a field belongs to one connection alone, or to the edge.
pub(super) fn is_of_the_connection(name: &HeaderName) -> bool {
    OF_THE_CONNECTION.contains(name)
}

/// Any field's name.
pub(super) fn name(value: &Value<'_>) -> Option<HeaderName> {
    value.parsed(parse_name)
}

/// Any field's name, as a key.
pub(super) fn name_of(key: &Key<'_>) -> Option<HeaderName> {
    parse_name(key.text).map_err(|message| key.error(message)).ok()
}

/// Any field's name; why it is none.
pub(super) fn parse_name(text: &str) -> Result<HeaderName, String> {
    let bad = || format!("bad field name {text:?}. Write letters, digits and \"-\", as in \"x-request-id\"");
    HeaderName::from_bytes(text.as_bytes()).map_err(|_| bad())
}

/// Reads fields with a value or a list of values each, whichever they are.
pub(super) fn any(value: &Value<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (key, value) in entries(value) {
        let name = name_of(&key);
        for item in few(&value, value.one_or_many()) {
            if let (Some(name), Some(content)) = (&name, item.parsed(text)) {
                headers.append(name.clone(), content);
            }
        }
    }
    headers
}

/// The fields of a table.
pub(super) fn entries<'t>(value: &Value<'t>) -> Vec<(Key<'t>, Value<'t>)> {
    few(value, value.table().into_iter().flat_map(Table::entries).collect())
}

/// Reports too many fields or values: no message has room for them, and [`HeaderMap`] has none either.
pub(super) fn few<T>(value: &Value<'_>, items: Vec<T>) -> Vec<T> {
    if items.len() > COUNT_MAX {
        value.error(format!("{} are too many. At most {COUNT_MAX} are allowed", items.len()));
        return Vec::new();
    }
    items
}

/// A field's value (RFC 9110 section 5.5, ASCII alone).
pub(super) fn text(text: &str) -> Result<HeaderValue, String> {
    // The value is not repeated: whoever put a secret there should not find it in a log.
    let bad = || "bad field value. Only printable ASCII characters can be in it, without spaces around".to_owned();
    if text.trim_matches([' ', '\t']).len() != text.len() || !text.is_ascii() {
        return Err(bad());
    }
    HeaderValue::from_str(text).map_err(|_| bad())
}

/// A cookie's name (RFC 6265 section 4.1.1).
pub(super) fn cookie_name(text: &str) -> Result<&str, String> {
    let bad = || format!("bad name of a cookie {text:?}. Write letters, digits, \"-\" and \"_\"");
    is_token(text).then_some(text).ok_or_else(bad)
}

/// RFC 9110 section 5.6.2.
pub(super) fn is_token(text: &str) -> bool {
    let in_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(in_token)
}
