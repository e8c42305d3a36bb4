//! `[application]` and `[variables]`.

use std::collections::BTreeMap;

use super::{Application, Variable, unsupported};
use crate::diagnostics::Position;
use crate::names::is_variable;
use crate::reader::{Table, Value};
use crate::secret::Text;
use crate::suggest::closest;

/// What to say of a name that [`is_variable`] does not like.
pub(super) const BAD_VARIABLE_NAME: &str =
    "bad name. Write lower-case letters, digits and single \"_\" inside, starting with a letter";

pub(super) fn read(root: &mut Table<'_>) -> Application {
    let table = root.require("application", "[application] and name = \"...\" in it");
    let Some(mut table) = table.and_then(|value| value.table()) else {
        return Application::default();
    };
    let name = table.require("name", "the application's name").and_then(|value| value.text());
    let application = Application {
        name: name.unwrap_or_default().to_owned(),
        version: owned(&mut table, "version"),
        description: owned(&mut table, "description"),
        authors: strings(&mut table, "authors"),
    };
    check_targets(&mut table);
    if let Some(triggers) = table.take("trigger").and_then(|value| value.table()) {
        check_trigger_settings(triggers);
    }
    // Ours has no keys yet.
    if let Some(ours) = table.take("tool").and_then(|value| our_tool(&value)) {
        ours.finish();
    }
    table.finish();
    application
}

/// Our table among those of the tools. The others' are theirs, and skipped.
pub(super) fn our_tool<'t>(tools: &Value<'t>) -> Option<Table<'t>> {
    const OURS: &str = "tidegate";
    let mut table = tools.table()?;
    for (key, value) in tools.table()?.entries() {
        if key.text != OURS && closest(key.text, [OURS]).is_some() {
            value.warn(format!("skipped, as another tool's table. Did you mean \"{OURS}\"?"));
        }
    }
    table.take(OURS)?.table()
}

/// An optional string.
pub(super) fn owned(table: &mut Table<'_>, key: &'static str) -> Option<String> {
    let value = table.take(key)?;
    value.string().map(str::to_owned)
}

/// An optional list of strings.
pub(super) fn strings(table: &mut Table<'_>, key: &'static str) -> Vec<String> {
    let list = table.take(key).and_then(|value| value.strings());
    list.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

/// `targets` are what `spin build` checks components against; at run time they change nothing, so
/// they are accepted, if well-formed, and forgotten.
pub(super) fn check_targets(table: &mut Table<'_>) {
    let list = table.take("targets").and_then(|value| value.list());
    for target in list.unwrap_or_default() {
        match target.as_table() {
            Some(mut document) => {
                for key in ["url", "path"] {
                    document.take(key).and_then(|value| value.string());
                }
                document.finish();
            }
            None => {
                target.string();
            }
        }
    }
}

fn check_trigger_settings(mut triggers: Table<'_>) {
    if let Some(mut http) = triggers.take("http").and_then(|value| value.table()) {
        if let Some(base) = http.take("base") {
            check_base(&base);
        }
        http.finish();
    }
    unsupported::triggers(&mut triggers);
    triggers.finish();
}

/// Spin refuses a base since version 3 and warns of the default one (`validate_app` of its HTTP
/// trigger).
fn check_base(base: &Value<'_>) {
    match base.string() {
        Some("/") => base.warn("has no effect any more: remove it"),
        Some(prefix) => {
            base.error(format!("Spin has no base path any more. Write {prefix:?} at the start of each route instead"))
        }
        None => {}
    }
}

pub(super) fn read_variables(root: &mut Table<'_>) -> BTreeMap<String, Variable> {
    let mut variables = BTreeMap::new();
    let table = root.take("variables").and_then(|value| value.table());
    for (key, value) in table.into_iter().flat_map(Table::entries) {
        if !is_variable(key.text) {
            key.error(BAD_VARIABLE_NAME);
        }
        // One that is no table still has a name, so templates may refer to it.
        let variable = value.table().map(|table| read_variable(table, key.position()));
        let missing = || Variable { default: None, secret: false, description: None, position: key.position() };
        variables.insert(key.text.to_owned(), variable.unwrap_or_else(missing));
    }
    variables
}

fn read_variable(mut table: Table<'_>, position: Position) -> Variable {
    // Either a default or required, as in Spin (`locked_variable`). None: neither true nor false.
    let required = table.take("required").map_or(Some(false), |value| value.boolean());
    let default = match required {
        Some(false) => table.require("default", "the value, or required = true instead"),
        _ => table.take("default"),
    };
    if required == Some(true) && default.is_some() {
        table.error("a required variable never uses its default. Remove one of the two");
    }
    let secret = table.take("secret").and_then(|value| value.boolean()).unwrap_or(false);
    let description = owned(&mut table, "description");
    table.finish();
    let default = default.and_then(|value| value.string());
    let default = default.map(|text| if secret { Text::secret(text) } else { Text::public(text) });
    Variable { default, secret, description, position }
}
