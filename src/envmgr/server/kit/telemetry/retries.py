"""Logging of retried deliveries."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stamina.instrumentation import set_on_retry_hooks

if TYPE_CHECKING:
    from stamina.instrumentation import RetryDetails

    from envmgr.server.kit.telemetry.logs import Log


def log_retries(log: Log) -> None:
    """Have deliveries that failed logged, each as it is to be tried again."""

    def told(details: RetryDetails) -> None:
        error = details.caused_by
        log.warning(
            "an event is tried again",
            consumer=details.name,
            tries=details.retry_num,
            again_in=round(details.wait_for, 2),
            reason=f"{type(error).__name__}: {error}",
        )

    set_on_retry_hooks([told])
