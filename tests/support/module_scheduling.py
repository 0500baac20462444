"""Distribution of tests to workers: chunks of whole modules, and all clusters to one worker.

A cluster is two servers and six to twelve services: several at once leave no processor time for an answer in time. Its
tests are the longest, so they are sent first, and other workers run the other tests meanwhile. The distribution `load`
gives each worker a large part of the collection in advance, so that one works on when the others have ended;
`loadgroup` sends all other tests one by one, so that each worker sets up the fixtures of each module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScheduling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from xdist.workermanage import WorkerController

UNDIVIDED_DIRECTORY = "tests/cluster/"
LONGEST_MODULE = "/test_schemathesis.py"
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
        return _undivided_length(collection, pending)
    for size in range(MIN_CHUNK_TESTS, len(modules)):
        if modules[size] != modules[size - 1]:
            return size
    return min(len(modules), MAX_CHUNK_TESTS)


def _undivided_length(collection: Sequence[str], pending: Sequence[int]) -> int:
    """Return the number of tests of clusters at the start of the pending ones."""
    return next(
        (size for size, index in enumerate(pending) if not is_undivided(module_of(collection[index]))),
        len(pending),
    )


def rank(path: str) -> int:
    """Return the place of a module among all: clusters, then the longest test, then the others."""
    if is_undivided(path):
        return 0
    return 1 if path.endswith(LONGEST_MODULE) else 2


def is_undivided(path: str) -> bool:
    """Return whether a module's tests run on the worker of the clusters."""
    return UNDIVIDED_DIRECTORY in path


def module_of(node_id: str) -> str:
    """Return the path of a test's module."""
    return node_id.partition("::")[0]
