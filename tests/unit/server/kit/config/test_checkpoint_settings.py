"""Settings of where checkpoints are published."""

from __future__ import annotations

import pytest

from envmgr.kit.environment import Environment
from envmgr.server.kit.config.bus_settings import SettingsError
from envmgr.server.kit.config.checkpoint_settings import CheckpointSettings, read

KEYS = {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "a-secret"}


def settings(url, **variables):
    return read(Environment({"ALM_CHECKPOINT_URL": url, **variables}, "/place"))


def test_checkpoints_are_published_nowhere_by_default():
    assert read(Environment({}, "/place")) == settings("") == CheckpointSettings()


@pytest.mark.parametrize(
    ("url", "variables", "expected"),
    [
        ("file:///var/log/a%20b.jsonl", {}, {"kind": "file", "path": "/var/log/a b.jsonl"}),
        ("https://log.example/a?b=1", {}, {"kind": "http", "url": "https://log.example/a?b=1"}),
        (
            "http://127.0.0.1:9/a",
            {"ALM_CHECKPOINT_TOKEN": "t"},
            {"kind": "http", "url": "http://127.0.0.1:9/a", "token": "t"},
        ),
        (
            "s3://logs/alm/audit/",
            KEYS | {"AWS_REGION": "eu-west-1"},
            {
                "bucket": "logs",
                "path": "alm/audit",
                "url": "https://s3.eu-west-1.amazonaws.com",
                "region": "eu-west-1",
            },
        ),
        (
            "s3://logs",
            KEYS | {"AWS_ENDPOINT_URL": "https://minio.example/", "AWS_SESSION_TOKEN": "s"},
            {"path": "", "url": "https://minio.example", "region": "us-east-1", "session_token": "s"},
        ),
        (
            "s3://logs",
            KEYS | {"AWS_ENDPOINT_URL": "https://a.example", "AWS_ENDPOINT_URL_S3": "http://localhost:9000"},
            {"url": "http://localhost:9000"},
        ),
    ],
)
def test_a_url_names_the_destination(url, variables, expected):
    result = settings(url, **variables)
    assert {name: getattr(result, name) for name in expected} == expected


@pytest.mark.parametrize(
    ("url", "variables", "message"),
    [
        ("", {"ALM_CHECKPOINT_TOKEN": "a-secret"}, "ALM_CHECKPOINT_TOKEN has no effect"),
        ("file:///a", {"ALM_CHECKPOINT_TOKEN": "a-secret"}, "ALM_CHECKPOINT_TOKEN has no effect"),
        ("s3://logs", KEYS | {"ALM_CHECKPOINT_TOKEN": "x"}, "ALM_CHECKPOINT_TOKEN has no effect"),
        ("/var/log/a", {}, "unsupported path"),
        ("file:relative", {}, "unsupported file"),
        ("file://host/a", {}, "unsupported file"),
        ("ftp://host/a", {}, "unsupported ftp"),
        ("https://ada:a-secret@host/a", {}, "credentials"),
        ("https://host/a#b", {}, "fragment"),
        ("http://host/a", {}, "requires https"),
        ("https://[::1", {}, "not a URL"),
        ("s3://logs", {}, "requires the credentials"),
        ("s3://logs", KEYS | {"AWS_ENDPOINT_URL": "http://store.example"}, "invalid AWS_ENDPOINT_URL"),
        ("s3://logs?x=1", KEYS, "unsupported s3"),
    ],
)
def test_an_invalid_destination_is_refused_without_secrets(url, variables, message):
    with pytest.raises(SettingsError, match=message) as caught:
        settings(url, **variables)
    assert "a-secret" not in f"{caught.value.message} {caught.value.hint}"
