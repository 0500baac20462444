"""The JSON of events, which is part of the contract between releases."""

from __future__ import annotations

import json

import msgspec
import pytest

from envmgr.server.contracts.events import EVENTS, decode
from envmgr.server.contracts.events.version import ToolchainSummary, ToolVersion
from envmgr.server.contracts.resources import Artifact, AutoDeploy, Build, Rules
from envmgr.server.kit.common.events import EventEnvelope

AT = "2026-01-02T03:04:05.678Z"
APP = {"app_id": 7, "name": "shop", "description": "sells", "created_at": AT, "updated_at": AT}
VERSION = {
    "version_id": 42,
    "app_id": 7,
    "app": "shop",
    "tag": "1.4.0",
    "changelog": "",
    "commit": "3f2c1ab0c9",
    "ref": "main",
    "artifacts": [{"name": "shop.tar.gz", "digest": f"sha256:{'a' * 64}", "type": "", "url": ""}],
    "build": {
        "ci": "github",
        "run_id": "9",
        "run_attempt": "1",
        "url": "",
        "actor": "ada",
        "repository": "",
        "dirty": False,
    },
    "toolchain": {
        "lock_digest": f"sha256:{'b' * 64}",
        "tools": [{"tool": "nodejs", "version": "20.11.1"}],
    },
    "created_at": AT,
    "updated_at": AT,
}
DEPLOYMENT = {
    "deployment_id": 5,
    "version_id": 42,
    "app_id": 7,
    "app": "shop",
    "tag": "1.4.0",
    "environment": "prod",
    "status": "successful",
    "reason": "",
    "actor": "user:ada",
    "created_at": AT,
    "updated_at": AT,
    "finished_at": None,
    "current_version_id": 42,
    "current_tag": "1.4.0",
}
ENVIRONMENT = {
    "name": "prod",
    "tier": "production",
    "sort_order": 30,
    "rules": {"requires_approval": True},
    "created_at": AT,
    "updated_at": AT,
}
USER = {
    "user_id": 3,
    "username": "ada",
    "role": "user",
    "active": True,
    "created_at": AT,
    "updated_at": AT,
}
API_KEY = {
    "key_id": 1,
    "name": "shop CI",
    "user_id": 3,
    "scopes": ["apps:read"],
    "app_ids": [7],
    "expires_at": None,
}
BINDING = {
    "binding_id": 2,
    "name": "shop on GitHub",
    "issuer": "https://token.example.com",
    "audience": "alm",
    "claims": {"repository_id": "1"},
    "scopes": ["versions:write"],
    "app_ids": None,
    "lifetime": 900,
}
WIRE = {
    "AppCreated": APP,
    "AppUpdated": {**APP, "previous_name": "store"},
    "AppDeleted": APP,
    "VersionCreated": VERSION,
    "VersionUpdated": VERSION,
    "VersionDeleted": VERSION,
    "DeploymentCreated": DEPLOYMENT,
    "DeploymentUpdated": DEPLOYMENT,
    "DeploymentDeleted": DEPLOYMENT,
    "EnvironmentCreated": ENVIRONMENT,
    "EnvironmentUpdated": ENVIRONMENT,
    "EnvironmentDeleted": ENVIRONMENT,
    "AutoDeploySkipped": {
        "version_id": 42,
        "app_id": 7,
        "app": "shop",
        "tag": "1.4.0",
        "environment": "prod",
        "rule": {"app": "shop", "tag_range": "^1"},
        "reason": "2.0.0 is deployed",
        "active_deployment_id": None,
    },
    "LoginSucceeded": {"user_id": 3, "session_id": 8, "address": "127.0.0.1"},
    "LoginFailed": {"username": "ada", "account": "x", "address": "127.0.0.1", "reason": "password"},
    "LoggedOut": {"user_id": 3, "session_id": 8},
    "RefreshReused": {"user_id": 3, "session_id": 8, "address": "127.0.0.1", "ended": True},
    "PasswordChanged": {"user_id": 3},
    "AccessDenied": {
        "method": "GET",
        "path": "/apps",
        "status": 403,
        "problem": "forbidden",
        "reason": "",
        "address": "127.0.0.1",
        "request_id": "r1",
    },
    "TokenExchanged": {
        "binding_id": 2,
        "issuer": "https://token.example.com",
        "claims": {"repository_id": "1"},
        "scopes": ["versions:write"],
        "app_ids": [7],
        "expires_in": 900,
        "address": "127.0.0.1",
    },
    "UserCreated": USER,
    "UserUpdated": USER,
    "UserDeleted": USER,
    "ApiKeyCreated": API_KEY,
    "ApiKeyRevoked": API_KEY,
    "BindingCreated": BINDING,
    "BindingDeleted": BINDING,
    "PlacementsRepublished": {
        "after_app_id": 0,
        "last_app_id": None,
        "as_of": 9,
        "placements": [
            {"app_id": 7, "app": "shop", "environment": "prod", "version_id": 42, "tag": "1.4.0"},
        ],
    },
    "SequenceGapRecorded": {"service": "app", "first": 6, "last": 15},
}
"""The data of each type in outboxes and on the bus, in version 1."""


def envelope(type_, data):
    return EventEnvelope(
        id="1",
        source="alm/app",
        type=type_,
        subject="app/7",
        time=AT,
        sequence=1,
        actor="user:ada",
        data=data,
    )


def test_every_type_is_pinned():
    assert set(WIRE) == set(EVENTS)
    assert {kind.VERSION for kind in EVENTS.values()} == {1}


@pytest.mark.parametrize("type_", WIRE)
def test_data_is_read_and_written_as_pinned(type_):
    data = decode(envelope(type_, WIRE[type_]))
    assert type(data) is EVENTS[type_]
    assert msgspec.json.encode(data).decode() == json.dumps(WIRE[type_], separators=(",", ":"))


@pytest.mark.parametrize("type_", WIRE)
def test_unknown_fields_are_ignored(type_):
    assert decode(envelope(type_, {**WIRE[type_], "added_later": 1})) == decode(envelope(type_, WIRE[type_]))


@pytest.mark.parametrize("type_", WIRE)
def test_a_missing_field_is_named(type_):
    first, *_ = WIRE[type_]
    data = {name: value for name, value in WIRE[type_].items() if name != first}
    with pytest.raises(msgspec.ValidationError, match=first):
        decode(envelope(type_, data))


def test_another_schema_version_is_rejected():
    event = msgspec.structs.replace(envelope("AppCreated", APP), dataschema="/events/AppCreated/2")
    with pytest.raises(msgspec.ValidationError, match="/events/AppCreated/2"):
        decode(event)
    known_version = msgspec.structs.replace(event, dataschema="/events/AppCreated/1")
    assert decode(known_version) == decode(envelope("AppCreated", APP))


def test_nested_values_are_typed():
    version = decode(envelope("VersionCreated", VERSION))
    assert version.artifacts == (Artifact(name="shop.tar.gz", digest=f"sha256:{'a' * 64}"),)
    assert version.build == Build(ci="github", run_id="9", run_attempt="1", actor="ada")
    assert version.toolchain == ToolchainSummary(
        lock_digest=f"sha256:{'b' * 64}", tools=(ToolVersion(tool="nodejs", version="20.11.1"),)
    )
    assert decode(envelope("EnvironmentCreated", ENVIRONMENT)).rules == Rules(requires_approval=True)
    rule = decode(envelope("AutoDeploySkipped", WIRE["AutoDeploySkipped"])).rule
    assert rule == AutoDeploy(app="shop", tag_range="^1")
