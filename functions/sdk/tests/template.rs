//! What `tidegate new` writes compiles against this sdk, and its own test passes.

#[path = "../template/src/lib.rs"]
mod template;
