#!/usr/bin/env bash
# scripts/test-browser.sh BINARY   the HTML report and the review server in a real browser: the distribution's Chromium, driven from Node; nothing else is downloaded
# but the two packages that scripts/browser/package-lock.json pins. Screenshots go into the target folder.
set -euo pipefail
binary=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
cd "$(dirname "$0")/.."
. scripts/prepare.sh
need_package chromium chromium "shows the HTML report"
need_package node nodejs "drives the browser"
need_package npm npm "fetches what drives the browser"

place="$CARGO_TARGET_DIR/browser"
mkdir -p "$place"
if ! cmp -s scripts/browser/package-lock.json "$place/installed.json"; then
  cp scripts/browser/package.json scripts/browser/package-lock.json "$place/"
  (cd "$place" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2)
  cp scripts/browser/package-lock.json "$place/installed.json"
fi

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 scripts/browser/projects.py "$folder"
cp -R examples/billing-support "$folder/billing-support"

# report NAME CODE   decides a project and writes its report; CODE is the answer it is made for
report() {
  local code=0
  (cd "$folder/$1" && "$binary" gate --quiet -o "$folder/$1.html" >/dev/null 2>"$folder/$1.err") || code=$?
  [ "$code" = "$2" ] || { cat "$folder/$1.err"; echo "error: $1: expected exit code $2, got $code"; exit 1; }
}
report billing-support 100 &
billing=$!
report hostile 100
report ship 0
report alone 110
wait "$billing"

cp scripts/browser/look.mjs scripts/browser/looking.mjs "$place/"
rm -rf "$place/screenshots"
mkdir -p "$place/screenshots"
node "$place/look.mjs" "$(command -v chromium)" "$place/screenshots" "$folder"/*.html
cp scripts/browser/desk.mjs scripts/browser/demo.mjs "$place/"
node "$place/desk.mjs" "$(command -v chromium)" "$place/screenshots" "$binary"
cp scripts/browser/sixty.mjs "$place/sixty.mjs"
node "$place/sixty.mjs" "$(command -v chromium)" "$binary"
cp scripts/browser/release.mjs "$place/release.mjs"
cp -R examples/billing-support "$folder/linked"
node "$place/release.mjs" "$(command -v chromium)" "$place/screenshots" "$binary" "$folder/billing-support"
cargo build --locked --quiet -p gatewright-testkit --bin identity
cp scripts/browser/provider.mjs "$place/provider.mjs"
node "$place/provider.mjs" "$(command -v chromium)" "$place/screenshots" "$binary" "$CARGO_TARGET_DIR/debug/identity" "$folder/linked"
echo "screenshots: $place/screenshots"
