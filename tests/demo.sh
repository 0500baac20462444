#!/bin/sh
# What `make demo` does: the tools this repository is developed with, installed and run through their shims.
set -eu
root=$PWD
ENVMGR_HOME=$root/.demo
PATH=$ENVMGR_HOME/shims:$PATH
export ENVMGR_HOME PATH

say() { printf '\n$ %s\n' "$*"; }
run() { say "$@"; "$@"; }

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
