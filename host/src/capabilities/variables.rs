//! A component's variables: `spin:variables@3.0.0` and `wasi:config/store@0.2.0-draft-2024-09-27`.
//!
//! The values are resolved before the component starts. It sees those that its manifest gives it
//! under `[component.NAME.variables]`, and no others of the application.

use std::collections::BTreeMap;
use std::sync::Arc;

use wasmtime::component::{Accessor, HasData, Linker};

use bindings::spin::variables::variables::{self, Error};
use bindings::wasi::config::store;

mod bindings {
    wasmtime::component::bindgen!({
        path: "../wit",
        inline: "
            package tidegate:variables-host;
            world host {
                import spin:variables/variables@3.0.0;
                import wasi:config/store@0.2.0-draft-2024-09-27;
            }
        ",
        world: "tidegate:variables-host/host",
        imports: { default: trappable },
    });
}

/// The variables of one component. Cheap to clone.
#[derive(Clone)]
pub struct VariablesCtx {
    values: Arc<BTreeMap<String, String>>,
}

impl VariablesCtx {
    /// With the values that the component may see, by name.
    pub fn new(values: Arc<BTreeMap<String, String>>) -> Self {
        Self { values }
    }

    fn get(&self, name: &str) -> Result<String, Error> {
        check_name(name)?;
        let value = self.values.get(name).cloned();
        value.ok_or_else(|| Error::Undefined(format!("no variable {name:?}: add it under the component's variables")))
    }
}

/// An instance's state that has variables in it.
pub trait VariablesView: Send {
    /// The variables.
    fn variables(&mut self) -> &mut VariablesCtx;
}

/// Lets components use the interfaces above.
///
/// # Errors
/// If one is in `linker` already.
pub fn add_to_linker<T: VariablesView + 'static>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    variables::add_to_linker::<_, Variables>(linker, T::variables)?;
    store::add_to_linker::<_, Variables>(linker, T::variables)
}

struct Variables;

impl HasData for Variables {
    type Data<'a> = &'a mut VariablesCtx;
}

/// A name that Spin would not take in a manifest either. It is no variable anywhere, so it is
/// worth telling apart from one that this component lacks.
fn check_name(name: &str) -> Result<(), Error> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_';
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(allowed)
        && !name.ends_with('_')
        && !name.contains("__");
    if valid {
        return Ok(());
    }
    Err(Error::InvalidName(format!(
        "{name:?}: a name is lower-case letters, digits and single underscores between them"
    )))
}

impl variables::Host for &mut VariablesCtx {}

impl<T: Send> variables::HostWithStore<T> for Variables {
    async fn get(host: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(host.with(|mut access| access.get().get(&name)))
    }
}

impl store::Host for &mut VariablesCtx {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, store::Error>> {
        Ok(Ok(self.values.get(&key).cloned()))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, store::Error>> {
        let all = self.values.iter();
        Ok(Ok(all.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct State(VariablesCtx);

    impl VariablesView for State {
        fn variables(&mut self) -> &mut VariablesCtx {
            &mut self.0
        }
    }

    fn ctx() -> VariablesCtx {
        let values = [("greeting", "hello"), ("api_key_2", "secret")];
        let values = values.map(|(name, value)| (name.to_owned(), value.to_owned()));
        VariablesCtx::new(Arc::new(values.into()))
    }

    #[test]
    fn spin() {
        let ctx = ctx();
        assert_eq!(ctx.get("greeting").unwrap(), "hello");
        let Err(Error::Undefined(told)) = ctx.get("other") else {
            panic!("it is defined");
        };
        assert_eq!(told, "no variable \"other\": add it under the component's variables");
        for good in ["a", "abc", "a1b2c3", "a_1", "a_1_b_3"] {
            assert!(matches!(ctx.get(good), Err(Error::Undefined(_))), "{good}");
        }
        for bad in ["", "aX", "1bc", "_x", "x.y", "x_", "a__b", "x-y", "é"] {
            assert!(matches!(ctx.get(bad), Err(Error::InvalidName(_))), "{bad}");
        }
    }

    #[test]
    fn wasi() {
        let mut ctx = &mut ctx();
        let mut get = |key: &str| store::Host::get(&mut ctx, key.into()).unwrap().unwrap();
        assert_eq!(get("greeting"), Some("hello".into()));
        assert_eq!(get("other"), None);
        assert_eq!(get("Not-A-Name"), None);
        let all = store::Host::get_all(&mut ctx).unwrap().unwrap();
        let names: Vec<_> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["api_key_2", "greeting"]);
    }

    #[test]
    fn both_link_once() {
        let mut config = wasmtime::Config::new();
        config.wasm_component_model_async(true);
        let engine = wasmtime::Engine::new(&config).unwrap();
        let mut linker = Linker::<State>::new(&engine);
        add_to_linker(&mut linker).unwrap();
        assert!(add_to_linker(&mut linker).is_err());
    }
}
