"""Distribution of tests to workers: as `load` does it, with the tests of a cluster together.

A cluster is two servers and six services, started for all tests of its module, or of its directory. The distribution
`loadgroup` could keep them together, too, but it sends all other tests one by one, so that each worker sets up the
fixtures of each module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

UNDIVIDED_DIRECTORY = "tests/cluster/"
ONE_CLUSTER_DIRECTORY = "tests/cluster/faults"
"""The directory whose modules share a cluster."""


class ModuleScheduling(LoadScheduling):
    """Distribution in chunks that end before or after the tests of a cluster, never among them."""

    def _send_tests(self, node: WorkerController, num: int) -> None:
        super()._send_tests(node, extended_chunk_size(self.collection or (), self.pending, num))


def extended_chunk_size(collection: Sequence[str], pending: Sequence[int], size: int) -> int:
    """Return the size of the next chunk, which ends with a cluster's tests."""
    while 0 < size < len(pending):
        cluster = cluster_of(collection[pending[size - 1]])
        if not cluster or cluster_of(collection[pending[size]]) != cluster:
            break
        size += 1
    return size


def cluster_of(node_id: str) -> str:
    """Return the path of the module or directory that shares a cluster with a test, if any does."""
    module = node_id.partition("::")[0]
    if UNDIVIDED_DIRECTORY not in module:
        return ""
    before, separator, _ = module.partition(f"{ONE_CLUSTER_DIRECTORY}/")
    return f"{before}{ONE_CLUSTER_DIRECTORY}" if separator else module
