//! `[[trigger.http]]`.

use std::collections::{BTreeMap, BTreeSet};

use tidegate_route::{Pattern, Router, spin};

use super::{Capability, Component, HttpTrigger, Middleware, Route, Target, Variable};
use super::{component, static_response, unsupported};
use crate::diagnostics::Position;
use crate::names::is_kebab;
use crate::reader::{Table, Value};
use crate::suggest::{closest, did_you_mean};

/// What reading the triggers needs and finds out.
struct Reading<'r> {
    variables: &'r BTreeMap<String, Variable>,
    /// Grows by the components that are written inside triggers.
    components: &'r mut BTreeMap<String, Component>,
    /// The IDs of triggers that are taken, and where.
    ids: BTreeMap<String, Position>,
    routes: Router<Position>,
    /// Components that answer requests.
    handlers: BTreeSet<String>,
    /// Components that are middlewares, each with one it stands before.
    middlewares: BTreeMap<String, String>,
}

/// Reads the triggers, and checks how they use the components.
pub(super) fn read_all(
    root: &mut Table<'_>,
    variables: &BTreeMap<String, Variable>,
    components: &mut BTreeMap<String, Component>,
) -> Vec<HttpTrigger> {
    let table = root.require("trigger", "[[trigger.http]]").and_then(|value| value.table());
    let Some(mut table) = table else {
        return Vec::new();
    };
    let list = table.take("http").and_then(|value| read_tables(&value)).unwrap_or_default();
    unsupported::triggers(&mut table);
    if table.is_empty() {
        table.error("no triggers. Write [[trigger.http]]");
    }
    table.finish();

    let mut reading = Reading {
        variables,
        components,
        ids: BTreeMap::new(),
        routes: Router::new(),
        handlers: BTreeSet::new(),
        middlewares: BTreeMap::new(),
    };
    let triggers = reading.read(list.iter().filter_map(Value::table).collect());
    reading.check_uses(root);
    triggers
}

