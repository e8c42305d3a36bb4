//! Keeps from a middleware what it does not inherit.
//!
//! In a chain all layers would share the imports of the component that is granted them. So a middleware's imports of
//! what it does not inherit are renamed before it is chained, and the host answers the renamed ones with a denial.

use std::borrow::Cow;
use std::collections::BTreeSet;

use tidegate_edge_config::manifest::Capability;
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{ComponentImportSection, RawSection};
use wasmparser::{Parser, Payload};

/// The namespace of renamed imports: `wasi:http/client@0.3.0` becomes `withheld:wasi-http/client@0.3.0`.
pub const NAMESPACE: &str = "withheld:";

/// Which imports each capability stands for.
const IMPORTS: [(Capability, &str); 9] = [
    (Capability::AllowedOutboundHosts, "wasi:http/client@"),
    (Capability::AllowedOutboundHosts, "wasi:http/outgoing-handler@"),
    (Capability::KeyValueStores, "spin:key-value/key-value@"),
    (Capability::KeyValueStores, "wasi:keyvalue/"),
    (Capability::Variables, "spin:variables/"),
    (Capability::Variables, "wasi:config/"),
    (Capability::Environment, "wasi:cli/environment@"),
    (Capability::Files, "wasi:filesystem/preopens@"),
    (Capability::SqliteDatabases, "spin:sqlite/"),
];

/// The binary is no component.
#[derive(Debug, thiserror::Error)]
#[error("not a component: {0}")]
pub struct DenyError(String);

/// The middleware `wasm` with its imports of what is `withheld` renamed.
///
/// # Errors
/// When it is no component.
pub fn deny(wasm: &[u8], withheld: &BTreeSet<Capability>) -> Result<Vec<u8>, DenyError> {
    let failed = |error: &dyn std::fmt::Display| DenyError(error.to_string());
    let mut renamed = wasm_encoder::Component::new();
    // Payloads of what is nested come along; they were copied with the section that they are in.
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|error| failed(&error))?;
        let nests = matches!(payload, Payload::ModuleSection { .. } | Payload::ComponentSection { .. });
        if depth > 0 {
            depth = if nests { depth + 1 } else { depth - usize::from(matches!(payload, Payload::End(_))) };
            continue;
        }
        depth += usize::from(nests);
        if let Payload::ComponentImportSection(section) = &payload {
            let mut imports = ComponentImportSection::new();
            for import in section.clone() {
                let import = import.map_err(|error| failed(&error))?;
                let ty = RoundtripReencoder.component_type_ref(import.ty).map_err(|error| failed(&error))?;
                imports.import(&*rename(import.name.name, withheld), ty);
            }
            renamed.section(&imports);
        } else if let Some((id, range)) = payload.as_section() {
            renamed.section(&RawSection { id, data: &wasm[range] });
        }
    }
    Ok(renamed.finish())
}

fn rename<'n>(name: &'n str, withheld: &BTreeSet<Capability>) -> Cow<'n, str> {
    let is_withheld =
        IMPORTS.iter().any(|(capability, prefix)| withheld.contains(capability) && name.starts_with(prefix));
    match name.split_once(':') {
        Some((namespace, rest)) if is_withheld => Cow::Owned(format!("{NAMESPACE}{namespace}-{rest}")),
        _ => Cow::Borrowed(name),
    }
}

/// The line of the manifest that would have allowed a call of the import `name`, if that was withheld.
pub fn hint(cause: &str) -> Option<String> {
    let import = cause.split_once(NAMESPACE)?.1.replacen('-', ":", 1);
    let (capability, _) = IMPORTS.iter().find(|(_, prefix)| import.starts_with(prefix))?;
    let (name, _) = Capability::ALL.iter().find(|(_, each)| each == capability)?;
    Some(format!(
        "a middleware used what it does not inherit: add inherit_configuration = [\"{name}\"] to its entry in \
         dependencies.middleware"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_withheld_is_renamed() {
        let withheld = BTreeSet::from([Capability::KeyValueStores, Capability::AllowedOutboundHosts]);
        let cases = [
            ("spin:key-value/key-value@3.0.0", "withheld:spin-key-value/key-value@3.0.0"),
            ("wasi:keyvalue/atomics@0.2.0-draft2", "withheld:wasi-keyvalue/atomics@0.2.0-draft2"),
            ("wasi:http/client@0.3.0", "withheld:wasi-http/client@0.3.0"),
            ("wasi:http/types@0.3.0", "wasi:http/types@0.3.0"),
            ("wasi:http/handler@0.3.0", "wasi:http/handler@0.3.0"),
            ("spin:variables/variables@3.0.0", "spin:variables/variables@3.0.0"),
        ];
        for (name, expected) in cases {
            assert_eq!(rename(name, &withheld), expected);
        }
    }

    #[test]
    fn the_hint_names_the_key_to_add() {
        let hint = hint("withheld:spin-key-value/key-value@3.0.0#[static]store.open is withheld").unwrap();
        assert!(hint.contains("[\"key_value_stores\"]"), "{hint}");
        assert_eq!(super::hint("wasm trap: unreachable"), None);
    }
}
