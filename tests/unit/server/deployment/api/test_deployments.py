from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
from litestar import Litestar
from litestar.exceptions import HTTPException

from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.deployment import module
from envmgr.server.kit.common.problems import Problem
from envmgr.server.kit.http.errors import http_exception_handler, problem_handler
from envmgr.server.kit.http.middleware import RequestMiddleware
from envmgr.server.kit.http.requests import check_request
from support.services.deployment_fixtures import run
from support.services.service_fixtures import UnchangedPermissions, call


class Tokens:
    """Authenticates tokens that are names of roles; `blog` is a key for that app only."""

    async def authenticate(self, token):
        return call("user", apps={2}).principal if token == "blog" else call(token).principal

    def current_permissions(self):
        return UnchangedPermissions()


class NullObserver:
    async def on_denied(self, info, status):
        pass

    def on_response(self, info, status, seconds):
        pass

    def on_error(self, info, error):
        raise error


@asynccontextmanager
async def client(world, token="user", **options):
    parts = module.module(world.database, world.service)
    application = Litestar(
        list(parts.routes),
        before_request=check_request,
        exception_handlers={HTTPException: http_exception_handler, Problem: problem_handler},
        openapi_config=None,
    )
    transport = httpx.ASGITransport(
        RequestMiddleware(application, Tokens(), NullObserver(), policy=REQUEST_POLICY, **options)
    )
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://alm", headers=headers) as new_client:
        yield new_client


def test_a_deployment_passes_its_statuses_over_http(tmp_path):
    async def scenario(world):
        async with client(world) as http:
            reply = await http.post("/deployments", json={"version_id": 1, "environment": "prod"})
            assert (reply.status_code, reply.headers["etag"]) == (201, '"1.1"')
            url = reply.headers["location"]
            assert url == f"/deployments/{reply.json()['id']}"
            step = await http.post(f"{url}/statuses", json={"status": "in_progress", "reason": "go"})
            assert (step.status_code, step.json()["status"]) == (201, "in_progress")
            result = await http.put(url, json={"status": "successful"}, headers={"if-match": '"1.2"'})
            assert (result.status_code, result.headers["etag"]) == (200, '"1.3"')
            assert (await http.get(url)).json() == result.json()
            assert (await http.get(url, headers={"if-none-match": '"1.3"'})).status_code == 304
            history = await http.get(f"{url}/statuses", params={"limit": 2})
            assert [entry["status"] for entry in history.json()] == ["successful", "in_progress"]
            assert 'rel="next"' in history.headers["link"]
            matrix = (await http.get("/matrix", params={"environment": "prod"})).json()
            assert matrix["placements"][0]["current"]["version_id"] == 1
            assert matrix["environments"][0]["name"] == "prod"

    run(tmp_path, scenario)


def test_conflicts_name_the_blocking_deployment(tmp_path):
    async def scenario(world):
        async with client(world) as http:
            new = {"version_id": 1, "environment": "prod"}
            url = (await http.post("/deployments", json=new)).headers["location"]
            second = await http.post("/deployments", json=new)
            assert (second.status_code, second.json()["type"]) == (409, "/problems/deployment-active")
            assert (second.json()["active_deployment"], second.headers["link"]) == (
                url,
                f'<{url}>; rel="active"',
            )
            step = await http.post(f"{url}/statuses", json={"status": "successful"})
            assert (step.status_code, step.json()["type"]) == (409, "/problems/invalid-transition")
            assert "in_progress" in step.json()["allowed_statuses"]
            assert (await http.delete(url)).json()["type"] == "/problems/deployment-in-use"

    run(tmp_path, scenario)


