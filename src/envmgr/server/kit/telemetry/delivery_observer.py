"""Logs and metrics of event deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envmgr.server.kit.common.clock import now_ms, parse_rfc3339
from envmgr.server.kit.common.failures import describe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.kit.common.events import EventEnvelope
    from envmgr.server.kit.telemetry.logs import Log
    from envmgr.server.kit.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class LoggingDeliveryObserver:
    """Logs retries and measures delivery lag (implements `bus.DeliveryObserver`)."""

    log: Log
    metrics: Metrics

    def on_retry(self, consumer: str, attempt: int, delay: float, error: Exception) -> None:
        """Log a retry."""
        self.log.warning(
            "event_delivery_retry",
            consumer=consumer,
            attempt=attempt,
            retry_in_s=round(delay, 2),
            error=describe(error),
        )

    def on_dead_letter(self, consumer: str, event: EventEnvelope, attempts: int, error: Exception) -> None:
        """Log a dead letter, with the trace of the request that emitted the event."""
        fields = {"traceparent": event.traceparent} if event.traceparent else {}
        self.log.error(
            "event_dead_lettered",
            consumer=consumer,
            attempts=attempts,
            event_id=event.id,
            event_type=event.type,
            source=event.source,
            sequence=event.sequence,
            error=describe(error),
            **fields,
        )

    def on_delivered(self, consumer: str, events: Sequence[EventEnvelope]) -> None:
        """Measure the lag of a batch's oldest event, which is the batch's worst."""
        lag_ms = max(0, now_ms() - parse_rfc3339(events[0].time))
        self.metrics.record_delivery(consumer, lag_ms / 1000)

    def on_connected(self, broker: str) -> None:
        """Log a connection."""
        self.log.info("bus_connected", broker=broker)

    def on_disconnected(self, broker: str, retry_in_seconds: float, error: Exception) -> None:
        """Log the loss of a connection, or an attempt that failed."""
        self.log.warning(
            "bus_disconnected",
            broker=broker,
            retry_in_s=round(retry_in_seconds, 2),
            error=describe(error),
        )

    def on_invalid_message(self, location: str, error: Exception) -> None:
        """Log a message that is not an event."""
        self.log.error("bus_message_invalid", location=location, error=describe(error))
