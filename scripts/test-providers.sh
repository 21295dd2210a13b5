#!/usr/bin/env bash
# scripts/test-providers.sh   builds Gatewright with its feature `providers` and tests it: the adapters against a scripted provider, and
# everything else once more, since this build keeps the order of keys in JSON and must come to the same digests and outputs.
# Not part of ./test: it compiles the library crates anew, with more features.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/prepare.sh
export CARGO_INCREMENTAL=0

packages=(-p gatewright -p gatewright-core -p gatewright-engine -p gatewright-store -p gatewright-providers)
# Others are checked by ./test; with maps that keep the order of keys, lints on sizes say other things of them.
cargo clippy --locked --no-deps -p gatewright -p gatewright-providers --features gatewright/providers --all-targets -- -D warnings
cargo test --locked "${packages[@]}" --features gatewright/providers --no-fail-fast --all-targets
