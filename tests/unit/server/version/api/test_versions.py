from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar
from litestar.exceptions import HTTPException

from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.http.errors import http_exception_handler, problem_handler
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.http.requests import check_request
from support.services.service_fixtures import FakeDeployments, UnchangedPermissions, call
from support.services.version_fixtures import built_with, deliver, deployment_event, lock, versions_of

TOOLCHAIN = {"lock": lock("go@1.22.0"), "dotfile": "go=1.22.0\n"}


class Roles:
    """Authenticates tokens that are names of roles."""

    async def authenticate(self, token):
        return call(token).principal

    def current_permissions(self):
        return UnchangedPermissions()


class RecordingObserver:
    """Fails a test on an internal error."""

    async def on_denied(self, info, status):
        pass

    def on_response(self, info, status, seconds):
        pass

    def on_error(self, info, error):
        raise error


@asynccontextmanager
async def served(directory, **stand_ins):
    async with versions_of(directory, "shop", **stand_ins) as (versions, _, module):
        application = Litestar(
            module.routes,
            before_request=check_request,
            exception_handlers={HTTPException: http_exception_handler, Problem: problem_handler},
            openapi_config=None,
        )
        transport = httpx.ASGITransport(
            RequestMiddleware(application, Roles(), RecordingObserver(), policy=REQUEST_POLICY)
        )
        headers = {"authorization": "Bearer user"}
        async with httpx.AsyncClient(transport=transport, base_url="http://alm", headers=headers) as client:
            yield client, versions, module


def run(directory, scenario, **stand_ins):
    async def main():
        async with served(directory, **stand_ins) as (client, versions, module):
            return await scenario(client, versions, module)

    return asyncio.run(main())


def test_a_push_creates_a_version_once(tmp_path):
    async def scenario(client, *_):
        body = {"commit": "abcdef0", "toolchain": TOOLCHAIN}
        first = await client.put("/apps/shop/versions/1.0", json=body)
        again = await client.put("/apps/shop/versions/1.0", json={**body, "changelog": "more"})
        other = await client.put("/apps/shop/versions/1.0", json={**body, "commit": "abcdef1"})
        assert (first.status_code, again.status_code, other.status_code) == (201, 200, 409)
        assert first.headers["location"] == f"/versions/{first.json()['id']}"
        assert again.json() == first.json() == (await client.get("/apps/shop/versions/1.0")).json()
        assert other.json()["type"] == "/problems/version-content-mismatch"
        assert other.json()["existing_digest"] == first.json()["digest"] != other.json()["submitted_digest"]

    run(tmp_path, scenario)


def test_a_version_is_registered_below_its_app_or_at_the_top_level(tmp_path):
    async def scenario(client, *_):
        beside = await client.post("/versions", json={"app_id": 1, "tag": "1.0"})
        below = await client.post("/apps/shop/versions", json={"tag": "1.1", "ref": "refs/heads/main"})
        assert (beside.status_code, below.status_code) == (201, 201)
        conflict = await client.post("/apps/shop/versions", json={"tag": "1.0"})
        assert (conflict.status_code, conflict.json()["tag"]) == (409, "1.0")
        for address in ("/versions?app=shop", "/versions?app_id=1", "/apps/1/versions"):
            assert [item["tag"] for item in (await client.get(address)).json()] == ["1.1", "1.0"]
        page = await client.get("/apps/shop/versions?limit=1&sort=tag")
        second = await client.get(page.links["next"]["url"])
        assert [item["tag"] for item in (*page.json(), *second.json())] == ["1.0", "1.1"]

    run(tmp_path, scenario)


def test_an_idempotency_key_repeats_the_response(tmp_path):
    async def scenario(client, *_):
        request = {"json": {"tag": "1.0"}, "headers": {"idempotency-key": "k"}}
        first = await client.post("/apps/shop/versions", **request)
        again = await client.post("/apps/shop/versions", **request)
        assert (again.status_code, again.headers["idempotent-replayed"]) == (201, "true")
        assert again.json() == first.json()

    run(tmp_path, scenario)


def test_a_version_has_an_etag_and_is_changed_with_it(tmp_path):
    async def scenario(client, *_):
        url = (await client.post("/versions", json={"app_id": 1, "tag": "1.0"})).headers["location"]
        etag = {"if-match": (await client.get(url)).headers["etag"]}
        changed = await client.patch(url, json={"changelog": "c"}, headers=etag)
        assert (changed.status_code, changed.headers["etag"]) == (200, '"1.2"')
        assert (await client.get(url, headers={"if-none-match": '"1.2"'})).status_code == 304
        assert (await client.patch(url, json={"changelog": "d"}, headers=etag)).status_code == 412
        replaced = await client.put(url, json={"ref": "r"})
        assert (replaced.json()["changelog"], replaced.json()["ref"]) == ("", "r")
        assert (await client.delete(url, headers=etag)).status_code == 412
        assert (await client.delete(url)).status_code == 204
        assert (await client.get(url)).status_code == 404

    run(tmp_path, scenario)


