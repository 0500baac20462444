"""A cluster with two processes of each service, shared by the tests of this directory."""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from support.machine.small_disk import can_mount, small_disk
from support.server.loaded_cluster import LoadedCluster

BROKER_DISK_SIZE = "256m"


@pytest.fixture(scope="package")
def started_cluster(tmp_path_factory):
    cluster = LoadedCluster(tmp_path_factory.mktemp("loaded"), replicas=2)
    with ExitStack() as stack:
        if can_mount():
            cluster.broker.store.mkdir()
            stack.enter_context(small_disk(cluster.broker.store, BROKER_DISK_SIZE))
        stack.callback(cluster.end)
        yield cluster.start()


@pytest.fixture
def loaded(started_cluster):
    """The cluster, ready; a test leaves it with all processes running."""
    started_cluster.await_ready()
    return started_cluster
