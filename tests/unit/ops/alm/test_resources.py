from __future__ import annotations

import pytest

from envmgr.alm.refs import CurrentRef, IdRef, TagRef
from envmgr.kit.errors import AlmConflict, AlmError, AlmNotFound, Forbidden, SelfApprovalForbidden, UsageError
from envmgr.ops.alm import affected, apps, deployments, pages, resolve, status, versions
from support.alm.fake_api_client import FakeApiClient
from support.alm.matrix_builders import cell, matrix, placement

VERSION = {"id": 42, "app": "shop", "tag": "1.4.0", "rev": 3}
PENDING = {"id": 9, "status": "pending"}
MATRIX = matrix(
    [
        placement("shop", "prod", cell(1, 42, "1.4.0")),
        placement("web", "prod", None, cell(2, 7, "0.1", status="failed")),
    ],
    apps=["shop", "web", "idle"],
)


def app_id(name):
    return next(item["id"] for item in MATRIX["apps"] if item["name"] == name)


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (TagRef("shop", "1.4.0"), "/apps/shop/versions/1.4.0"),
        (TagRef("shop", "a+b:c@d"), "/apps/shop/versions/a%2Bb%3Ac%40d"),
        (IdRef(42), "/versions/42"),
    ],
)
def test_a_version_is_found_by_its_name_or_number(ref, path):
    assert resolve.find_version(FakeApiClient({f"GET {path}": VERSION}), ref) == VERSION


@pytest.mark.parametrize("app", ["shop", str(app_id("shop"))])
def test_a_current_version_is_resolved_through_the_matrix(app):
    api = FakeApiClient({"GET /matrix": MATRIX, "GET /versions/42": VERSION})
    assert resolve.find_version(api, CurrentRef(app, "prod")) == VERSION
    assert ("GET", "/matrix", {"environment": "prod"}) in api.requests


@pytest.mark.parametrize(
    ("ref", "message", "hint"),
    [
        (CurrentRef("shp", "prod"), "app 'shp' not found", "did you mean shop?"),
        (CurrentRef("xyz", "prod"), "app 'xyz' not found", "apps list"),
        (CurrentRef("web", "prod"), "web is not deployed in prod", "deployments list --app web"),
        (CurrentRef("idle", "prod"), "idle is not deployed in prod", "deployments list --app idle"),
        (CurrentRef("shop", "prd"), "environment 'prd' not found", "did you mean prod"),
    ],
)
def test_a_ref_without_a_current_version_fails_with_a_hint(ref, message, hint):
    def matrix_of(query):
        if query["environment"] != "prod":
            raise AlmNotFound("environment not found")
        return MATRIX

    api = FakeApiClient({"GET /matrix": matrix_of, "GET /environments": [{"name": "prod"}, {"name": "dev"}]})
    with pytest.raises(AlmNotFound, match=message) as caught:
        resolve.find_version(api, ref)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("ref", "hint"),
    [
        (TagRef("shop", "1.4.1"), "did you mean 1.4.0?"),
        (TagRef("shop", "xyz"), "latest versions of shop: 1.4.0, 0.9"),
        (TagRef("idle", "1"), "run `envmgr alm push` to register a version"),
        (TagRef("shp", "1.4.0"), "did you mean shop?"),
    ],
)
def test_an_unknown_version_error_lists_existing_ones(ref, hint):
    api = FakeApiClient(
        {
            "GET /apps": [{"name": "shop"}, {"name": "idle"}],
            "GET /apps/shop": {"name": "shop"},
            "GET /apps/idle": {"name": "idle"},
            "GET /apps/shop/versions": [{"tag": "1.4.0"}, {"tag": "0.9"}],
            "GET /apps/idle/versions": [],
        }
    )
    with pytest.raises(AlmNotFound) as caught:
        resolve.find_version(api, ref)
    assert caught.value.hint == hint


def test_without_deployments_the_hint_names_no_environment():
    with pytest.raises(AlmNotFound, match="environment 'prod' not found") as caught:
        resolve.matrix(FakeApiClient({"GET /environments": []}), "prod")
    assert caught.value.hint == "no deployments yet"


@pytest.mark.parametrize(
    ("limit", "output", "more"), [(2, 2, True), (3, 3, False), (9, 3, False), (0, 3, False)]
)
def test_a_list_is_limited_and_reports_whether_more_follow(limit, output, more):
    api = FakeApiClient({"GET /things": ([{"id": 3}], [{"id": 2}, {"id": 1}])})
    result = pages.fetch(api, "/things", {"app": "shop", "tag": None, "commit": ""}, limit)
    assert (len(result.items), result.more) == (output, more)
    assert api.requests == [
        ("GET", "/things", {"app": "shop", "limit": min(limit + 1, 200) if limit else 200})
    ]