impl Reading<'_> {
    fn read(&mut self, mut tables: Vec<Table<'_>>) -> Vec<HttpTrigger> {
        // The given IDs first, so that the ones made up differ from all of them.
        let ids: Vec<_> = tables.iter_mut().map(|table| self.given_id(table)).collect();
        let triggers = tables.into_iter().zip(ids);
        triggers.filter_map(|(table, id)| self.read_trigger(table, id)).collect()
    }

    fn given_id(&mut self, table: &mut Table<'_>) -> Option<String> {
        let value = table.take("id")?;
        let id = value.text()?;
        match self.ids.get(id) {
            Some(taken) => value.error(format!("the trigger in line {} has the ID {id:?} too", taken.line)),
            None => {
                self.ids.insert(id.to_owned(), value.position());
            }
        }
        Some(id.to_owned())
    }

    fn read_trigger(&mut self, mut table: Table<'_>, given: Option<String>) -> Option<HttpTrigger> {
        let position = table.position();
        let component = table.take("component");
        let referred = component.as_ref().and_then(Value::as_string);
        let id = given.unwrap_or_else(|| self.make_id(referred, position));

        let route = table.require("route", "the path, as in \"/...\", or { private = true }");
        let route = route.and_then(|value| self.read_route(&value));
        let fixed = table.take("static_response");
        let target = match (&component, &fixed) {
            (Some(value), None) => self.read_component(value, &id).map(Target::Component),
            (None, Some(value)) => static_response::read(value).map(Target::Static),
            (Some(_), Some(value)) => {
                value.error("the trigger has a component too. Remove one of the two");
                None
            }
            (None, None) => {
                table.error("nobody answers. Write component = \"...\" or static_response = { ... }");
                None
            }
        };
        let middleware = self.read_dependencies(&mut table, &id, target.as_ref());
        if let Some(executor) = table.take("executor").and_then(|value| value.table()) {
            check_executor(executor);
        }
        if let Some(value) = table.take("components").filter(|value| !value.is_empty()) {
            value.error(unsupported::not_yet("a trigger with several components"));
        }
        table.finish();
        Some(HttpTrigger { id, route: route?, target: target?, middleware, position })
    }

    /// An ID for a trigger without one, as Spin makes it (`normalize_trigger_ids`).
    fn make_id(&mut self, component: Option<&str>, position: Position) -> String {
        let natural = component.map(|component| format!("{component}-http-trigger"));
        let counted = (1..).map(|n| format!("http-trigger{n}"));
        let id = natural.into_iter().chain(counted).find(|id| !self.ids.contains_key(id));
        let id = id.expect("there are more numbers than triggers");
        self.ids.insert(id.clone(), position);
        id
    }

    fn read_route(&mut self, value: &Value<'_>) -> Option<Route> {
        if let Some(mut table) = value.as_table() {
            let private = table.require("private", "private = true");
            table.finish();
            let private = private?;
            if !private.boolean()? {
                private.error("must be true. A route that is not private is written as a path");
            }
            return Some(Route::Private);
        }
        if value.as_string().is_none() {
            return value.expected("a path or { private = true }");
        }
        let pattern = value.parsed(Pattern::parse)?;
        if pattern.matched_route().starts_with(spin::RESERVED_PREFIX) {
            let prefix = spin::RESERVED_PREFIX;
            value.warn(format!("Spin answers everything under {prefix} itself, so there it is never reached"));
        }
        if let Err(conflict) = self.routes.insert(pattern.clone(), value.position()) {
            let with = self.routes.iter().find(|(route, _)| **route == conflict.with);
            let line = with.map_or(0, |(_, position)| position.line);
            value.error(format!("the route \"{}\" in line {line} matches the same paths", conflict.with));
        }
        Some(Route::Public(pattern))
    }

    /// The component that answers: an ID, or a component written here.
    fn read_component(&mut self, value: &Value<'_>, trigger: &str) -> Option<String> {
        let id = match value.as_table() {
            Some(table) => {
                let natural = format!("{trigger}-component");
                let component = component::read(table, self.variables);
                self.add(natural, "inline-component", component)
            }
            None => self.refer(value)?,
        };
        self.handlers.insert(id.clone());
        Some(id)
    }

    /// Checks that a component with this ID exists.
    fn refer(&self, value: &Value<'_>) -> Option<String> {
        if value.as_string().is_none() {
            return value.expected("the ID of a component");
        }
        let id = value.string()?;
        if !self.components.contains_key(id) {
            let hint = did_you_mean(closest(id, self.components.keys().map(String::as_str)));
            value.error(format!("there is no [component.{id}]{hint}"));
            return None;
        }
        Some(id.to_owned())
    }

    /// Adds a component under an ID of our own: the natural one if it is good and free, as in Spin
    /// (`normalize_inline_components`).
    fn add(&mut self, natural: String, prefix: &str, component: Component) -> String {
        let natural = Some(natural).filter(|id| is_kebab(id));
        let counted = (1..).map(|n| format!("{prefix}{n}"));
        let id = natural.into_iter().chain(counted).find(|id| !self.components.contains_key(id));
        let id = id.expect("there are more numbers than components");
        self.components.insert(id.clone(), component);
        id
    }

    fn read_dependencies(&mut self, table: &mut Table<'_>, id: &str, target: Option<&Target>) -> Vec<Middleware> {
        let Some(mut table) = table.take("dependencies").and_then(|value| value.table()) else {
            return Vec::new();
        };
        let Some(value) = table.take("middleware") else {
            table.finish();
            return Vec::new();
        };
        table.finish();
        if matches!(target, Some(Target::Static(_))) && !value.is_empty() {
            value.error("a static response has no component for a middleware to stand before");
        }
        let list = value.list().unwrap_or_default();
        let middlewares: Vec<_> = list.iter().filter_map(|item| self.read_middleware(item, id)).collect();
        if let Some(Target::Component(behind)) = target {
            for middleware in &middlewares {
                self.middlewares.entry(middleware.component.clone()).or_insert_with(|| behind.clone());
            }
        }
        middlewares
    }

    fn read_middleware(&mut self, value: &Value<'_>, trigger: &str) -> Option<Middleware> {
        if let Some(id) = value.as_string() {
            value.warn(format!("Spin wants a table here. Write {{ component = {id:?} }}"));
            return Some(Middleware { component: self.refer(value)?, inherits: BTreeSet::new() });
        }
        let Some(mut table) = value.as_table() else {
            return value.expected("{ component = \"...\" }");
        };
        let inherits = table.take("inherit_configuration");
        let inherits = inherits.map(|value| read_inherits(&value));
        if unsupported::is_remote_source(&table) {
            value.error(unsupported::not_yet("fetching a middleware"));
            return None;
        }
        let component = self.read_middleware_component(&mut table, trigger);
        table.finish();
        Some(Middleware { component: component?, inherits: inherits.unwrap_or_default() })
    }

    /// Either `component` or the `path` of a file.
    fn read_middleware_component(&mut self, table: &mut Table<'_>, trigger: &str) -> Option<String> {
        let natural = format!("{trigger}-middleware");
        match (table.take("component"), table.take("path")) {
            (Some(value), None) => match value.as_table() {
                Some(inline) => {
                    value.warn("Spin wants the ID of a component here. Write a table [component.ID] for it");
                    let component = component::read(inline, self.variables);
                    Some(self.add(natural, "inline-middleware", component))
                }
                None => self.refer(&value),
            },
            (None, Some(path)) => {
                let component = Component::with_source(path.text()?, path.position());
                Some(self.add(natural, "inline-middleware", component))
            }
            (Some(_), Some(path)) => {
                path.error("there is a component too. Remove one of the two");
                None
            }
            (None, None) => {
                table.error("no component. Write { component = \"...\" }");
                None
            }
        }
    }

    fn check_uses(&self, root: &Table<'_>) {
        for (id, component) in self.components.iter() {
            let path = format!("component.{id}");
            if self.handlers.contains(id) {
                continue;
            }
            let Some(behind) = self.middlewares.get(id) else {
                root.warn_at(component.position, &path, "no trigger uses it");
                continue;
            };
            let own = component.permissions();
            if !own.is_empty() {
                let (keys, behind) = (own.join(", "), format!("[component.{behind}]"));
                root.error_at(component.position, &path, format!(
                    "a middleware has no permissions of its own. Move {keys} to {behind} and name what it needs in inherit_configuration"
                ));
            }
        }
    }
}

