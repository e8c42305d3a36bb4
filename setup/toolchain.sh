#!/usr/bin/env bash
# Makes sure there is one Rust toolchain for this machine and for WebAssembly.
# Changes nothing when all is there, repairs what is missing, and writes the
# environment that cargo needs to .setup/env.mk, which the Makefile includes.
#
#   setup/toolchain.sh           the first that works: the current toolchain as it is,
#                                Debian's if it was set up before, rustup's targets,
#                                Debian's packages with a standard library built here
#   setup/toolchain.sh debian    Debian's, whatever else there is
set -euo pipefail
cd "$(dirname "$0")/.."

TARGETS=(wasm32-unknown-unknown wasm32-wasip1 wasm32-wasip2) # wasip1 for cargo-component
PACKAGES=(gcc rustc-web cargo-web rust-web-src rust-web-clippy rustfmt-web lld-22 wasi-libc)
COMPONENT_LD=0.5.31 # wasm-component-ld, the linker of wasm32-wasip2
LOG=.setup/log
CARGO_BIN=${CARGO_INSTALL_ROOT:-${CARGO_HOME:-$HOME/.cargo}}/bin

SUDO=()
LINKS=/usr/local/bin # where wasm-ld and rust-lld go
if ((EUID)); then
  SUDO=(sudo)
  LINKS=$HOME/.local/bin
fi
# The linkers may be where a shell does not look yet; env.mk tells make the same.
export PATH=$PATH:$CARGO_BIN:$HOME/.local/bin

have() { command -v "$1" >/dev/null; }

fail() {
  printf 'toolchain: %s\n' "$@" >&2
  exit 1
}

# step TEXT COMMAND...: one line and its time; the output goes to the log.
# (No `|| fail` around the command: bash switches `set -e` off inside of one.)
step() {
  running=$1
  printf 'toolchain: %s ... ' "$1"
  local from=$SECONDS
  shift
  "$@" >>"$LOG" 2>&1
  running=
  echo "$((SECONDS - from)) s"
}
running=
exec 3>&2 # inside a step, stderr is the log
trap '[[ -z $running ]] || { echo failed; tail -n 20 "$LOG"; echo "toolchain: failed at: $running (all of it: $LOG)"; } >&3' EXIT

# finish TEXT LINE...: records the environment (untouched when it is the same,
# or make would start over), says what is used, and ends.
finish() {
  local text=$1 new
  shift
  new=$(printf '%s\n' '# Written by setup/toolchain.sh.' "$@" \
    "export PATH := \$(PATH):$CARGO_BIN:$HOME/.local/bin")
  if [[ ! -f .setup/env.mk || $new != "$(<.setup/env.mk)" ]]; then
    printf '%s\n' "$new" >.setup/env.mk
    echo "toolchain: $text"
  elif [[ -z ${MAKELEVEL:-} ]]; then
    echo "toolchain: $text"
  fi
  exit 0
}

# ready SYSROOT: it has every target.
ready() {
  local t
  [[ -n $1 ]] || return 1
  for t in "${TARGETS[@]}"; do
    compgen -G "$1/lib/rustlib/$t/lib/libstd-*.rlib" >/dev/null || return 1
  done
}

# --- Debian's toolchain --------------------------------------------------------

# Each target's std has a list: the compiler it is for, then the files.
listing() { echo "$DEBIAN/lib/rustlib/$1/lib/tidegate-std"; }

