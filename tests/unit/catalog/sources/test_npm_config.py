from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.sources import npm_config
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

OURS = "https://npm.example/team"


class Npm:
    """An npm with configured responses that records its queries."""

    def __init__(self, **responses: str) -> None:
        self.responses = responses
        self.commands: list[Sequence[str]] = []

    def __call__(self, environment: Environment, installs: str, keys: Sequence[str]) -> Mapping[str, str]:
        del environment, installs
        self.commands.append(keys)
        return self.responses


def load(root: Path, package: str = "tool", npm: Npm | None = None, **variables: str) -> npm_config.NpmConfig:
    project = root / "project"
    project.mkdir(exist_ok=True)
    environment = Environment({"HOME": str(root), **variables}, str(project))
    return npm_config.load(environment, package, str(root / "installs"), npm or Npm())


def test_variables_override_the_projects_file_which_overrides_the_users(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("registry=https://user.example/\n")
    assert load(tmp_path).registry == "https://user.example"
    (tmp_path / "project").mkdir(exist_ok=True)
    (tmp_path / "project" / ".npmrc").write_text("registry = https://project.example\n")
    assert load(tmp_path).registry == "https://project.example"
    assert load(tmp_path, npm_config_registry=OURS).registry == OURS
    assert load(tmp_path, NPM_CONFIG_REGISTRY=f"{OURS}/").registry == OURS


def test_the_projects_file_is_beside_the_nearest_package(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / ".npmrc").write_text(f"registry={OURS}\n")
    other_home = tmp_path / "home"
    assert load(tmp_path, HOME=str(other_home)).registry == OURS


def test_the_locations_of_the_users_and_global_files_are_configurable(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("registry=https://user.example\n")
    (tmp_path / "global").write_text(f"registry={OURS}\n//npm.example/:_authToken=t\n")
    config = load(tmp_path, npm_config_globalconfig=str(tmp_path / "global"))
    assert (config.registry, config.headers(f"{OURS}/x")) == (OURS, {"Authorization": "Bearer t"})
    assert load(tmp_path, NPM_CONFIG_USERCONFIG=str(tmp_path / "user")).registry == "https://user.example"


def test_the_global_file_is_found_below_a_prefix(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "npmrc").write_text(f"registry={OURS}\n")
    assert load(tmp_path, npm_config_prefix=str(tmp_path)).registry == OURS


def test_a_scope_has_a_registry_of_its_own(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(f"registry=https://all.example\n@team:registry={OURS}\n")
    assert load(tmp_path, "@team/tool").registry == OURS
    assert load(tmp_path, "@other/tool").registry == "https://all.example"


def test_npm_is_queried_only_without_a_configured_registry(tmp_path: Path) -> None:
    npm = Npm(registry="https://configured.example/", globalconfig=str(tmp_path / "global"))
    (tmp_path / "global").write_text("//configured.example/:_authToken=t\n")
    config = load(tmp_path, "@team/tool", npm)
    assert config.registry == "https://configured.example"
    assert config.headers("https://configured.example/x")
    assert npm.commands == [("registry", "@team:registry", "globalconfig")]
    load(tmp_path, "@team/tool", npm, npm_config_registry=OURS)
    assert len(npm.commands) == 1


def test_the_registry_that_npm_reports_for_a_scope_is_used(tmp_path: Path) -> None:
    npm = Npm(**{"registry": "https://configured.example/", "@team:registry": OURS})
    assert load(tmp_path, "@team/tool", npm).registry == OURS


def test_a_project_cannot_configure_certificates(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / ".npmrc").write_text(f"registry={OURS}\ncafile=project.pem\n")
    assert load(tmp_path).cafile == ""
    (tmp_path / ".npmrc").write_text("cafile=/user.pem\n")
    assert load(tmp_path).cafile == "/user.pem"
    assert load(tmp_path, npm_config_cafile="/variable.pem").cafile == "/variable.pem"


def test_a_password_that_is_not_base64_is_used_unchanged(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text(
        f"registry={OURS}\n//npm.example/:username=a\n//npm.example/:_password=p\n"
    )
    assert load(tmp_path).headers(f"{OURS}/x") == {"Authorization": "Basic YTpw"}


def test_without_a_registry_and_npm_the_error_has_a_hint(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="configured for @team/tool") as caught:
        load(tmp_path, "@team/tool")
    assert "envmgr install nodejs" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("lines", "header"),
    [
        ("//npm.example/:_authToken=abc", "Bearer abc"),
        ("//npm.example/team/:_authToken=${TOKEN}", "Bearer s3cret"),
        ("//npm.example/:_authToken=far\n//npm.example/team/:_authToken=near", "Bearer near"),
        ("//npm.example:_authToken=abc", "Bearer abc"),
        ("//npm.example/:_auth=YTpi", "Basic YTpi"),
        (f"//npm.example/:username=a\n//npm.example/:_password={b64encode(b'p').decode()}", "Basic YTpw"),
    ],
)
def test_credentials_are_found_by_host_and_path(tmp_path: Path, lines: str, header: str) -> None:
    (tmp_path / ".npmrc").write_text(f"registry={OURS}\n{lines}\n")
    config = load(tmp_path, TOKEN="s3cret")
    assert config.headers(f"{OURS}/tool/-/tool-1.0.0.tgz") == {"Authorization": header}
    assert config.headers("https://cdn.example/team/tool-1.0.0.tgz") == {}


def test_a_variable_may_contain_credentials(tmp_path: Path) -> None:
    config = load(tmp_path, **{"npm_config_registry": OURS, "npm_config_//npm.example/:_authToken": "AbC"})
    assert config.headers(f"{OURS}/tool") == {"Authorization": "Bearer AbC"}


def test_credentials_in_the_registry_url_are_sent_to_its_host_only(tmp_path: Path) -> None:
    config = load(tmp_path, npm_config_registry="https://a:b@npm.example/team")
    assert config.headers(f"{OURS}/tool") == {"Authorization": "Basic YTpi"}
    assert config.headers("https://other.example/tool") == {}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("\ufeffa=1\r\n; note\n# note\n[section]\n\nb = 2 ; more\n", {"a": "1", "b": "2"}),
        ('a="x;y"\nb=\'z\'\nc="\\u0041"\nd="bad\\q"', {"a": "x;y", "b": "z", "c": "A", "d": "bad\\q"}),
        ("a=${HOME}/x\nb=${NO}\nc=${NO?}y", {"a": "/h/x", "b": "${NO}", "c": "y"}),
        ("a=x\\;y\nb=p\\#q", {"a": "x;y", "b": "p#q"}),
        ("flag\n", {"flag": ""}),
    ],
)
def test_files_are_read_as_npm_reads_them(tmp_path: Path, text: str, values: dict[str, str]) -> None:
    (tmp_path / "npmrc").write_bytes(text.encode())
    assert npm_config.read(str(tmp_path / "npmrc"), {"HOME": "/h"}) == values


def test_a_file_that_is_not_text_is_an_error_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "npmrc").write_bytes(b"\xff\x80")
    with pytest.raises(ConfigError, match="npmrc"):
        npm_config.read(str(tmp_path / "npmrc"), {})
