#!/usr/bin/env bash
# Write new secrets and the choice of a broker, as variables for deploy/compose.yaml, to a file.
set -euo pipefail

usage='Usage: deploy/compose/create-env.sh [nats|kafka] [FILE]

FILE is deploy/.env of this checkout unless given; - prints the variables. A file that has contents is never replaced.'

fail() {
  printf 'error: %s\nhint: %s\n' "$1" "$2" >&2
  exit "$3"
}

random_secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

print_variables() {
  cat <<TEXT
COMPOSE_PROFILES=$broker
BUS_URL=$bus_url
BROKER_PASSWORD=$broker_password
JWT_SECRET=$(random_secret)
ALM_ADMIN_PASSWORD=$(random_secret)
DB_OWNER_PASSWORD=$(random_secret)
DB_PASSWORD=$(random_secret)
TEXT
}

# Secrets are for the file's owner only, also while they are written.
write_file() {
  # The databases have the passwords of the file they were created with.
  [ ! -s "$1" ] || fail "$1 has secrets already" \
    "use it; copy a variable that it lacks from the output of \`deploy/compose/create-env.sh $broker -\`" 1
  (umask 077 && rm -f "$1.new" && print_variables >"$1.new")
  mv -f "$1.new" "$1"
  printf 'secrets written to %s\n' "$1"
}

case ${1-} in --help | -h) printf '%s\n' "$usage" && exit ;; esac
[ $# -le 2 ] || fail "unexpected argument $3" 'run `deploy/compose/create-env.sh --help` for usage' 2
broker=${1:-nats}
file=${2:-$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)/.env}
# The configuration of NATS reads what begins with a digit as a number.
broker_password=p$(random_secret)
case $broker in
  nats) bus_url=nats://alm:$broker_password@nats:4222 ;;
  kafka) bus_url=kafka://kafka:9092 ;;
  *) fail "unknown broker $broker" 'use nats or kafka' 2 ;;
esac
if [ "$file" = - ]; then print_variables; else write_file "$file"; fi
