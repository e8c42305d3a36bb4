#!/usr/bin/env bash
# setup/tools.sh NAME...: installs what a task needs beyond the toolchain, when
# it is not there in the right version. All names are tried; a tool that cannot
# be had gets one line with the command that would install it, and exit 1.
set -euo pipefail

# Tools that only have to work are built with little optimisation: much sooner
# done, and what they do here takes a second either way.
QUICK=(CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16)

# Debian keeps servers in sbin, which is not on everybody's PATH.
export PATH=$PATH:${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin:/usr/local/sbin:/usr/sbin
SUDO=()
((EUID == 0)) || SUDO=(sudo)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=0

# install NAME HINT COMMAND...
install() {
  local name=$1 hint=$2 from=$SECONDS
  shift 2
  printf 'tools: %s ... ' "$name"
  if "$@" >"$log" 2>&1; then
    echo "$((SECONDS - from)) s"
  else
    tail -n 5 "$log" >&2
    echo "not installed; it needs: $hint"
    failed=1
  fi
}

# crate NAME VERSION [VAR=VALUE...]: a program of that exact version from its crate.
crate() {
  local name=$1 version=$2 program=${1%-cli}
  shift 2
  [[ $("$program" --version 2>/dev/null) != "$program $version"* ]] || return 0
  # --force: another version may be there.
  install "$name" "cargo install --locked --force $name --version =$version" \
    env -u CARGO_TARGET_DIR -u RUSTFLAGS "$@" cargo install --locked --force "$name" --version "=$version"
}

# package NAME [PROGRAM]: one of Debian's.
package() {
  ! command -v "${2:-$1}" >/dev/null || return 0
  install "$1" "apt-get install $1" apt "$1"
}

apt() {
  # A server for tests must not also start as a service on its usual port.
  local policy=/usr/sbin/policy-rc.d mine=
  if [[ ! -e $policy ]]; then
    mine=1
    printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" tee "$policy" && "${SUDO[@]}" chmod +x "$policy"
  fi
  local result=0
  "${SUDO[@]}" apt-get update &&
    "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$1" || result=$?
  [[ -z $mine ]] || "${SUDO[@]}" rm -f "$policy"
  return "$result"
}

for name in "$@"; do
  case $name in
    cargo-component) crate cargo-component 0.21.1 "${QUICK[@]}" ;;
    cargo-deny) crate cargo-deny 0.20.2 "${QUICK[@]}" ;;
    # A peer in the benchmarks: as its authors optimise it.
    wasmtime-cli) crate wasmtime-cli 48.0.8 ;;
    varnish) package varnish varnishd ;;
    wrk | nginx | redis-server | nats-server) package "$name" ;;
    *)
      echo "tools: $name is not a tool known here" >&2
      failed=1
      ;;
  esac
done
exit "$failed"
