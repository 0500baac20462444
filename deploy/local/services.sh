# shellcheck shell=bash
# The services: their settings, migrations, start and readiness.

# Migrate the databases of services that do not run, side by side; the role of a service gets what it needs.
migrate_databases() {
  local service failed='' pids=()
  for service in $services; do
    ! running_id "$service" >/dev/null || continue
    migrate_database "$service" >>"$state/logs/$service.log" 2>&1 &
    pids+=("$service=$!")
  done
  for service in ${pids[@]+"${pids[@]}"}; do
    wait "${service#*=}" || failed+=" ${service%%=*}"
  done
  for service in $failed; do
    fail_to_start "$service" 'could not migrate its database'
  done
}

migrate_database() {
  (
    unset_settings
    DB_URL=$(database_url "$1" "$OWNER")
    export DB_URL
    exec "$bin/envmgr-alm" migrate --service "$1" --grant-to "alm_$1" 9>&-
  )
}

start_services() {
  local service
  for service in $services; do
    running_id "$service" >/dev/null || start_service "$service"
  done
}

start_service() {
  (
    unset_settings
    export_settings "$1"
    start_process "$1" "$bin/envmgr-alm" serve "$1"
  )
}

# Settings of this shell must not reach the services: each would take effect there, or be refused. Where traces are sent
# (OTEL_EXPORTER_...) is the exception, as it is the same for all services.
unset_settings() {
  local service name
  unset "${!ALM_@}" "${!JWT_@}" "${!NATS_@}" "${!GRPC_TLS_@}"
  unset DB_URL BUS_URL KAFKA_BROKER PORT GRPC_PORT LOG_LEVEL OTEL_SERVICE_NAME
  for service in $services; do
    name=$(tr '[:lower:]' '[:upper:]' <<<"$service")
    unset "${name}_DB_URL" "${name}_URL"
  done
}

export_settings() {
  local peer
  DB_URL=$(database_url "$1" "alm_$1")
  BUS_URL=$(bus_url)
  JWT_SECRET=$(secret jwt-secret)
  PORT=$(port_of "$1")
  GRPC_PORT=$(grpc_port_of "$1")
  export DB_URL BUS_URL JWT_SECRET PORT GRPC_PORT
  for peer in $services; do
    export "$(tr '[:lower:]' '[:upper:]' <<<"$peer")_URL=grpc://127.0.0.1:$(grpc_port_of "$peer")"
  done
  case $1 in
    gateway)
      ALM_ADMIN_PASSWORD=$(secret admin-password)
      export ALM_ADMIN_PASSWORD
      ;;
    audit) export ALM_DATA_DIR="$state/audit" ;;
  esac
}

await_services() {
  local service
  for service in $services; do
    await "$service" is_ready "$service"
  done
  # A service is ready without peers that only some of its requests need; the first request may be one of these.
  for service in $services; do
    await "$service" reaches_peers "$service"
  done
}

reaches_peers() {
  curl --silent --max-time 10 "http://127.0.0.1:$(port_of "$1")/readyz" |
    jq --exit-status '.checks | any(.name == "peers" and (.detail | endswith(" services reachable")))'
}

is_ready() {
  curl --silent --fail --output /dev/null --max-time 10 "http://127.0.0.1:$(port_of "$1")/readyz"
}

# state_of PROCESS: print whether a process is ready, and why not; fail unless it is.
state_of() {
  running_id "$1" >/dev/null || {
    printf 'down'
    return 1
  }
  case $1 in
    postgresql | broker)
      is_listening "$(port_of "$1")" && printf 'ready' && return
      printf 'does not accept connections'
      return 1
      ;;
  esac
  is_ready "$1" && printf 'ready' && return
  printf 'not ready: %s' "$(curl --silent --max-time 10 "http://127.0.0.1:$(port_of "$1")/readyz" |
    jq --raw-output '.detail // .title' 2>/dev/null || printf 'does not respond')"
  return 1
}
