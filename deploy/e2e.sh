#!/usr/bin/env bash
# Register an app, a version and a deployment through the public API, and wait until the audit log has all three events.
set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: ALM_PASSWORD=... deploy/e2e.sh [URL]
       deploy/e2e.sh [--dir DIR]

  URL        the gateway, or an embedded server ($ALM_URL, else http://127.0.0.1:8000)
  --dir DIR  the state directory of deploy/local.sh: its gateway, with the password there. Without a URL and a
             password, the default directory of deploy/local.sh, if a system was started there.

Variables:
  ALM_USERNAME             admin by default
  ALM_PASSWORD             $ALM_ADMIN_PASSWORD by default
  ALM_E2E_TIMEOUT_SECONDS  how long the events may take to reach the audit log (10)
TEXT
}

readonly INTERVAL_SECONDS=1 REQUEST_TIMEOUT_SECONDS=30
timeout_seconds=${ALM_E2E_TIMEOUT_SECONDS:-10}
username=${ALM_USERNAME:-admin}
password=${ALM_PASSWORD:-${ALM_ADMIN_PASSWORD:-}}
url=${ALM_URL:-} local=''

fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
  exit "${3-1}"
}

usage_error() {
  fail "$1" 'run `deploy/e2e.sh --help` for usage' 2
}

case ${1-} in
  --help | -h)
    usage
    exit 0
    ;;
  --dir)
    [ -n "${2-}" ] || usage_error '--dir requires a value'
    local=$2
    shift
    ;;
  -*) usage_error "unknown option $1" ;;
  '')
    if [ -z "$url$password" ]; then
      local=${XDG_STATE_HOME:-$HOME/.local/state}/envmgr-alm-local
      [ -f "$local/url" ] || local=''
    fi
    ;;
  *) url=$1 ;;
esac
[ $# -le 1 ] || usage_error "unexpected argument $2"

[[ $timeout_seconds =~ ^[1-9][0-9]{0,4}$ ]] ||
  fail "invalid ALM_E2E_TIMEOUT_SECONDS $timeout_seconds" 'set it to a number of seconds from 1 to 99999'
for program in curl jq; do
  command -v "$program" >/dev/null || fail "$program not found" "install $program"
done
if [ -n "$local" ]; then
  # A password that is sent only to the address beside it.
  [ -r "$local/url" ] || fail "no server in $local" 'run `deploy/local.sh up`'
  url=$(<"$local/url")
  password=$(<"$local/secrets/admin-password")
fi
url=${url:-http://127.0.0.1:8000}
url=${url%/}
[ -n "$password" ] || fail "no password for $username" 'set ALM_PASSWORD'

token=
# request METHOD PATH STATUS [BODY]: send a request and print the response's body; fail unless it has the status.
# Credentials go through standard input, because other users can read a command line.
request() {
  local method=$1 path=$2 expected=$3 body=${4-} options='' response status
  [ -z "$token" ] || options+="header = \"Authorization: Bearer $token\""$'\n'
  [ -z "$body" ] || options+="data-raw = $(jq --null-input --arg body "$body" '$body')"
  response=$(
    curl --silent --show-error --max-time "$REQUEST_TIMEOUT_SECONDS" --request "$method" \
      --header 'Content-Type: application/json' --header 'Accept: application/json' \
      --write-out '\n%{http_code}' --config - "$url$path" <<<"$options"
  ) || fail "$method $url$path failed" "check that the server runs: curl $url/readyz"
  status=${response##*$'\n'}
  [ "$status" = "$expected" ] || fail "$method $path answered $status instead of $expected: ${response%$'\n'*}"
  printf '%s' "${response%$'\n'*}"
}

login=$(request POST /auth/login 200 "$(jq --null-input --arg username "$username" --arg password "$password" '$ARGS.named')")
token=$(jq --raw-output .access_token <<<"$login")

name="e2e-$(date +%s)-$$"
app=$(request POST /apps 201 "$(jq --null-input --arg name "$name" '{$name, description: "end-to-end check"}')")
app_id=$(jq .id <<<"$app")
printf 'app %s has id %s\n' "$name" "$app_id"

version=$(request POST /versions 201 "$(jq --null-input --argjson app_id "$app_id" '{$app_id, tag: "v1.0.0"}')")
version_id=$(jq .id <<<"$version")
printf 'version v1.0.0 has id %s\n' "$version_id"

deployment=$(request POST /deployments 201 \
  "$(jq --null-input --argjson version_id "$version_id" '{$version_id, environment: "e2e"}')")
printf 'deployment %s is %s\n' "$(jq .id <<<"$deployment")" "$(jq --raw-output .status <<<"$deployment")"

missing=
end=$((SECONDS + timeout_seconds))
while true; do
  events=$(request GET '/audit/events?limit=200' 200)
  # Only the events of this app count: other runs and users write to the same log.
  missing=$(jq --raw-output --arg resource "app/$app_id" '
    [.[] | select(.resource == $resource or (.resource | startswith($resource + "/"))) | .event_type] as $seen
    | ["AppCreated", "VersionCreated", "DeploymentCreated"] - $seen | join(", ")' <<<"$events")
  if [ -z "$missing" ] || [ "$SECONDS" -ge "$end" ]; then break; fi
  sleep "$INTERVAL_SECONDS"
done
[ -z "$missing" ] || fail "the audit log lacks $missing of app $name after $timeout_seconds s" \
  "check the consumers: curl $url/readyz"
printf 'the audit log has AppCreated, VersionCreated and DeploymentCreated of %s\n' "$name"