def test_a_deployed_version_cannot_be_deleted(tmp_path):
    async def scenario(client, *_):
        url = (await client.post("/versions", json={"app_id": 1, "tag": "1.0"})).headers["location"]
        rejection = await client.delete(url)
        assert (rejection.status_code, rejection.json()["type"]) == (409, "/problems/version-in-use")

    run(tmp_path, scenario, deployments=FakeDeployments(1))


def test_a_lock_is_returned_by_either_url(tmp_path):
    async def scenario(client, *_):
        body = {"tag": "1.0", "toolchain": TOOLCHAIN}
        version = (await client.post("/apps/shop/versions", json=body)).json()
        expected = {**TOOLCHAIN, "digest": version["toolchain"]["lock_digest"]}
        for url in (f"/versions/{version['id']}/lock", "/apps/shop/versions/1.0/lock"):
            assert (await client.get(url)).json() == expected

    run(tmp_path, scenario)


@pytest.mark.parametrize("tag", ["release/3.0", "sub/v1.0.0", "a/b/c", "a/lock/c", "lock/a", "usage/@b:c"])
@pytest.mark.parametrize("write", [str, lambda tag: quote(tag, safe="")], ids=["plain", "encoded"])
def test_a_tag_with_slashes_is_found_in_each_encoding(tmp_path, tag, write):
    async def scenario(client, *_):
        url, body = f"/apps/shop/versions/{write(tag)}", {"toolchain": TOOLCHAIN}
        assert (await client.get(url)).status_code == 404
        reply = await client.put(url, json=body)
        assert (reply.status_code, reply.json()["tag"]) == (201, tag)
        assert reply.headers["location"] == f"/versions/{reply.json()['id']}"
        assert (await client.put(url, json=body)).status_code == 200
        assert (await client.put(url, json={**body, "commit": "abcdef1"})).status_code == 409
        for other in (tag, quote(tag, safe="")):
            response = await client.get(f"/apps/shop/versions/{other}")
            assert (response.json(), response.headers["etag"]) == (reply.json(), reply.headers["etag"])
            assert (await client.get(f"/apps/shop/versions/{other}/lock")).json()["lock"] == TOOLCHAIN["lock"]
        (result,) = (await client.get("/versions", params={"tag": tag})).json()
        assert result == reply.json()

    run(tmp_path, scenario)


def test_a_tag_with_slashes_has_the_same_subresources(tmp_path):
    async def scenario(client, *_):
        for tag in ("1.0", "a%2Fb", "a/lock/b"):
            rejection = await client.delete(f"/apps/shop/versions/{tag}")
            assert (rejection.status_code, rejection.headers["allow"]) == (405, "GET, HEAD, OPTIONS, PUT")
            rejection = await client.put(f"/apps/shop/versions/{tag}/lock", json={})
            assert (rejection.status_code, rejection.headers["allow"]) == (405, "GET, HEAD, OPTIONS")

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "path", ["//apps/shop/versions/a/b", "/apps//shop/versions/a", "/apps/shop//versions/a/b"]
)
def test_a_url_with_extra_slashes_is_not_found(tmp_path, path):
    async def scenario(client, *_):
        assert (await client.get(f"http://alm{path}")).status_code == 404

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "pointer"),
    [
        ("PUT", "/apps/shop/versions/-x", {}, 400, "path:tag"),
        ("PUT", f"/apps/shop/versions/{'x' * 129}", {}, 400, "path:tag"),
        ("PUT", f"/apps/shop/versions/{'x' * 64}%2F{'x' * 64}", {}, 400, "path:tag"),
        ("PUT", "/apps/shop/versions/-x%2Fa", {}, 400, "path:tag"),
        *(
            (method, f"/apps/shop/versions/{notation}", body, 400, "path:tag")
            for notation in (
                *("/a", "%2Fa", "%2Fa%2Fb", "a/", "a%2F", "a/b/", "a%2Fb%2F", "a//b", "a%2F%2Fb"),
                *("a%2F.%2Fb", "a%2F..%2Fb", "a%2F%2E%2E", "a/b/lock/", "a//lock/b"),
            )
            for method, body in (("PUT", {}), ("GET", None))
        ),
        ("GET", "/apps/shop/versions/a//lock", None, 400, "path:tag"),
        ("GET", "/apps/shop/versions/a/lock/", None, 400, "path:tag"),
        ("POST", "/apps/shop/versions", {"tag": "a/lock"}, 400, "/tag"),
        ("POST", "/versions", {"app_id": 1, "tag": "a//b"}, 400, "/tag"),
        ("GET", "/versions?tag=a//b", None, 400, "?tag"),
        ("GET", f"/versions/{2**60}", None, 400, "path:version_id"),
        ("GET", f"/versions?app_id={2**70}", None, 400, "?app_id"),
        ("GET", "/versions?tag=%00", None, 400, "?tag"),
        ("GET", "/versions?commit=main", None, 400, "?commit"),
        ("GET", "/versions?lock_digest=md5:0", None, 400, "?lock_digest"),
        ("GET", "/versions?sort=changelog", None, 400, "?sort"),
        ("GET", "/versions?colour=red", None, 400, "?colour"),
        ("PATCH", "/versions/1", {"commit": "abcdef0"}, 400, ""),
        ("POST", "/versions", {"app_id": 1, "tag": "1", "toolchain": {"lock": "{"}}, 422, "/toolchain/lock"),
        (
            "POST",
            "/versions",
            {"app_id": 1, "tag": "1", "toolchain": {"lock": "{}", "lock_digest": f"sha256:{'0' * 64}"}},
            422,
            "/toolchain/lock_digest",
        ),
        (
            "POST",
            "/versions",
            {"app_id": 1, "tag": "1", "artifacts": [{"name": "x", "digest": "md5:1"}]},
            400,
            "/artifacts/0/digest",
        ),
        ("GET", "/tools/go/usage?range=%3C", None, 400, "?range"),
        ("GET", "/tools/go/usage?range=", None, 400, "?range"),
        ("GET", "/tools/go/usage?range=1&environment=%20", None, 400, "?environment"),
        ("GET", "/tools/go/usage?range=1&sort=tag", None, 400, "?sort"),
        ("GET", "/tools/go/usage?range=1&cursor=x", None, 400, "?cursor"),
        ("GET", f"/tools/{'x' * 201}/usage?range=1", None, 400, "path:tool"),
    ],
)
def test_an_invalid_request_error_names_the_field(tmp_path, method, url, body, status, pointer):
    async def scenario(client, *_):
        response = await client.request(method, url, json=body)
        assert response.status_code == status, response.text
        assert response.json()["errors"][0]["pointer"] == pointer

    run(tmp_path, scenario)