std_ready() { # TARGET...
  local t list file
  for t; do
    list=$(listing "$t")
    [[ -f $list ]] || return 1
    { read -r file && [[ $file == "$DEBIAN_RUSTC" ]]; } <"$list" || return 1
    while read -r file; do
      [[ -s ${list%/*}/$file ]] || return 1
    done < <(tail -n +2 "$list")
  done
}

links_ready() { have wasm-ld && have rust-lld; }

linked() { ! have rustup || [[ ${RUSTUP_HOME:-$HOME/.rustup}/toolchains/debian -ef $DEBIAN ]]; }

packages_ready() {
  local package
  for package in "${PACKAGES[@]}"; do # a file of dpkg's: asking dpkg takes longer
    [[ -f /var/lib/dpkg/info/$package.list ]] || return 1
  done
  DEBIAN_RUSTC=$(/usr/bin/rustc --version) || return 1
  DEBIAN=/usr # what Debian's `rustc --print sysroot` prints
}

debian_ready() { packages_ready && std_ready "${TARGETS[@]}" && links_ready && have wasm-component-ld && linked; }

debian_finish() {
  if have rustup; then
    finish "$DEBIAN_RUSTC, Debian's, as rustup's toolchain debian" 'export RUSTUP_TOOLCHAIN := debian'
  fi
  finish "$DEBIAN_RUSTC, Debian's" 'export PATH := /usr/bin:$(PATH)'
}

install_packages() {
  "${SUDO[@]}" apt-get update
  "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${PACKAGES[@]}"
}

install_links() {
  mkdir -p "$LINKS"
  ln -sf /usr/bin/wasm-ld-22 "$LINKS/wasm-ld"
  ln -sf /usr/bin/wasm-ld-22 "$LINKS/rust-lld"
}

# Debian's cargo, with Debian's rustc: rustup's proxies of the same names may
# come first on PATH.
debian_cargo() {
  env -u RUSTUP_TOOLCHAIN -u RUSTC_WRAPPER -u RUSTFLAGS -u CARGO_TARGET_DIR PATH="/usr/bin:$PATH" RUSTC=/usr/bin/rustc "$@"
}

# It does not need its release profile's whole-program optimisation, half of the time.
install_component_ld() {
  debian_cargo env CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
    cargo install --locked wasm-component-ld --version "$COMPONENT_LD"
}

# Debian ships the std's source but not its WebAssembly builds, so they are
# built once, as dependencies of an empty crate, and put into the sysroot.
build_std() {
  local dir=${XDG_CACHE_HOME:-$HOME/.cache}/tidegate/std
  local t out list args=()
  mkdir -p "$dir/src"
  : >"$dir/src/lib.rs"
  printf '[package]\nname = "empty"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$dir/Cargo.toml"
  # The std's few dependencies come from the registry: the copies that Debian
  # vendors beside its source lack wit-bindgen's prebuilt object file.
  for t in "${TARGETS[@]}"; do args+=(--target "$t"); done
  # embed-bitcode: without it a component with `lto = true` does not link.
  (cd "$dir" && debian_cargo env RUSTC_BOOTSTRAP=1 \
    RUSTFLAGS='-Cembed-bitcode=yes -Zforce-unstable-if-unmarked' \
    cargo build --release -Zbuild-std=std,panic_abort "${args[@]}")

  for t in "${TARGETS[@]}"; do
    if std_ready "$t"; then continue; fi
    list=$(listing "$t")
    out=${list%/*}
    "${SUDO[@]}" rm -rf "$out" # never two builds of one crate side by side
    "${SUDO[@]}" mkdir -p "$out"
    (cd "$dir/target/$t/release/deps" && "${SUDO[@]}" cp lib*.rlib "$out/")
    "${SUDO[@]}" rm -f "$out"/libempty-*.rlib
    if [[ $t == wasm32-wasi* ]]; then
      "${SUDO[@]}" mkdir "$out/self-contained"
      "${SUDO[@]}" cp /usr/lib/wasm32-wasi/{crt1-command.o,crt1-reactor.o,libc.a} "$out/self-contained/"
    fi
    # Written last, so that an interrupted copy is seen and done again.
    (cd "$out" && echo "$DEBIAN_RUSTC" && find . -type f) | "${SUDO[@]}" tee "$dir/list" >/dev/null
    "${SUDO[@]}" mv "$dir/list" "$list"
    # cargo does not see that the std is another one, rustc refuses it.
    rm -rf "target/$t"
  done
}

debian() {
  packages_ready || step "Debian's packages" install_packages
  packages_ready || fail "after apt-get, still missing some of: ${PACKAGES[*]}"
  links_ready || step "wasm-ld and rust-lld in $LINKS" install_links
  std_ready "${TARGETS[@]}" || step 'the standard library for WebAssembly (2 to 4 minutes)' build_std
  have wasm-component-ld || step 'wasm-component-ld (2 to 3 minutes)' install_component_ld
  linked || step 'rustup toolchain link debian' rustup toolchain link debian "$DEBIAN"
  debian_ready || fail 'Debian'\''s toolchain is still not complete; this is a bug in setup/toolchain.sh'
  debian_finish
}

# --- which one -----------------------------------------------------------------

mkdir -p .setup
have cc || [[ -f /etc/debian_version ]] || fail 'no C compiler to link with (cc); install gcc or clang'
[[ ${1:-} != debian ]] || debian

sysroot=$(rustc --print sysroot 2>/dev/null) || sysroot=
if [[ $sysroot != /usr ]] && ready "$sysroot"; then
  finish "$(rustc --version), from $sysroot"
fi
if debian_ready; then debian_finish; fi

: >"$LOG"
if have rustup && [[ -n $sysroot ]]; then
  # Not a step: it may fail, and the next way is tried.
  echo "toolchain: rustup target add ${TARGETS[*]}"
  if timeout 300 rustup target add "${TARGETS[@]}" >>"$LOG" 2>&1 && ready "$sysroot"; then
    finish "$(rustc --version), with rustup's targets"
  fi
  echo 'toolchain: rustup could not fetch them'
fi

if [[ ! -f /etc/debian_version ]] || ! have apt-get; then
  fail "no Rust with the targets ${TARGETS[*]}; install rustup, then: rustup target add ${TARGETS[*]}"
fi
if ((EUID)) && ! sudo -n true 2>/dev/null && [[ ! -t 0 ]]; then
  fail "no right to install; as root: apt-get install ${PACKAGES[*]}; then again: sudo $0"
fi
debian
