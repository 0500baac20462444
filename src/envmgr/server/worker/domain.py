"""The dead letter of a failed job: an envelope that no outbox records and no bus carries."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from envmgr.server.kit.common.events import EventData, EventEnvelope, schema_of, source_of


class JobFailed(EventData, frozen=True, kw_only=True):
    """A job failed at every attempt."""

    TYPE: ClassVar[str] = "JobFailed"
    job: str


def job_failed(job: str, time: str) -> EventEnvelope:
    """Return the dead letter of a job; its ID is constant, so that a job has one at most."""
    return EventEnvelope(
        id=f"job/{job}",
        source=source_of("worker"),
        type=JobFailed.TYPE,
        subject=f"job/{job}",
        time=time,
        sequence=0,
        actor="system:worker",
        data=msgspec.structs.asdict(JobFailed(job=job)),
        dataschema=schema_of(JobFailed.TYPE, JobFailed.VERSION),
    )
