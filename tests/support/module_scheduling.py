"""Distribution of tests to workers: small chunks of whole modules; clusters are not divided.

A cluster is two servers and six services, started for all tests of its module, and its tests are the longest. The
distribution `load` gives each worker a large part of the collection in advance, so that one gets all clusters and works
on when the others have ended; `loadgroup` sends all other tests one by one, so that each worker sets up the fixtures of
each module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

UNDIVIDED_DIRECTORY = "tests/cluster/"
MIN_CHUNK_TESTS, MAX_CHUNK_TESTS = 16, 64
"""Tests that a worker gets at once: whole modules, unless one is longer."""
MIN_PENDING_TESTS = 2
"""A worker runs a test only when it knows the next."""


class ModuleScheduling(LoadScheduling):
    """Distribution in chunks; a worker gets the next before its last test."""

    def _send_tests(self, node: WorkerController, num: int) -> None:
        while self.pending and len(self.node2pending[node]) < MIN_PENDING_TESTS:
            super()._send_tests(node, chunk_size(self.collection or (), self.pending))


def chunk_size(collection: Sequence[str], pending: Sequence[int]) -> int:
    """Return the number of pending tests in the next chunk."""
    modules = [module_of(collection[index]) for index in pending[: MAX_CHUNK_TESTS + 1]]
    if is_undivided(modules[0]):
        return _module_length(collection, pending)
    for size in range(MIN_CHUNK_TESTS, len(modules)):
        if modules[size] != modules[size - 1]:
            return size
    return min(len(modules), MAX_CHUNK_TESTS)


def _module_length(collection: Sequence[str], pending: Sequence[int]) -> int:
    """Return the number of pending tests of the first one's module."""
    module = module_of(collection[pending[0]])
    return next(
        (size for size, index in enumerate(pending) if module_of(collection[index]) != module), len(pending)
    )


def is_undivided(path: str) -> bool:
    """Return whether one worker runs all tests of a module."""
    return UNDIVIDED_DIRECTORY in path


def module_of(node_id: str) -> str:
    """Return the path of a test's module."""
    return node_id.partition("::")[0]
