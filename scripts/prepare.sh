# Sourced by ./try and ./test: one target folder for every clone, and whatever is missing on this machine.
# Changes nothing that is already there. Installs system packages only as root with apt; otherwise it says what to install.

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/gatewright/target}"
mkdir -p "$CARGO_TARGET_DIR"
PATH="$PATH:${CARGO_HOME:-$HOME/.cargo}/bin"

say() { printf '%s\n' "$*" >&2; }

# need_package COMMAND PACKAGE WHY
need_package() {
  command -v "$1" >/dev/null 2>&1 && return 0
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    say "$1 is missing ($3): installing $2 with apt."
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null 2>&1 \
      || { apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$2" >/dev/null; }
  fi
  command -v "$1" >/dev/null 2>&1 && return 0
  say "error: $1 is missing ($3). Install the package \`$2\` and run this again."
  exit 2
}

# The version that Cargo.toml asks for, through rustup where the default is older or absent.
need_rust() {
  local want have
  want=$(sed -n 's/^rust-version = "\(.*\)"$/\1/p' Cargo.toml)
  if ! command -v cargo >/dev/null 2>&1; then
    need_package curl curl "fetches the Rust installer"
    say "Rust is missing: installing it with rustup into ${CARGO_HOME:-$HOME/.cargo} (\`rustup self uninstall\` removes it)."
    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs \
      | sh -s -- -y -q --profile minimal --component clippy --component rustfmt >&2
  fi
  have=$(cargo --version | sed 's/^cargo \([0-9.]*\).*/\1/')
  [ "$(printf '%s\n%s\n' "$want" "$have" | sort -V | head -n 1)" = "$want" ] && return 0
  if ! command -v rustup >/dev/null 2>&1; then
    say "error: Rust $want or later is needed, and this is $have. Update it and run this again."
    exit 2
  fi
  say "Rust $have is older than $want: adding toolchain $want (your default stays as it is)."
  rustup toolchain install "$want" --profile minimal --component clippy --component rustfmt >&2
  export RUSTUP_TOOLCHAIN="$want"
}

need_rust
need_package cc gcc "builds the embedded database"
need_package python3 python3 "runs the shipped example"
