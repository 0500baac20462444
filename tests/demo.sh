#!/bin/sh
# `make demo`: install the tools this repository is developed with, run them through their shims, then start a server,
# register what was built with them, and query it.
set -eu
root=$PWD
ENVMGR_HOME=$root/.demo
PATH=$ENVMGR_HOME/shims:$PATH
export ENVMGR_HOME PATH

print_command() { printf '\n$ %s\n' "$*"; }
run() { print_command "$@"; "$@"; }

run envmgr install
run envmgr current
for command in ruff zig node nats-server prettier; do
  case $command in
    zig) set -- zig version ;;
    nats-server) set -- nats-server --version ;;
    *) set -- "$command" --version ;;
  esac
  run "$@"
done
run envmgr which node
run envmgr lock --check

data=$ENVMGR_HOME/alm
rm -rf "$data"
mkdir -p "$data"
ALM_ADMIN_PASSWORD='only for this demonstration'
LOG_LEVEL=warning
export ALM_ADMIN_PASSWORD LOG_LEVEL
print_command "envmgr alm serve &"
envmgr alm serve --port 0 --data-dir "$data/data" >"$data/served" 2>"$data/log" &
server=$!
trap 'kill "$server"; wait "$server" || true' EXIT
for _ in $(seq 600); do
  grep -q 'Next, in another' "$data/served" && break
  kill -0 "$server" || { cat "$data/log" >&2; exit 1; }
  sleep 0.1
done
ENVMGR_ALM_URL=$(sed -n 's/.* listening on \(http[^ ]*[^. ]\)[. ].*/\1/p' "$data/served")
export ENVMGR_ALM_URL
sed -n 1p "$data/served"
print_command "envmgr alm login --username admin --password-stdin"
printf '%s\n' "$ALM_ADMIN_PASSWORD" | envmgr alm login "$ENVMGR_ALM_URL" --username admin --password-stdin
run envmgr alm push --app envmgr --tag demo
run envmgr alm deploy envmgr@demo --env prod --status successful
run envmgr alm status
run envmgr alm affected nodejs '<99' --env prod
run envmgr alm audit --verify
