"""Distribution of tests to workers: as `load` does it, with the tests of a cluster together.

A cluster is two servers and six services, started for all tests of its module. The distribution `loadgroup` could keep
them together, too, but it sends all other tests one by one, so that each worker sets up the fixtures of each module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

UNDIVIDED_DIRECTORY = "tests/cluster/"


class ModuleScheduling(LoadScheduling):
    """Distribution in chunks that end before or after a module of `UNDIVIDED_DIRECTORY`, never within."""

    def _send_tests(self, node: WorkerController, num: int) -> None:
        super()._send_tests(node, extended_chunk_size(self.collection or (), self.pending, num))


def extended_chunk_size(collection: Sequence[str], pending: Sequence[int], size: int) -> int:
    """Return the size of the next chunk, which ends with a module that is not divided."""
    while 0 < size < len(pending):
        module = module_of(collection[pending[size - 1]])
        if UNDIVIDED_DIRECTORY not in module or module_of(collection[pending[size]]) != module:
            break
        size += 1
    return size


def module_of(node_id: str) -> str:
    """Return the path of a test's module."""
    return node_id.partition("::")[0]