def test_an_app_patch_sends_only_changed_fields_and_its_etag():
    api = FakeApiClient({"GET /apps/shop": {"id": 7, "rev": 4}, "PATCH /apps/7": {"id": 7}})
    apps.update(api, "shop", "store", None)
    assert api.requests[-1] == ("PATCH", "/apps/7", {"name": "store"}, "7.4")


@pytest.mark.parametrize(("force", "query"), [(True, {"force": "true"}), (False, {})])
def test_an_app_is_deleted_with_its_etag(force, query):
    api = FakeApiClient({"DELETE /apps/7": None})
    apps.delete(api, {"id": 7, "rev": 4}, force=force)
    assert api.requests == [("DELETE", "/apps/7", query, "7.4")]


def test_an_app_is_returned_with_its_versions_and_placements():
    shop = {"id": app_id("shop"), "name": "shop"}
    api = FakeApiClient(
        {
            "GET /apps/shop": shop,
            "GET /matrix": MATRIX,
            "GET /apps/shop/versions": [{"id": n} for n in range(9, 0, -1)],
        }
    )
    result = apps.show(api, "shop")
    assert [placement["app"] for placement in result.placements] == ["shop"]
    assert [item["id"] for item in result.versions.items] == [9, 8, 7, 6, 5]
    assert result.versions.more


def test_a_version_patch_sends_only_changed_fields():
    api = FakeApiClient({"GET /apps/shop/versions/1.4.0": VERSION, "PATCH /versions/42": VERSION})
    versions.update(api, TagRef("shop", "1.4.0"), {"changelog": "Faster", "ref": None})
    assert api.requests[-1] == ("PATCH", "/versions/42", {"changelog": "Faster"}, "42.3")


def test_versions_are_listed_of_an_app_or_of_all():
    api = FakeApiClient({"GET /versions": [], "GET /apps/shop/versions": []})
    versions.listing(api, versions.Filter(commit="abc"), 5)
    versions.listing(api, versions.Filter(app="shop"), 5)
    assert [requested[1:] for requested in api.requests] == [
        ("/versions", {"commit": "abc", "limit": 6}),
        ("/apps/shop/versions", {"limit": 6}),
    ]


def test_a_lock_is_sent_unchanged(tmp_path):
    lock, dotfile = tmp_path / "lock", tmp_path / "dotfile"
    lock.write_bytes(b'{"a":\r\n 1}')
    dotfile.write_text("nodejs=^20\n")
    assert versions.toolchain(str(lock), str(dotfile)) == {
        "toolchain": {"lock": '{"a":\r\n 1}', "dotfile": "nodejs=^20\n"}
    }
    assert versions.toolchain(None, None) == {}


def test_an_invalid_lock_is_rejected_before_sending(tmp_path):
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff")
    with pytest.raises(AlmError, match="not found"):
        versions.toolchain(str(tmp_path / "none"), None)
    with pytest.raises(AlmError, match="not UTF-8"):
        versions.toolchain(str(bad), None)
    with pytest.raises(UsageError, match="requires --lock"):
        versions.toolchain(None, str(bad))


@pytest.mark.parametrize(
    ("now", "target", "steps"),
    [
        ("pending", "successful", ("in_progress", "successful")),
        ("queued", "failed", ("in_progress", "failed")),
        ("blocked", "successful", ("successful",)),
        ("in_progress", "successful", ("successful",)),
        ("pending", "cancelled", ("cancelled",)),
        ("pending", "pending", ()),
        ("successful", "rolled_back", ("rolled_back",)),
    ],
)
def test_a_final_status_is_preceded_by_in_progress(now, target, steps):
    assert tuple(deployments.transition_path(now, target)) == steps


def deploying(**responses):
    return FakeApiClient(
        {
            "GET /apps/shop/versions/1.4.0": VERSION,
            "GET /environments": [{"name": "prod"}, {"name": "dev"}],
            "POST /deployments": PENDING,
            "GET /deployments/9": {**PENDING, "status": "successful"},
            "POST /deployments/9/statuses": {},
            **responses,
        }
    )


def test_a_deployment_is_advanced_to_the_requested_status():
    api = deploying()
    result = deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", "successful", "because")
    assert result.steps == ("in_progress", "successful")
    assert result.deployment["status"] == "successful"
    assert [requested for requested in api.requests if requested[0] == "POST"] == [
        ("POST", "/deployments", {"version_id": 42, "environment": "prod", "reason": "because"}),
        ("POST", "/deployments/9/statuses", {"status": "in_progress", "reason": ""}),
        ("POST", "/deployments/9/statuses", {"status": "successful", "reason": "because"}),
    ]


