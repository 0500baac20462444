#!/usr/bin/env bash
# Create the role that a service signs in with; what it may do is granted by `envmgr-alm migrate --grant-to alm`.
set -euo pipefail

psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  --set password="$ALM_DB_PASSWORD" <<<"CREATE ROLE alm LOGIN PASSWORD :'password'"
