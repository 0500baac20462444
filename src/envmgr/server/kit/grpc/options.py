"""Options of channels and servers (https://grpc.github.io/grpc/core/group__grpc__arg__keys.html)."""

from __future__ import annotations

MAX_REQUEST_BYTES = 8 * 2**20
"""A lock of 5 MiB and what comes with it."""
MAX_RESPONSE_BYTES = 256 * 2**20
"""The longest page, 200 resources, each registered by a request of at most 1 MiB."""
MAX_METADATA_BYTES = 256 * 2**10
"""Metadata hold a problem with a pointer to each invalid field."""
MAX_CONNECTION_AGE_SECONDS, CONNECTION_GRACE_SECONDS = 300, 30
"""Connections are renewed, for new replicas to get their share of calls, and for leaks to stay bounded."""
KEEPALIVE_SECONDS, KEEPALIVE_TIMEOUT_SECONDS = 10, 5
"""Interval of pings, the shortest that gRPC allows, and the time for an answer; a replica that hangs gives none."""
MIN_RECONNECT_SECONDS, MAX_RECONNECT_SECONDS = 0.2, 1
"""Short, as a replica that has restarted must be connected before the next one ends."""
RESOLUTION_INTERVAL_SECONDS = 1
"""Interval between look-ups of a peer's addresses, which happen when a connection is lost."""
_MIN_PING_SECONDS = 5
"""Shorter than the clients' interval, as a server closes connections with more pings."""

_ADDRESS_LISTS = ("ipv4:", "ipv6:")
_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": ""}}'
"""Calls go to all replicas in turn, except to those whose health service returns NOT_SERVING."""

Options = list[tuple[str, int | str]]


def server_options() -> Options:
    """Return the options of a server."""
    return [
        ("grpc.so_reuseport", 0),  # a port in use is an error
        ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
        ("grpc.max_send_message_length", MAX_RESPONSE_BYTES),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.max_connection_age_ms", MAX_CONNECTION_AGE_SECONDS * 1000),
        ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_SECONDS * 1000),
        ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _MIN_PING_SECONDS * 1000),
    ]


def channel_options(peer: str, address: str) -> Options:
    """Return the options of a channel to a service.

    Several addresses have no name of a host: the peers' certificates then have that of the service.
    """
    authority: Options = [("grpc.default_authority", peer)] if address.startswith(_ADDRESS_LISTS) else []
    return [
        *authority,
        ("grpc.enable_http_proxy", 0),  # peers are on the same network
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.dns_min_time_between_resolutions_ms", RESOLUTION_INTERVAL_SECONDS * 1000),
        ("grpc.max_send_message_length", MAX_REQUEST_BYTES),
        ("grpc.max_receive_message_length", MAX_RESPONSE_BYTES),
        ("grpc.max_metadata_size", MAX_METADATA_BYTES),
        ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
        ("grpc.keepalive_timeout_ms", KEEPALIVE_TIMEOUT_SECONDS * 1000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.initial_reconnect_backoff_ms", int(MIN_RECONNECT_SECONDS * 1000)),
        ("grpc.min_reconnect_backoff_ms", int(MIN_RECONNECT_SECONDS * 1000)),
        ("grpc.max_reconnect_backoff_ms", MAX_RECONNECT_SECONDS * 1000),
    ]
