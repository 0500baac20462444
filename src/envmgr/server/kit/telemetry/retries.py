"""Logging of retried deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stamina.instrumentation import set_on_retry_hooks

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

    from envmgr.server.kit.telemetry.logs import Log


def log_retries(log: Log) -> None:
    """Log each failed delivery that will be retried."""

    def log_retry(details: RetryDetails) -> None:
        error = details.caused_by
        log.warning(
            "event_delivery_retry",
            consumer=details.name,
            attempt=details.retry_num,
            retry_in_s=round(details.wait_for, 2),
            error=f"{type(error).__name__}: {error}",
        )

    set_on_retry_hooks([log_retry])