def test_a_missing_range_is_named(tmp_path):
    async def scenario(client, *_):
        response = await client.get("/tools/go/usage")
        assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-fields")
        assert response.json()["errors"] == [{"pointer": "?range", "detail": "required"}]

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("tool", "notation"),
    [
        ("nodejs", "nodejs"),
        ("npm:@scope/name", "npm:@scope%2Fname"),
        ("npm:@scope/name", "npm%3A%40scope%2Fname"),
        ("npm:@scope/name", "npm:@scope/name"),
        ("npm:@scope/usage", "npm:@scope%2Fusage"),
        ("github:usage/usage", "github:usage%2Fusage"),
        ("git:a/usage/b", "git:a%2Fusage%2Fb"),
    ],
)
def test_usage_accepts_any_notation_of_a_tool(tmp_path, tool, notation):
    async def scenario(client, versions, module):
        for n, tag in enumerate(("1.0", "1.1"), 1):
            version = (await versions.create(call(), "shop", tag, built_with(f"{tool}@1.0.{n}"))).value
            await deliver(module, deployment_event(n, 1, "shop", f"env-{n}", version))
        page = await client.get(f"/tools/{notation}/usage?range=%3C2&limit=1")
        assert (page.status_code, page.json()["tool"]) == (200, tool), page.text
        assert page.json()["counts"] == {"matches": 2, "unknown": 0, "without_lock": 0}
        second = await client.get(page.links["next"]["url"])
        assert [use["tag"] for use in (*page.json()["matches"], *second.json()["matches"])] == ["1.0", "1.1"]
        assert "next" not in second.json()
        assert "next" not in second.links

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "url", ["/tools/go", "/tools/a/b?range=1", "/tools/usage?range=1", "/tools/a/usage/b?range=1"]
)
def test_other_paths_below_tools_are_not_found(tmp_path, url):
    async def scenario(client, *_):
        assert (await client.get(url)).status_code == 404

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("GET", "/versions", {"admin", "user", "viewer"}),
        ("GET", "/tools/go/usage?range=1", {"admin", "user", "viewer"}),
        ("GET", "/tools/npm:a%2Fb/usage?range=1", {"admin", "user", "viewer"}),
        ("PUT", "/apps/shop/versions/1.0", {"admin", "user"}),
    ],
)
def test_each_role_is_limited_to_its_scopes(tmp_path, method, url, allowed):
    async def scenario(client, *_):
        for role in ("admin", "user", "viewer", "ci"):
            headers = {"authorization": f"Bearer {role}"}
            response = await client.request(
                method, url, json=None if method == "GET" else {}, headers=headers
            )
            assert (response.status_code != 403) == (role in allowed), (role, response.text)

    run(tmp_path, scenario)
