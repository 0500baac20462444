"""The whole API against its OpenAPI document, by all checks of schemathesis, with examples and links."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from support.server import schemathesis_hooks
from support.server.cluster import IS_CHOSEN, chosen_daemon
from support.server.concurrent_writers import lock

SECONDS = 900
"""On an idle processor, the test takes a tenth of that."""
MAX_EXAMPLES = 3 if IS_CHOSEN else 6
"""Fewer through a gateway, where a request takes several times as long; those of the phase `coverage` stay the same."""
CONFIG = f"""
hooks = {schemathesis_hooks.__file__!r}

[generation]
database = "none"

[checks]
# What fits its schema may be about something that is not there, or not as it was, or taken already;
# and who has tried many passwords has to wait.
positive_data_acceptance.expected-statuses = ["2xx", 304, 401, 403, 404, 409, 412, 429]
# A value may be so long that the whole URL is too long.
negative_data_rejection.expected-statuses = [400, 401, 403, 404, 405, 409, 414, 415, 422]

[[operations]]
# It ends the session that all other requests are made in.
include-operation-id = "logout"
enabled = false
"""


@pytest.fixture(scope="module")
def own_server(tmp_path_factory):
    """Yield a server of its own, with the resources in the examples of the document."""
    daemon = chosen_daemon(tmp_path_factory.mktemp("contract"))
    try:
        daemon.start()
        token = daemon.login()["access_token"]
        with daemon.wire(token) as wire:
            fill(wire)
        yield daemon, token
    finally:
        daemon.end()


def fill(wire):
    """Create an app with a deployed version, and another user."""
    result = [
        wire.ask("POST", "/users", {"username": "ada", "password": "a password of good length"}),
        wire.ask("POST", "/apps", {"name": "shop"}),
        wire.ask("PUT", "/apps/shop/versions/1.4.0", {"toolchain": {"lock": lock()}}),
        wire.ask("POST", "/deployments", {"version_id": 1, "environment": "prod"}),
    ]
    assert [reply.status for reply in result] == [201] * len(result)


@pytest.mark.slow
@pytest.mark.timeout(SECONDS)
def test_responses_conform_to_the_openapi_document(own_server, tmp_path):
    daemon, token = own_server
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG)
    command = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    command += [f"--config-file={config}", "run", f"http://127.0.0.1:{daemon.port}/openapi.json"]
    command += [f"--header=Authorization: Bearer {token}", "--checks=all", f"--max-examples={MAX_EXAMPLES}"]
    command += ["--phases=examples,coverage,fuzzing,stateful", "--seed=3", "--generation-deterministic"]
    command += ["--no-color", "--continue-on-failure"]
    result = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-20_000:] + result.stderr[-2_000:]
    assert "Stateful" in result.stdout
    with daemon.wire(token) as wire:
        assert wire.ask("GET", "/auth/me").status == 200, (
            "the session ended underway: its answers say nothing"
        )
    assert "Traceback" not in daemon.output


@pytest.mark.parametrize(
    ("problem", "right"),
    [
        ({"type": "/problems/invalid-lock"}, True),
        ({"type": "/problems/invalid-fields", "errors": [{"pointer": "?cursor", "detail": ""}]}, True),
        ({"type": "/problems/invalid-fields", "errors": [{"pointer": "/name", "detail": ""}]}, False),
        ({"type": "/problems/invalid-fields"}, False),
        ({"type": "/problems/bad-request", "errors": []}, False),
    ],
)
def test_the_filter_ignores_only_rules_beyond_the_schema(problem, right):
    assert schemathesis_hooks.is_right(problem) is right
