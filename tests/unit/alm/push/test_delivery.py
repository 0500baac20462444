"""Concurrent pushes create one version; spooled pushes are delivered first, and none is lost."""

from __future__ import annotations

import os

import pytest

from envmgr.alm.client import tokens
from envmgr.alm.client.api import Api
from envmgr.alm.client.transport import Transport
from envmgr.alm.push import spool
from envmgr.alm.push.delivery import push_version
from envmgr.alm.push.spool import SpooledPush
from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import AlmConflict, AlmRateLimited, Forbidden
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.kit.platform import parse
from envmgr.ops.alm.flush import DeliveredPush, FlushResult, flush, flush_or_fail
from envmgr.resolve.context import Context
from support.alm.fake_alm_server import KEY, FakeAlmServer
from support.client_fakes import FakeClock
from support.http.scripted_server import ALM, Scripted, ScriptedResponse, problem

BODY = {"commit": "abc1234", "artifacts": [], "build": {}, "changelog": "", "ref": ""}


@pytest.fixture
def http():
    environment = Environment({"HOME": os.environ["HOME"]}, os.getcwd())
    with Http(Settings(), environment, clock=FakeClock().clock) as item:
        yield item


@pytest.fixture
def alm():
    return FakeAlmServer()


@pytest.fixture
def api(alm, http):
    with alm.run() as server:
        yield Api(Transport(server.url, http, retries=3), tokens.StaticToken(KEY))


@pytest.fixture
def context(tmp_path):
    environment = Environment({"HOME": str(tmp_path)}, str(tmp_path))
    return Context(environment, single_root(str(tmp_path)), parse("linux-x64"))


def spooled_push(api, tag="v1", app="shop", **body):
    return SpooledPush(api.url, app, tag, {**BODY, **body})


def test_new_and_existing_apps_and_versions_are_distinguished(api):
    first = push_version(api, spooled_push(api))
    again = push_version(api, spooled_push(api))
    second = push_version(api, spooled_push(api, "v2"))
    assert (first.is_new, first.is_new_app) == (True, True)
    assert (again.is_new, again.is_new_app, again.version) == (False, False, first.version)
    assert (second.is_new, second.is_new_app) == (True, False)


def test_an_app_registered_concurrently_is_used(http):
    responses = iter(
        [
            problem(404, "not-found", "no such app"),
            problem(409, "already-exists", "app created concurrently"),
            ScriptedResponse(201, {"id": 1}),
        ]
    )
    with Scripted(lambda _: next(responses), ALM) as server:
        result = push_version(
            Api(Transport(server.url, http, retries=0), tokens.StaticToken(KEY)),
            SpooledPush(server.url, "a", "v1", BODY),
        )
    assert (result.is_new, result.is_new_app) == (True, False)
    assert server.lines == ["PUT /apps/a/versions/v1", "POST /apps", "PUT /apps/a/versions/v1"]


def test_names_are_escaped_as_one_path_segment(api, alm):
    push_version(api, spooled_push(api, "v1+a:b@c"))
    assert ("shop", "v1+a:b@c") in alm.versions


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_lost_responses_create_only_one_version(api, alm, lost):
    alm.lose = lost
    assert push_version(api, spooled_push(api)).version["id"] == 1
    assert (len(alm.versions), alm.apps) == (1, {"shop"})


def test_other_content_names_what_differs(api):
    push_version(api, spooled_push(api))
    with pytest.raises(AlmConflict, match=r"content\n  commit: server abc1234, local def5678$"):
        push_version(api, spooled_push(api, commit="def5678"))


def test_other_conflicts_are_raised_unchanged(http):
    with (
        Scripted(lambda _: problem(409, "app-in-use", "it is deployed to prod"), ALM) as server,
        pytest.raises(AlmConflict, match="it is deployed to prod"),
    ):
        push_version(
            Api(Transport(server.url, http, retries=0), tokens.StaticToken(KEY)),
            SpooledPush(server.url, "a", "v1", BODY),
        )


class TestFlush:
    def put(self, context, *pushes):
        return [spool.add(context.paths.spool, item) for item in pushes]

    def test_spooled_pushes_are_delivered_oldest_first(self, context, api, alm):
        self.put(context, spooled_push(api, "v2"), spooled_push(api, "v1"))
        assert flush(context, api).delivered == (
            DeliveredPush("shop", "v2", True),
            DeliveredPush("shop", "v1", True),
        )
        assert list(alm.versions) == [("shop", "v2"), ("shop", "v1")]
        assert flush(context, api) == FlushResult((), (), ())

    def test_delivered_pushes_are_removed_when_a_later_one_fails(self, context, api, alm):
        self.put(context, spooled_push(api, "v1"), spooled_push(api, "v2"), spooled_push(api, "v3"))
        put = alm._put
        alm._put = lambda app, tag, body: (
            put(app, tag, body) if tag == "v1" else problem(503, "service-unavailable", "gone")
        )
        with pytest.raises(AlmRateLimited) as caught:
            flush_or_fail(context, api)
        assert "2 pushes still queued" in (caught.value.hint or "")
        alm._put = put
        assert [item.tag for item in flush(context, api).delivered] == ["v2", "v3"]

    def test_a_lost_response_causes_no_second_delivery(self, context, api, alm):
        self.put(context, spooled_push(api, "v1"))
        alm.lose = 2
        assert len(flush(context, api).delivered) == 1
        assert len(alm.versions) == 1

    def test_a_rejected_push_does_not_stop_the_others(self, context, api, alm):
        push_version(api, spooled_push(api, "v1"))
        alm.forbidden.add("secret")
        self.put(
            context,
            spooled_push(api, "v1", commit="def5678"),
            spooled_push(api, "v1", app="secret"),
            SpooledPush("https://other.example", "shop", "v1", BODY),
            spooled_push(api, "v2"),
        )
        result = flush(context, api)
        assert [item.tag for item in result.rejected] == ["v1"]
        assert [item.tag for item in result.delivered] == ["v2"]
        assert [(item.is_for_other, item.reason) for item in result.pending] == [
            (
                False,
                f"permission denied by {api.url.removeprefix('http://')}: your credential is not for secret",
            ),
            (True, "queued for https://other.example"),
        ]
        assert len(spool.pending(context.paths.spool)) == 2


def test_missing_permission_is_an_error(api, alm):
    alm.forbidden.add("shop")
    with pytest.raises(Forbidden):
        push_version(api, spooled_push(api))
