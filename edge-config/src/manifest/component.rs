//! `[component.ID]`, and components written where one is used.

use std::collections::{BTreeMap, BTreeSet};

use super::application::{BAD_VARIABLE_NAME, check_targets, our_tool, owned, strings};
use super::{Build, Component, FileMount, HostTemplate, Variable, unsupported};
use crate::diagnostics::Position;
use crate::hosts::AllowedHost;
use crate::limits::Limits;
use crate::names::{is_kebab, is_snake, is_variable};
use crate::reader::{Table, Value};
use crate::suggest::{closest, did_you_mean};
use crate::template::Template;

type Variables = BTreeMap<String, Variable>;

pub(super) fn read_all(root: &mut Table<'_>, variables: &Variables) -> BTreeMap<String, Component> {
    let mut components = BTreeMap::new();
    let table = root.take("component").and_then(|value| value.table());
    for (key, value) in table.into_iter().flat_map(Table::entries) {
        if !is_kebab(key.text) {
            key.error(
                "bad component ID. Write words of letters and digits joined by \"-\", each starting with a letter",
            );
        }
        // One that is no table still has an ID, so triggers may refer to it.
        let component = match value.table() {
            Some(table) => read(table, variables),
            None => Component::with_source("", value.position()),
        };
        components.insert(key.text.to_owned(), component);
    }
    components
}

/// Reads a component's table. Where something is wrong, that is reported, and the component holds
/// something else in its place.
pub(super) fn read(mut table: Table<'_>, variables: &Variables) -> Component {
    let source = table.require("source", "the path of the component's .wasm file");
    let component = Component {
        source: source.and_then(|value| read_source(&value)).unwrap_or_default(),
        description: owned(&mut table, "description"),
        environment: table.take("environment").map(|value| read_environment(&value)).unwrap_or_default(),
        files: table.take("files").map(|value| read_files(&value)).unwrap_or_default(),
        exclude_files: strings(&mut table, "exclude_files"),
        variables: table.take("variables").map(|value| read_variables(&value, variables)).unwrap_or_default(),
        allowed_outbound_hosts: table
            .take("allowed_outbound_hosts")
            .map(|value| read_hosts(&value, variables))
            .unwrap_or_default(),
        key_value_stores: table.take("key_value_stores").map(|value| read_labels(&value)).unwrap_or_default(),
        build: table.take("build").and_then(|value| read_build(&value)),
        limits: table.take("tool").and_then(|value| our_tool(&value)).map(Limits::read).unwrap_or_default(),
        position: table.position(),
    };
    check_targets(&mut table);
    unsupported::component_keys(&mut table);
    table.finish();
    component
}

impl Component {
    /// A component of which nothing is known but its file.
    pub(super) fn with_source(source: &str, position: Position) -> Self {
        Self {
            source: source.to_owned(),
            description: None,
            environment: BTreeMap::new(),
            files: Vec::new(),
            exclude_files: Vec::new(),
            variables: BTreeMap::new(),
            allowed_outbound_hosts: Vec::new(),
            key_value_stores: BTreeSet::new(),
            build: None,
            limits: Limits::default(),
            position,
        }
    }

    /// The keys that grant it something.
    pub(super) fn permissions(&self) -> Vec<&'static str> {
        let grants = [
            ("allowed_outbound_hosts", !self.allowed_outbound_hosts.is_empty()),
            ("environment", !self.environment.is_empty()),
            ("files", !self.files.is_empty()),
            ("key_value_stores", !self.key_value_stores.is_empty()),
            ("variables", !self.variables.is_empty()),
        ];
        grants.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }
}

fn read_source(value: &Value<'_>) -> Option<String> {
    if value.as_table().is_some_and(|table| unsupported::is_remote_source(&table)) {
        let what = unsupported::not_yet("fetching a component");
        value.error(format!("{what}. Write the path of a .wasm file"));
        return None;
    }
    if value.as_string().is_none() {
        return value.expected("the path of a .wasm file");
    }
    value.text().map(str::to_owned)
}

fn read_environment(value: &Value<'_>) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (key, value) in value.table().into_iter().flat_map(Table::entries) {
        if key.text.is_empty() || key.text.contains(['=', '\0']) {
            key.error("bad name of an environment variable: it is empty, or has \"=\" or a zero byte in it");
        }
        if let Some(text) = value.string() {
            if text.contains('\0') {
                value.error("the value of an environment variable cannot have a zero byte in it");
            }
            environment.insert(key.text.to_owned(), text.to_owned());
        }
    }
    environment
}

fn read_files(value: &Value<'_>) -> Vec<FileMount> {
    let list = value.list().unwrap_or_default();
    list.iter().filter_map(read_mount).collect()
}

