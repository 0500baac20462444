#!/usr/bin/env bash
# Last step of the GitHub Action: installs envmgr and the tools of the project, and sets the environment of later steps.
set -euo pipefail
# As the runner writes paths, which reads the matchers; `pwd` has another form on Windows.
scripts=$GITHUB_ACTION_PATH/integrations/github
client=$DIRECTORY/client
export ENVMGR_HOME=$DIRECTORY/home

# Windows has Scripts/envmgr.exe, other systems bin/envmgr.
find_programs() {
  if [ -d "$client/Scripts" ]; then echo "$client/Scripts"; else echo "$client/bin"; fi
}

fail() {
  echo "::endgroup::"
  echo "::error title=envmgr::$1"
  exit 1
}

install_client() {
  echo "::group::Install envmgr"
  # An environment without a pip of its own is created in a fraction of the time.
  "$PYTHON" -m venv --clear --without-pip "$client"
  "$PYTHON" -m pip --python "$client" install --quiet --disable-pip-version-check \
    "${INPUT_PACKAGE:-$GITHUB_ACTION_PATH}" || fail "cannot install envmgr: pip failed"
  echo "$CLIENT_DIGEST" >"$client/digest"
  echo "::endgroup::"
}

# The program alone: with the others of its directory, PATH would have another python and pip.
copy_program() {
  mkdir -p "$DIRECTORY/bin"
  cp "$(find_programs)"/envmgr* "$DIRECTORY/bin/"
}

# The runner annotates lines that match: those that name a file in all later steps, any other error only in this one.
add_matchers() {
  echo "::add-matcher::$scripts/error-matcher.json"
  trap 'echo "::remove-matcher owner=envmgr-error::"' EXIT
  echo "::add-matcher::$scripts/location-matchers.json"
}

install_tools() {
  local options=()
  [ "$INPUT_LOCKED" = false ] || options+=(--locked)
  read -r -d '' -a arguments <<<"$INPUT_INSTALL_ARGUMENTS" || true # the end of the input counts as a failure
  # Plainly expanded, an empty array is an unset variable for bash 3.2.
  "$envmgr" install ${options[@]+"${options[@]}"} ${arguments[@]+"${arguments[@]}"}
}

[ "$(cat "$client/digest" 2>/dev/null || true)" = "$CLIENT_DIGEST" ] || install_client
copy_program
envmgr=$DIRECTORY/bin/envmgr
echo "ENVMGR_HOME=$ENVMGR_HOME" >>"$GITHUB_ENV"
# The last line is the first directory of PATH.
printf '%s\n' "$DIRECTORY/bin" "$ENVMGR_HOME/shims" >>"$GITHUB_PATH"

# Otherwise envmgr prints how to change PATH. Windows separates paths by another character.
[ "$RUNNER_OS" = Windows ] || PATH=$ENVMGR_HOME/shims:$PATH

add_matchers
cd "$INPUT_WORKING_DIRECTORY"
version=$("$envmgr" --version)
echo "version=${version#envmgr }" >>"$GITHUB_OUTPUT"
install_tools
if [ "$INPUT_ENVIRONMENT" = true ]; then
  "$envmgr" env --github env >>"$GITHUB_ENV"
  # What is not installed has been printed.
  "$envmgr" --quiet env --github path >>"$GITHUB_PATH"
fi
