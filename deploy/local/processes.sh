# shellcheck shell=bash
# Processes: start, find again and stop, each known by its id and the time of its start.

# As pg_ctl has: at its end, PostgreSQL writes all to a disk that may be busy.
readonly STOP_TIMEOUT_SECONDS=60

# start_process NAME COMMAND...: start a process that outlives this script, and record it.
start_process() {
  local name=$1 id
  shift
  # A session of its own: Ctrl-C in this terminal is not for it. The lock (9) must not outlive this script.
  (cd / && umask 077 && exec setsid "$@" </dev/null >>"$state/logs/$name.log" 2>&1 9>&-) &
  id=$!
  printf '%s %s\n' "$id" "$(start_time "$id")" >"$state/run/$name"
}

# running_id NAME: print the id of a recorded process; fail unless it runs, and is the same process.
running_id() {
  local id='' time=''
  [ -f "$state/run/$1" ] || return 1
  read -r id time <"$state/run/$1" || return 1
  [ -n "$time" ] && [ "$(start_time "$id")" = "$time" ] || return 1
  printf '%s' "$id"
}

# start_time ID: print when a process started, in ticks since the machine did; nothing if its last thread has ended.
start_time() {
  local text='' fields
  { text=$(<"/proc/$1/stat"); } 2>/dev/null || return 0
  # The second field, the program's name in parentheses, may contain blanks.
  read -r -a fields <<<"${text##*) }"
  # The first thread of a killed process may have ended (Z) while others still have its ports open.
  [ "${fields[0]}" = Z ] && [ "${fields[17]}" -le 1 ] || printf '%s' "${fields[19]}"
}

# Wait for processes that are about to end, so that `up` right after `kill -9` starts them again.
await_ending() {
  local name id
  for name in $processes; do
    if id=$(running_id "$name") && grep -qs '^State:[[:space:]]*Z' "/proc/$id/status"; then
      await_end "$name" || fail "$name (process $id) does not end" 'wait until it has, then run `deploy/local.sh up`'
    fi
  done
}

# stop_processes SIGNAL NAME...: stop processes side by side, with SIGKILL if they do not end in time.
stop_processes() {
  local signal=$1 name id
  shift
  for name in "$@"; do
    if id=$(running_id "$name"); then kill -s "$signal" "$id" 2>/dev/null || true; fi
  done
  for name in "$@"; do
    await_end "$name" || kill_process "$name"
    rm -f "$state/run/$name"
  done
}

await_end() {
  local end=$((SECONDS + STOP_TIMEOUT_SECONDS))
  while running_id "$1" >/dev/null; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

kill_process() {
  local id
  id=$(running_id "$1") || return 0
  printf 'warning: %s (process %s) did not stop within %s s and is killed\n' "$1" "$id" "$STOP_TIMEOUT_SECONDS" >&2
  kill -s KILL "$id" 2>/dev/null || true
  await_end "$1" || fail "$1 (process $id) does not end" "end it with \`kill -9 $id\`"
}

# await NAME COMMAND...: wait until a command succeeds; fail with the process's log if it ends or is late.
await() {
  local name=$1
  shift
  until "$@" >/dev/null 2>&1; do
    running_id "$name" >/dev/null || fail_to_start "$name" 'has ended'
    [ "$SECONDS" -lt "$timeout_seconds" ] || fail_to_start "$name" "is not ready after $timeout_seconds s"
    sleep 0.2
  done
}

fail_to_start() {
  print_log_end "$1" 20 >&2
  fail "$1 $2" "see \`deploy/local.sh logs $1\`; run \`deploy/local.sh up\` again, or \`deploy/local.sh down\`"
}

print_log_end() {
  printf '==> %s: the last lines of %s\n' "$1" "$state/logs/$1.log"
  tail -n "$2" "$state/logs/$1.log" 2>/dev/null || true
}