def test_environments_are_created_changed_and_deleted_over_http(tmp_path):
    async def scenario(world):
        async with client(world, "admin") as http:
            reply = await http.put("/environments/prod", json={"tier": "production"})
            assert (reply.status_code, reply.headers["location"]) == (201, "/environments/prod")
            again = await http.put("/environments/prod", json={"tier": "production"})
            assert (again.status_code, again.json()) == (200, reply.json())
            rules = {"auto_deploy": [{"app": "shop", "tag_range": "late"}]}
            wrong = await http.patch("/environments/prod", json={"rules": rules})
            assert wrong.status_code == 400
            assert wrong.json()["errors"][0]["pointer"] == "/rules/auto_deploy/0/tag_range"
            changed = await http.patch(
                "/environments/prod", json={"sort_order": 3}, headers={"if-match": '"1.1"'}
            )
            assert (changed.status_code, changed.json()["sort_order"]) == (200, 3)
            stale = await http.delete("/environments/prod", headers={"if-match": '"1.1"'})
            assert stale.status_code == 412
            assert (await http.delete("/environments/prod")).status_code == 204
            assert (await http.get("/environments/prod")).status_code == 404
            assert (await http.post("/environments", json={"name": "dev"})).status_code == 201
            assert [item["name"] for item in (await http.get("/environments")).json()] == ["dev"]

    run(tmp_path, scenario)


def test_invalid_input_is_rejected_with_a_pointer(tmp_path):
    async def scenario(world):
        async with client(world, "admin") as http:
            for method, url, body, status in (
                ("POST", "/deployments", {"version_id": 2**70, "environment": "prod"}, 400),
                ("POST", "/deployments", {"version_id": 0, "environment": "prod"}, 400),
                ("POST", "/deployments", {"version_id": 1, "environment": "a/b"}, 400),
                ("POST", "/deployments", {"version_id": 1, "environment": "p", "colour": 1}, 400),
                ("PUT", "/environments/a%20b", {}, 404),
                ("PUT", "/environments/prod", {"sort_order": 2**63}, 400),
                ("PUT", "/environments/prod", {"tier": "moon"}, 400),
                ("POST", "/deployments/1/statuses", {"status": "done"}, 400),
                ("GET", "/deployments?status=done", None, 400),
                ("GET", "/deployments?colour=red", None, 400),
                ("GET", "/deployments?version_id=0", None, 400),
                ("GET", "/matrix?colour=red", None, 400),
                ("GET", "/matrix?environment=moon", None, 404),
                ("GET", "/deployments/" + "9" * 400, None, 400),
                ("GET", "/environments/%00", None, 404),
                ("DELETE", "/deployments/1?force=true", None, 400),
            ):
                response = await http.request(method, url, json=body)
                assert (url, response.status_code) == (url, status)
                assert response.headers["content-type"] == "application/problem+json"

    run(tmp_path, scenario)


def test_scopes_and_apps_limit_a_credential(tmp_path):
    async def scenario(world):
        other_deployment = await world.deploy(1)
        async with client(world, "viewer") as http:
            assert (await http.get("/deployments")).status_code == 200
            for method, url in (
                ("POST", "/deployments"),
                ("PUT", "/environments/x"),
                ("DELETE", "/deployments/1"),
            ):
                assert (await http.request(method, url, json={})).status_code == 403
        async with client(world) as http:
            for method, url in (
                ("POST", "/environments"),
                ("PUT", "/environments/x"),
                ("PATCH", "/environments/prod"),
                ("DELETE", "/environments/prod"),
            ):
                rejection = await http.request(method, url, json={"name": "x"})
                assert (rejection.status_code, "environments:write" in rejection.text) == (403, True)
            assert (await http.get("/environments/prod")).status_code == 200
        async with client(world, "ci") as http:
            for url in ("/deployments", "/environments", "/matrix"):
                assert (await http.get(url)).status_code == 403
        async with client(world, "blog") as http:
            assert (await http.get("/deployments")).json() == []
            assert (await http.get(f"/deployments/{other_deployment.id}")).status_code == 404
            assert (await http.put("/environments/prod", json={})).status_code == 403

    run(tmp_path, scenario)


def test_an_idempotency_key_repeats_the_response(tmp_path):
    async def scenario(world):
        async with client(world) as http:
            new, key = {"version_id": 1, "environment": "prod"}, {"idempotency-key": '"k"'}
            first = await http.post("/deployments", json=new, headers=key)
            again = await http.post("/deployments", json=new, headers=key)
            assert (again.status_code, again.json()) == (201, first.json())
            assert again.headers["idempotent-replayed"] == "true"
            other = await http.post("/deployments", json={**new, "environment": "dev"}, headers=key)
            assert other.status_code == 422

    run(tmp_path, scenario)
