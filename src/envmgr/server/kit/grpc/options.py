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
KEEPALIVE_SECONDS, KEEPALIVE_TIMEOUT_SECONDS = 30, 10
MIN_RECONNECT_SECONDS, MAX_RECONNECT_SECONDS = 0.2, 5
_MIN_PING_SECONDS = 15
"""Shorter than the clients' interval, as a server closes connections with more pings."""

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


def channel_options() -> Options:
    """Return the options of a channel."""
    return [
        ("grpc.enable_http_proxy", 0),  # peers are on the same network
        ("grpc.lb_policy_name", "round_robin"),
        ("grpc.use_local_subchannel_pool", 1),
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
