# shellcheck shell=bash
# The installation: its state directory, ports, secrets and programs.

services='app version deployment audit gateway worker'
processes="postgresql broker $services"
readonly services processes

fail() {
  printf 'error: %s\n' "$1" >&2
  [ -z "${2-}" ] || printf 'hint: %s\n' "$2" >&2
  exit "${3:-1}"
}

# is_number TEXT MIN MAX: return whether a text is a decimal number within the bounds.
is_number() {
  [[ $1 =~ ^[0-9]{1,6}$ ]] && [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_process() {
  [[ " $processes " == *" $1 "* ]]
}

# Find the programs, and set up the checkout's environment if no other is chosen.
find_programs() {
  local program
  for program in curl jq; do
    command -v "$program" >/dev/null || fail "$program not found" "install $program"
  done
  bin=${ALM_LOCAL_BIN:-$checkout/.venv/bin}
  if [ -z "${ALM_LOCAL_BIN-}" ]; then
    make --silent --directory "$checkout" .venv/.ready >&2 ||
      fail 'set-up failed' "run \`make --directory $checkout .venv/.ready\`"
  fi
  for program in python envmgr-alm; do
    [ -x "$bin/$program" ] || fail "$bin/$program not found" 'unset ALM_LOCAL_BIN, or install envmgr with its extras'
  done
}

# Create the state directory, or read what an earlier start has chosen.
open_installation() {
  (umask 077 && mkdir -p "$state"/{logs,run,secrets}) || fail "cannot create $state" 'choose another with --dir'
  state=$(cd "$state" && pwd -P)
  read_installation
  if [ -n "$chosen_bus" ] && [ "$chosen_bus" != "$bus" ]; then
    require_stopped "--bus $chosen_bus"
    bus=$chosen_bus
  fi
  if [ -n "$chosen_port_base" ] && [ "$chosen_port_base" != "$port_base" ]; then
    require_stopped "--port-base $chosen_port_base"
    port_base=$chosen_port_base
  fi
  case $bus in nats | kafka) ;; *) usage_error "invalid --bus $bus: expected nats or kafka" ;; esac
  [ -z "$port_base" ] || is_number "$port_base" 1024 65500 ||
    usage_error "invalid --port-base $port_base: expected a number from 1024 to 65500"
  printf '%s\n' "$bus" >"$state/bus"
  printf '%s\n' "$port_base" >"$state/port-base"
}

read_installation() {
  state=$(cd "$state" && pwd -P)
  bus=nats port_base=''
  [ ! -f "$state/bus" ] || bus=$(<"$state/bus")
  [ ! -f "$state/port-base" ] || port_base=$(<"$state/port-base")
}

require_stopped() {
  local name
  await_ending
  for name in $processes; do
    ! running_id "$name" >/dev/null || fail "$1 cannot be changed while $name runs" 'run `deploy/local.sh down` first'
  done
}

# Refuse a second `up` or `down` at the same time; the lock ends with this script.
lock_installation() {
  command -v flock >/dev/null || return 0
  exec 9>"$state/lock"
  flock --nonblock 9 || fail "another up or down is at work in $state" 'wait until it ends'
}

delete_installation() {
  local postgresql
  postgresql=$(readlink "$state/postgresql" || true)
  # The link leads out of the state directory only where PostgreSQL could not enter that (see postgresql.sh).
  [ -z "$postgresql" ] || rm -rf -- "$postgresql"
  rm -rf -- "$state"/{audit,broker,logs,postgresql,run,secrets,broker.conf,bus,lock,port-base,url}
  rmdir -- "$state" 2>/dev/null || true
}

# secret NAME: print a secret, generated when first used.
secret() {
  local file=$state/secrets/$1
  if [ ! -s "$file" ]; then
    (umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$file.new" && mv "$file.new" "$file")
  fi
  cat "$file"
}

# port_of PROCESS: print the port on which a process serves its clients.
port_of() {
  case $1 in
    gateway) port_at 0 8000 ;;
    app) port_at 1 8080 ;;
    version) port_at 2 8081 ;;
    deployment) port_at 3 8082 ;;
    audit) port_at 4 8083 ;;
    worker) port_at 5 8084 ;;
    postgresql) port_at 20 15432 ;;
    broker) if [ "$bus" = kafka ]; then port_at 21 19092; else port_at 21 14222; fi ;;
  esac
}

# grpc_port_of SERVICE: print the port on which a service serves the other services.
grpc_port_of() {
  case $1 in
    gateway) port_at 10 9000 ;;
    app) port_at 11 9080 ;;
    version) port_at 12 9081 ;;
    deployment) port_at 13 9082 ;;
    audit) port_at 14 9083 ;;
    worker) port_at 15 9084 ;;
  esac
}

# port_at OFFSET PORT: print the port at an offset from the base, or the one of its own where none is chosen.
port_at() {
  if [ -n "$port_base" ]; then printf '%s' "$((port_base + $1))"; else printf '%s' "$2"; fi
}

url() {
  printf 'http://127.0.0.1:%s' "$(port_of gateway)"
}

ports_of() {
  port_of "$1"
  case " $services " in *" $1 "*) printf ' ' && grpc_port_of "$1" ;; esac
}

# Fail if another program listens on a port of a process that does not run.
check_ports() {
  local name port
  for name in $processes; do
    ! running_id "$name" >/dev/null || continue
    for port in $(ports_of "$name"); do
      ! is_listening "$port" || fail "port $port of $name is in use by another program" \
        "stop it, or run \`deploy/local.sh up --port-base N\` with N such that N to N+21 are free"
    done
  done
}

is_listening() {
  (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}
