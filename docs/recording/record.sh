#!/bin/sh
# Record docs/demo.svg: run session.sh in a terminal of its own, in an empty project and an empty home.
# Needs envmgr on PATH, python3 with venv, and npm.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet asciinema==2.4.0
npm install --silent --no-save --prefix "$work/npm" svg-term-cli@2.1.1
mkdir -p "$work/home/hello"
cd "$work/home/hello"
env HOME="$work/home" ENVMGR_HOME="$work/home/.envmgr" ENVMGR_CEILING="$work/home" PATH="$work/home/.envmgr/shims:$PATH" TERM=xterm-256color \
  "$work/venv/bin/asciinema" rec --quiet --cols 84 --rows 26 --idle-time-limit 1.5 --command "sh '$here/session.sh'" "$work/demo.cast"
"$work/npm/node_modules/.bin/svg-term" --in "$work/demo.cast" --out "$here/../demo.svg" --window --width 84 --height 26