/// The items of `trigger.http`.
fn read_tables<'t>(value: &Value<'t>) -> Option<Vec<Value<'t>>> {
    if value.as_table().is_some() {
        value.error("there may be many. Write [[trigger.http]], with two brackets");
        return None;
    }
    value.list()
}

/// `true`, `false` or a list of names.
fn read_inherits(value: &Value<'_>) -> BTreeSet<Capability> {
    let all = Capability::ALL.map(|(_, capability)| capability);
    if let Some(everything) = value.as_boolean() {
        return if everything { all.into() } else { BTreeSet::new() };
    }
    let Some(list) = value.as_list() else {
        return value.expected("true, false or a list of keys").unwrap_or_default();
    };
    let capabilities = list.iter().filter_map(|item| {
        let name = item.string()?;
        let found = Capability::ALL.into_iter().find(|(key, _)| *key == name);
        if found.is_none() {
            let names = Capability::ALL.map(|(key, _)| key);
            let hint = did_you_mean(closest(name, names));
            item.error(format!("{name:?} cannot be inherited, only {}{hint}", names.join(", ")));
        }
        found.map(|(_, capability)| capability)
    });
    capabilities.collect()
}

fn check_executor(mut table: Table<'_>) {
    let value = table.require("type", "type = \"http\"");
    match value.as_ref().and_then(Value::as_string) {
        Some("wagi") => {
            table.error(unsupported::not_yet("Spin's wagi executor"));
            // Its other keys are no mistakes.
            return;
        }
        // The second is Spin's old name for the first.
        Some("http" | "spin") | None => {}
        Some(other) => {
            let hint = did_you_mean(closest(other, ["http"]));
            table.error(format!("unknown executor {other:?}{hint}"));
        }
    }
    if let Some(value) = value {
        value.string();
    }
    table.finish();
}
