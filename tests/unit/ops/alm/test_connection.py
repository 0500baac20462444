"""Server and credentials from options, environment and settings."""

from __future__ import annotations

import pytest

from envmgr.alm.client import credentials
from envmgr.alm.client.credentials import StoredCredentials
from envmgr.kit.config.settings import set_value
from envmgr.kit.environment import Environment
from envmgr.kit.errors import AlmError, ConfigError, NotSignedIn
from envmgr.kit.paths import single_root
from envmgr.kit.platform import parse
from envmgr.ops.alm.connection import connect
from envmgr.resolve.context import Context
from support.http.scripted_server import ALM, Scripted, ScriptedResponse, problem


@pytest.fixture
def context(tmp_path):
    created_items = []

    def make(**variables):
        environment = Environment({"HOME": str(tmp_path), **variables}, str(tmp_path))
        created_items.append(Context(environment, single_root(str(tmp_path)), parse("linux-x64")))
        return created_items[-1]

    yield make
    for item in created_items:
        item.close()


def test_the_option_overrides_the_environment_which_overrides_the_setting(context):
    set_value(context().paths.config_file, "alm_url", "https://setting.example")
    variables = {"ENVMGR_ALM_URL": "https://environment.example"}
    assert connect(context(**variables), "flag.example").url == "https://flag.example"
    assert connect(context(**variables)).url == "https://environment.example"
    assert connect(context()).url == "https://setting.example"


def test_a_missing_server_error_lists_all_ways_to_configure_it(context):
    with pytest.raises(AlmError, match="no ALM server configured") as caught:
        connect(context())
    for way in ("alm login", "ENVMGR_ALM_URL", "alm serve"):
        assert way in (caught.value.hint or "")


def test_an_invalid_address_is_rejected(context):
    with pytest.raises(ConfigError, match="invalid server URL"):
        connect(context(), "https://a?b=c")


def test_tokens_have_the_same_precedence(context):
    with Scripted(lambda requested: ScriptedResponse(200, requested.headers["authorization"]), ALM) as server:
        credentials.save(context().paths, server.url, StoredCredentials("kept"))
        variables = {"ENVMGR_ALM_TOKEN": " environment\n"}
        assert connect(context(**variables), server.url, "flag").get("/x") == "Bearer flag"
        assert connect(context(**variables), server.url).get("/x") == "Bearer environment"
        assert connect(context(), server.url).get("/x") == "Bearer kept"


@pytest.mark.parametrize(
    ("flag", "variables", "hint"),
    [
        ("flag", {"ENVMGR_ALM_TOKEN": "environment"}, "this token was rejected"),
        (None, {"ENVMGR_ALM_TOKEN": "environment"}, "the token in ENVMGR_ALM_TOKEN was rejected"),
        (None, {}, "run `envmgr alm login"),
    ],
)
def test_the_source_of_a_rejected_token_is_named(context, flag, variables, hint):
    with Scripted(lambda _: problem(401, "unauthenticated", "unknown token"), ALM) as server:
        credentials.save(context().paths, server.url, StoredCredentials("kept"))
        with pytest.raises(NotSignedIn) as caught:
            connect(context(**variables), server.url, flag).get("/x")
    assert hint in caught.value.hint
    assert (caught.value.hint.count("overrides the stored login") == 1) == (bool(variables) and flag is None)


@pytest.mark.parametrize("token", ["pä", "a\nb", "a\x00"])
def test_an_invalid_token_is_rejected_before_any_request(context, token):
    variables = {"ENVMGR_ALM_TOKEN": token}
    with pytest.raises(ConfigError, match="the token in ENVMGR_ALM_TOKEN is invalid"):
        connect(context(**variables), "http://127.0.0.1:1")
    with pytest.raises(ConfigError, match="this token is invalid"):
        connect(context(), "http://127.0.0.1:1", token)