def test_without_a_status_a_deployment_keeps_its_initial_one():
    api = deploying()
    assert deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", None, "") == deployments.Deployed(
        PENDING, ()
    )


def test_an_environment_created_by_a_deployment_is_reported():
    api = deploying()
    assert deployments.deploy(api, TagRef("shop", "1.4.0"), "qa", None, "").is_new_environment
    assert deployments.deploy(api, TagRef("shop", "1.4.0"), "qa", "successful", "").is_new_environment


def test_a_deployment_works_without_permission_to_read_environments():
    api = deploying(**{"GET /environments": Forbidden("no")})
    assert not deployments.deploy(api, TagRef("shop", "1.4.0"), "PROD", None, "").is_new_environment


def test_an_environment_differing_in_case_is_not_created_without_an_option():
    api = deploying()
    with pytest.raises(AlmNotFound, match="environment 'PROD' not found; did you mean prod") as caught:
        deployments.deploy(api, TagRef("shop", "1.4.0"), "PROD", None, "")
    assert caught.value.hint == "use `--env prod`, or pass `--new-env` to create PROD"
    assert not [requested for requested in api.requests if requested[0] == "POST"]
    deployment = deployments.deploy(api, TagRef("shop", "1.4.0"), "PROD", None, "", new_environment=True)
    assert deployment.is_new_environment


def test_an_environment_is_matched_with_case_first():
    api = deploying(**{"GET /environments": [{"name": "prod"}, {"name": "PROD"}]})
    assert not deployments.deploy(api, TagRef("shop", "1.4.0"), "PROD", None, "").is_new_environment


def test_a_failed_advance_reports_that_the_deployment_exists():
    refusal = AlmConflict("it waits for an approval", kind="invalid-transition")
    api = deploying(**{"POST /deployments/9/statuses": refusal})
    with pytest.raises(
        AlmConflict,
        match=r"deployment 9 was created but could not be set to successful: it waits for an approval",
    ) as caught:
        deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", "successful", "")
    assert "`envmgr alm deployments update 9 --status successful`" in caught.value.hint
    assert "`envmgr alm deployments update 9 --status cancelled`" in caught.value.hint