fn read_mount(value: &Value<'_>) -> Option<FileMount> {
    if value.as_string().is_some() {
        return read_glob(value);
    }
    let Some(mut table) = value.as_table() else {
        return value.expected("a glob pattern or { source = \"...\", destination = \"/...\" }");
    };
    let source = table.require("source", "the path of a file or directory");
    let source = source.and_then(|value| value.text());
    let destination = table.require("destination", "where the component sees it, as in \"/assets\"");
    let destination = destination.and_then(|value| read_destination(&value));
    table.finish();
    Some(FileMount::Directory { source: source?.to_owned(), destination: destination? })
}

/// Spin refuses these two ends, which name a directory and no files (`copy_glob_or_path`).
fn read_glob(value: &Value<'_>) -> Option<FileMount> {
    let glob = value.text()?;
    if matches!(glob.rsplit('/').next(), Some("." | "..")) {
        value.error("a file pattern cannot end in \".\" or \"..\". Write a pattern of files, as in \"assets/**/*\"");
    }
    Some(FileMount::Glob(glob.to_owned()))
}

fn read_destination(value: &Value<'_>) -> Option<String> {
    let path = value.string()?;
    if !path.starts_with('/') {
        value.error("must be an absolute path. Write it with a slash in front");
    }
    if path.split('/').any(|part| part == "..") {
        value.error("must not contain \"..\"");
    }
    Some(path.to_owned())
}

fn read_variables(value: &Value<'_>, known: &Variables) -> BTreeMap<String, Template> {
    let mut variables = BTreeMap::new();
    for (key, value) in value.table().into_iter().flat_map(Table::entries) {
        if !is_variable(key.text) {
            key.error(BAD_VARIABLE_NAME);
        }
        if let Some(template) = read_template(&value, known) {
            variables.insert(key.text.to_owned(), template);
        }
    }
    variables
}

/// A template, all of whose variables the application has.
fn read_template(value: &Value<'_>, known: &Variables) -> Option<Template> {
    let template = value.parsed(Template::parse)?;
    let mut good = true;
    for name in template.variables() {
        if !known.contains_key(name) {
            let hint = did_you_mean(closest(name, known.keys().map(String::as_str)));
            value.error(format!("{name:?} is not in [variables]{hint}"));
            good = false;
        }
    }
    good.then_some(template)
}

fn read_hosts(value: &Value<'_>, known: &Variables) -> Vec<HostTemplate> {
    let list = value.list().unwrap_or_default();
    let hosts = list.iter().filter_map(|value| {
        let template = read_template(value, known)?;
        check_host(value, &template, known);
        Some(HostTemplate { template, position: value.position() })
    });
    hosts.collect()
}

/// Checks what can be checked before the variables have values: without variables all, with them
/// what their defaults give, as in Spin.
fn check_host(value: &Value<'_>, template: &Template, known: &Variables) {
    let default = |name: &str| known.get(name)?.default.as_ref();
    let Some(text) = template.resolve(default) else {
        return;
    };
    match AllowedHost::parse(text.expose()) {
        Ok(_) => {}
        Err(error) if template.is_literal() => value.error(error.to_string()),
        Err(_) if text.is_secret() => value.error("not an allowed host with the variables' defaults"),
        Err(error) => value.error(format!("with the variables' defaults it is {text:?}: {error}")),
    }
}

fn read_labels(value: &Value<'_>) -> BTreeSet<String> {
    let mut labels = BTreeSet::new();
    for item in value.list().unwrap_or_default() {
        let Some(label) = item.string() else {
            continue;
        };
        if !is_kebab(label) && !is_snake(label) {
            item.error(format!("bad label {label:?}. Write words of letters and digits joined by \"-\" or by \"_\""));
        }
        labels.insert(label.to_owned());
    }
    labels
}

fn read_build(value: &Value<'_>) -> Option<Build> {
    let mut table = value.table()?;
    let command = table.require("command", "the command that builds the component");
    let build = Build {
        commands: command.map(|value| read_commands(&value)).unwrap_or_default(),
        workdir: owned(&mut table, "workdir"),
        watch: strings(&mut table, "watch"),
    };
    table.finish();
    Some(build)
}

fn read_commands(value: &Value<'_>) -> Vec<String> {
    if value.as_string().is_some() {
        return value.text().map(str::to_owned).into_iter().collect();
    }
    let Some(list) = value.as_list() else {
        return value.expected("a command or a list of commands").unwrap_or_default();
    };
    if list.is_empty() {
        value.error("must not be empty");
    }
    list.iter().filter_map(Value::text).map(str::to_owned).collect()
}
