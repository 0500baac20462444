"""Warnings of Kafka's client, which leaves a connection open whose attempt was cancelled."""

from __future__ import annotations

import gc

import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if is_about_kafka(item):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning"))


@pytest.fixture(autouse=True)
def _abandoned_connections(request):
    """Collect them before another test begins."""
    yield
    if is_about_kafka(request.node):
        gc.collect()


def is_about_kafka(item):
    return "messaging" in item.nodeid and "kafka" in item.nodeid