@pytest.mark.parametrize(
    ("act", "then"),
    [
        (lambda api: deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", "successful", ""), True),
        (lambda api: deployments.advance(api, 9, "successful", ""), False),
    ],
)
def test_a_transition_for_another_user_is_not_suggested_to_the_requester(act, then):
    refusal = SelfApprovalForbidden(
        "user:eve asked for deployment 9: another user must advance it", "another user"
    )
    waiting = {**PENDING, "status": "awaiting_approval"}
    api = deploying(
        **{
            "POST /deployments": waiting,
            "GET /deployments/9": waiting,
            "POST /deployments/9/statuses": refusal,
        }
    )
    with pytest.raises(SelfApprovalForbidden, match="another user must advance it") as caught:
        act(api)
    approves = "another user approves it with "
    assert caught.value.hint.startswith(f"{approves}`envmgr alm deployments update 9 --status in_progress`;")
    assert (
        "after approval, run `envmgr alm deployments update 9 --status successful`" in caught.value.hint
    ) == then


def test_a_blocked_deployment_reports_the_reason_and_its_end():
    api = deploying(
        **{
            "POST /deployments": {**PENDING, "status": "blocked", "reason": "frozen until monday"},
            "POST /deployments/9/statuses": AlmConflict(
                "from there it can become pending", "the steps are …"
            ),
        }
    )
    with pytest.raises(
        AlmConflict, match=r"set to successful: it is blocked: frozen until monday$"
    ) as caught:
        deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", "successful", "")
    assert "--status pending` to continue once the environment is unblocked" in caught.value.hint


ACTIVE = {**PENDING, "version_id": 42, "environment": "prod", "actor": "user:ada", "status": "in_progress"}


def in_the_way(active):
    refusal = AlmConflict(
        "one is active", kind="deployment-active", members={"active_deployment": "/deployments/9"}
    )
    me = {"GET /auth/me": {"actor": "user:ada"}}
    return deploying(**{"POST /deployments": refusal, "GET /deployments/9": active, **me})


def test_the_callers_deployment_of_the_same_version_is_continued():
    result = deployments.deploy(in_the_way(ACTIVE), TagRef("shop", "1.4.0"), "prod", "successful", "")
    assert result.resumed
    assert result.steps == ("successful",)


@pytest.mark.parametrize(
    ("other", "status"),
    [
        ({"actor": "user:eve"}, "successful"),
        ({"version_id": 41}, "successful"),
        ({"environment": "dev"}, "successful"),
        ({}, None),
    ],
)
def test_another_blocking_deployment_is_left_unchanged(other, status):
    api = in_the_way({**ACTIVE, **other})
    with pytest.raises(AlmConflict, match="one is active"):
        deployments.deploy(api, TagRef("shop", "1.4.0"), "prod", status, "")
    assert [requested[1] for requested in api.requests if requested[0] == "POST"] == ["/deployments"]


def test_a_deployment_is_advanced():
    api = deploying(**{"GET /deployments/9": PENDING})
    assert deployments.advance(api, 9, "cancelled", "no").steps == ("cancelled",)
    assert deployments.advance(api, 9, "pending", "").steps == ()


def test_a_history_is_listed_oldest_first():
    api = deploying(**{"GET /deployments/9/statuses": [{"id": 3}, {"id": 1}]})
    assert [item["id"] for item in deployments.show(api, 9).history] == [1, 3]


def test_deployments_are_filtered_by_the_passed_fields():
    api = FakeApiClient({"GET /deployments": []})
    deployments.listing(api, deployments.Filter(app="shop", status="failed"), 1)
    assert api.requests == [("GET", "/deployments", {"app": "shop", "status": "failed", "limit": 2})]


def use(app, version=None):
    return {
        "app": app,
        "environment": "prod",
        "tag": "1",
        "version_id": 1,
        "tool_version": version,
        "app_id": 1,
    }


def test_affected_versions_are_collected_from_all_pages():
    pages = (
        {"matches": [use("web", "20.1.0")], "unknown": [use("odd", "master")], "without_lock": []},
        {"matches": [use("api", "18.0.0")], "unknown": [], "without_lock": [use("old")]},
    )
    api = FakeApiClient({"GET /tools/npm%3A%40scope%2Fname/usage": pages, "GET /environments/prod": {}})
    result = affected.find_affected(api, "npm:@scope/name", "<21", "prod")
    assert [item.app for item in result.matches] == ["api", "web"]
    assert [item.app for item in result.unknown] == ["odd"]
    assert [item.app for item in result.without_lock] == ["old"]
    assert result.is_used
    assert api.requests[-1][2] == {"range": "<21", "environment": "prod", "limit": 200}


@pytest.mark.parametrize("count", [0, 3])
def test_no_match_differs_from_an_unused_tool(count):
    def usage(query):
        counts = {"matches": count if query["range"] == "*" else 0}
        return {"counts": counts, "matches": [], "unknown": [], "without_lock": []}

    result = affected.find_affected(FakeApiClient({"GET /tools/nodejs/usage": usage}), "nodejs", "<1", None)
    assert result.is_used == bool(count)


@pytest.mark.parametrize(
    ("tool", "used_tools", "similar_tools", "suggestion"),
    [
        ("ruff", {"pypi:ruff"}, (), ("pypi:ruff",)),
        ("npm:ruff", {"pypi:ruff"}, (), ("pypi:ruff",)),
        ("npm:ruff", {"ruff"}, (), ("ruff",)),
        ("nodjs", {"nodejs"}, ("nodejs", "node"), ("nodejs",)),
        ("nodjs", set(), ("nodejs",), ()),
    ],
)
def test_only_tools_of_deployed_versions_are_suggested(tool, used_tools, similar_tools, suggestion):
    names = [name for stem in ("ruff", "nodjs") for name in (stem, f"pypi:{stem}", f"npm:{stem}")]
    responses = {
        f"GET /tools/{name.replace(':', '%3A')}/usage": {"counts": {"matches": int(name in used_tools)}}
        for name in (*names, "nodejs", "node")
    }
    assert affected.suggest_used_tools(FakeApiClient(responses), tool, similar_tools) == suggestion


def test_usage_in_a_missing_environment_is_an_error():
    api = FakeApiClient({"GET /environments": [{"name": "prod"}]})
    with pytest.raises(AlmNotFound, match="environment 'prd' not found"):
        affected.find_affected(api, "nodejs", "<1", "prd")


def test_the_matrix_can_be_limited_to_one_app():
    result = status.status(FakeApiClient({"GET /matrix": MATRIX}), None, "shop")
    assert [row.app for row in result.grid.rows] == ["shop"]
    assert result.grid.never_deployed == ()
    assert status.status(FakeApiClient({"GET /matrix": MATRIX}), None, "idle").grid.never_deployed == (
        "idle",
    )
    with pytest.raises(AlmNotFound, match="app 'shp' not found"):
        status.status(FakeApiClient({"GET /matrix": MATRIX}), None, "shp")
    assert status.status(FakeApiClient({"GET /matrix": MATRIX}), None, None).grid.never_deployed == ("idle",)
