//! Generated from the repository's wit folder. A function that does not call an import does not have it.
#![allow(missing_docs, reason = "generated; wit/ is documented")]
#![allow(clippy::undocumented_unsafe_blocks, clippy::unwrap_used, clippy::todo, reason = "generated")]

wit_bindgen::generate!({
    path: "../../wit",
    world: "tidegate:host/function",
    generate_all,
});
