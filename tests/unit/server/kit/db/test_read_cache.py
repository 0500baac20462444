"""Values read from a database are reused only while nothing was committed to it."""

from __future__ import annotations

import threading

from envmgr.server.kit.db import read_cache
from envmgr.server.kit.db.read_cache import ReadCache


class Database:
    def __init__(self, version):
        self.version = version

    def commit_version(self):
        return self.version


def test_entries_last_until_the_next_commit():
    database = Database(1)
    cache = ReadCache(database)
    cache.entries()["key"] = "value"
    assert cache.entries() == {"key": "value"}
    database.version = 2
    assert cache.entries() == {}


def test_a_value_read_before_a_commit_is_not_added_after_it():
    database = Database(1)
    cache = ReadCache(database)
    earlier = cache.entries()
    database.version = 2
    assert cache.entries() == {}
    earlier["key"] = "value of before"
    assert cache.entries() == {}


def test_a_database_without_versions_has_no_entries():
    cache = ReadCache(Database(None))
    cache.entries()["key"] = "value"
    assert cache.entries() == {}


def test_threads_share_no_entries():
    cache = ReadCache(Database(1))
    cache.entries()["key"] = "value"
    seen = []
    thread = threading.Thread(target=lambda: seen.append(cache.entries()))
    thread.start()
    thread.join()
    assert seen == [{}]


def test_the_number_of_entries_is_limited(monkeypatch):
    monkeypatch.setattr(read_cache, "MAX_ENTRIES", 2)
    cache = ReadCache(Database(1))
    for number in range(2):
        cache.entries()[number] = number
    assert cache.entries() == {}
