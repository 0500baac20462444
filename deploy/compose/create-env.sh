#!/usr/bin/env bash
# Print new secrets and the choice of a broker, as variables for deploy/compose.yaml.
#
# Usage: deploy/compose/create-env.sh [nats|kafka] > deploy/.env
set -euo pipefail

# Secrets are for the file's owner only. The shell has created the file that the output goes to.
[ ! -f /dev/stdout ] || chmod 600 /dev/stdout

broker=${1:-nats}
random_secret() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

# The configuration of NATS reads what begins with a digit as a number.
broker_password=p$(random_secret)
case $broker in
  nats) bus_url=nats://alm:$broker_password@nats:4222 ;;
  kafka) bus_url=kafka://kafka:9092 ;;
  *)
    printf 'error: unknown broker %s\nhint: use nats or kafka\n' "$broker" >&2
    exit 2
    ;;
esac
cat <<TEXT
COMPOSE_PROFILES=$broker
BUS_URL=$bus_url
BROKER_PASSWORD=$broker_password
JWT_SECRET=$(random_secret)
ALM_ADMIN_PASSWORD=$(random_secret)
DB_OWNER_PASSWORD=$(random_secret)
DB_PASSWORD=$(random_secret)
TEXT
