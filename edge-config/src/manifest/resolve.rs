//! From variables to values.

use std::collections::BTreeMap;

use super::{Component, Manifest};
use crate::diagnostics::{Diagnostics, Errors};
use crate::hosts::{AllowedHost, AllowedHosts};
use crate::secret::Text;

/// What depends on the values of variables.
#[derive(Clone, Debug, PartialEq)]
pub struct Resolved {
    /// For each component of the manifest, by ID.
    pub components: BTreeMap<String, ResolvedComponent>,
}

/// What depends on the values of variables, for one component.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResolvedComponent {
    /// Its own variables by name. A value made from a secret is a secret.
    pub variables: BTreeMap<String, Text>,
    /// Where it may connect to.
    pub allowed_outbound_hosts: AllowedHosts,
}

/// The environment variable that a variable takes its value from, as in Spin.
pub fn variable_environment_name(variable: &str) -> String {
    format!("SPIN_VARIABLE_{}", variable.to_ascii_uppercase())
}

impl Manifest {
    /// Gives each variable its value: that of its environment variable (`SPIN_VARIABLE_NAME`), which
    /// `environment` looks up, or else its default.
    ///
    /// # Errors
    /// All required variables without a value, and all `allowed_outbound_hosts` that their values
    /// make bad. The messages hold no secrets.
    pub fn resolve_variables(&self, environment: impl Fn(&str) -> Option<String>) -> Result<Resolved, Errors> {
        let diagnostics = Diagnostics::new(&self.file, "");
        let values = self.variable_values(environment, &diagnostics);
        let components = self.components.iter().map(|(id, component)| {
            let resolved = component.resolve(id, &values, &diagnostics);
            (id.clone(), resolved)
        });
        let components = components.collect();
        diagnostics.finish()?;
        Ok(Resolved { components })
    }

    fn variable_values(
        &self,
        environment: impl Fn(&str) -> Option<String>,
        diagnostics: &Diagnostics<'_>,
    ) -> BTreeMap<&str, Text> {
        let mut values = BTreeMap::new();
        for (name, variable) in &self.variables {
            let key = variable_environment_name(name);
            let given =
                environment(&key).map(|text| if variable.secret { Text::secret(text) } else { Text::public(text) });
            match given.or_else(|| variable.default.clone()) {
                Some(value) => {
                    values.insert(name.as_str(), value);
                }
                None => {
                    let path = format!("variables.{name}");
                    let message = format!("required, but has no value. Set the environment variable {key}");
                    diagnostics.error_at(variable.position, &path, message);
                }
            }
        }
        values
    }
}

impl Component {
    /// Templates with a variable that has no value are left out: that is reported already.
    fn resolve(&self, id: &str, values: &BTreeMap<&str, Text>, diagnostics: &Diagnostics<'_>) -> ResolvedComponent {
        let value = |name: &str| values.get(name);
        let variables =
            self.variables.iter().filter_map(|(name, template)| Some((name.clone(), template.resolve(value)?)));
        let mut hosts = Vec::new();
        for (n, host) in self.allowed_outbound_hosts.iter().enumerate() {
            let Some(text) = host.template.resolve(value) else {
                continue;
            };
            match AllowedHost::parse(text.expose()) {
                // An entry made from a secret would show it in messages about denied connections.
                Ok(allowed) if text.is_secret() => hosts.push(allowed.with_text(host.template.to_string())),
                Ok(allowed) => hosts.push(allowed),
                Err(error) => {
                    let path = format!("component.{id}.allowed_outbound_hosts[{n}]");
                    let message = if text.is_secret() {
                        "not an allowed host with the variables' values, which are secret".to_owned()
                    } else {
                        format!("with the variables' values it is {text:?}: {error}")
                    };
                    diagnostics.error_at(host.position, &path, message);
                }
            }
        }
        ResolvedComponent { variables: variables.collect(), allowed_outbound_hosts: AllowedHosts::new(hosts) }
    }
}
