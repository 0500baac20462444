#!/bin/sh
# The session of the recording: real commands in an empty project, typed at a readable pace.
set -eu
type_and_run() {
  printf '\033[1;32m$\033[0m '
  text=$*
  while [ -n "$text" ]; do
    rest=${text#?}
    printf '%s' "${text%"$rest"}"
    text=$rest
    sleep 0.03
  done
  printf '\n'
  sleep 0.2
  eval "$*" || true
  sleep 1.2
}
type_and_run envmgr use pypi:ruff '^0.14'
type_and_run envmgr use npm:prettier 3
type_and_run 'ruff --version; prettier --version'
type_and_run envmgr lock --check
type_and_run envmgr why pypi:ruff
sleep 2
