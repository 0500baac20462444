"""A cluster with two processes of each service, shared by the tests of this directory."""

from __future__ import annotations

import pytest

from support.server.loaded_cluster import LoadedCluster


@pytest.fixture(scope="package")
def started_cluster(tmp_path_factory):
    cluster = LoadedCluster(tmp_path_factory.mktemp("loaded"), replicas=2)
    try:
        yield cluster.start()
    finally:
        cluster.end()


@pytest.fixture
def loaded(started_cluster):
    """The cluster, ready; a test leaves it with all processes running."""
    started_cluster.await_ready()
    return started_cluster
