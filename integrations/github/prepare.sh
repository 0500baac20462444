#!/usr/bin/env bash
# First step of the GitHub Action: chooses an interpreter and a directory, and computes the key of the cache.
set -euo pipefail
scripts=$(dirname "${BASH_SOURCE[0]}")

fail() {
  echo "::error title=envmgr::$1"
  exit 1
}

require_boolean() {
  case $2 in
    true | false) ;;
    *) fail "invalid input $1: '$2' is neither true nor false" ;;
  esac
}

is_supported() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
  local candidate
  for candidate in python3 python python3.14 python3.13 python3.12 python3.11; do
    if is_supported "$candidate"; then
      echo "$candidate"
      return
    fi
  done
}

require_boolean locked "$INPUT_LOCKED"
require_boolean environment "$INPUT_ENVIRONMENT"
require_boolean cache "$INPUT_CACHE"
[ -d "$INPUT_WORKING_DIRECTORY" ] || fail "working-directory not found: $INPUT_WORKING_DIRECTORY"

python=${INPUT_PYTHON:-$(find_python)}
is_supported "${python:-python3}" ||
  fail "envmgr requires Python 3.11 or newer: run actions/setup-python before, or set the input python"

"$python" "$scripts/cache_key.py" \
  --directory "${INPUT_DIRECTORY:-$RUNNER_TOOL_CACHE/envmgr}" \
  --package "${INPUT_PACKAGE:-$GITHUB_ACTION_PATH}" \
  --project "$INPUT_WORKING_DIRECTORY" \
  --prefix "envmgr-$RUNNER_OS-$RUNNER_ARCH" \
  -- "$INPUT_LOCKED" "$INPUT_INSTALL_ARGUMENTS" "$INPUT_CACHE_KEY" >>"$GITHUB_OUTPUT"
