"""Processor time of a cluster's processes, and of the load's own, from /proc."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING

from support.local_cluster import PROCESSES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.local_cluster import Cluster

LOAD = "load"
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(cluster: Cluster) -> dict[str, float]:
    """Return the processor time so far of each process, PostgreSQL's sessions included."""
    ids = {name: cluster.process_id(name) for name in PROCESSES}
    seconds = dict.fromkeys(PROCESSES, 0.0)
    names = {process_id: name for name, process_id in ids.items()}
    for entry in os.listdir("/proc"):
        fields = _fields(entry) if entry.isdigit() else None
        name = fields and (names.get(int(entry)) or names.get(int(fields[1])))
        if fields and name:
            ended_children = sum(map(int, fields[13:15])) if int(entry) in names else 0
            seconds[name] += (sum(map(int, fields[11:13])) + ended_children) / _TICKS
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {**seconds, LOAD: usage.ru_utime + usage.ru_stime}


def _fields(entry: str) -> list[str] | None:
    """Return the fields of a process after its name; None if it has ended."""
    try:
        with open(f"/proc/{entry}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return the processor time of each process between two readings."""
    return {name: after[name] - before[name] for name in before}
