#!/usr/bin/env bash
# Shows that the pure crates, from reading a configuration to the driver, import
# nothing: built for a target that has nothing, the module's import section is
# empty. (A clock or randomness that std merely pretends to have there would not
# show; clippy.toml in their folders bans those.) Not optimised, so that all that
# could be called is still there, and it takes seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --quiet --target wasm32-unknown-unknown -p tidegate-pure
cargo run --quiet -p tidegate-pure --example imports -- \
  "${CARGO_TARGET_DIR:-target}/wasm32-unknown-unknown/debug/tidegate_pure.wasm" status
echo "pure: the pure crates import nothing"
