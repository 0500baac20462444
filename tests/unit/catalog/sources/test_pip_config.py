from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.sources import pip_config
from envmgr.catalog.sources.pip_info import PipInfo
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

DEFAULT = "https://default.example/simple"


def load(root: Path, files: dict[str, str] | None = None, **variables: str) -> pip_config.PipConfig:
    """Load the configuration from files by kind (`global`, `user`, `site`), and variables."""
    config_files = []
    for kind in ("global", "user", "site"):
        path = root / f"{kind}.conf"
        if kind in (files or {}):
            path.write_text((files or {})[kind])
        config_files.append((kind, str(path)))
    return pip_config.load(Environment(variables, str(root)), PipInfo(tuple(config_files), DEFAULT))


def test_without_configuration_the_default_index_is_used(tmp_path: Path) -> None:
    assert load(tmp_path) == pip_config.PipConfig((DEFAULT,))


def test_configuration_files_have_precedence_and_variables_override_them(tmp_path: Path) -> None:
    files = {
        kind: f"[global]\nindex-url = https://{kind}.example/simple/\n" for kind in ("global", "user", "site")
    }
    assert load(tmp_path, {"global": files["global"]}).indexes == ("https://global.example/simple",)
    assert load(tmp_path, files).indexes == ("https://site.example/simple",)
    assert load(tmp_path, files, PIP_INDEX_URL="https://env.example/s").indexes == ("https://env.example/s",)


def test_the_install_section_overrides_the_global_one_in_any_order(tmp_path: Path) -> None:
    files = {
        "global": "[install]\nindex_url = https://install.example/simple\n",
        "user": "[global]\nindex-url = https://user.example/simple\n[freeze]\nindex-url = https://no.example\n",
    }
    assert load(tmp_path, files).indexes == ("https://install.example/simple",)


def test_extra_indexes_follow_in_order_without_duplicates(tmp_path: Path) -> None:
    text = f"[global]\nextra-index-url =\n    https://one.example/simple\n    https://two.example/simple {DEFAULT}/\n"
    expected = (DEFAULT, "https://one.example/simple", "https://two.example/simple")
    assert load(tmp_path, {"user": text}).indexes == expected


def test_empty_values_are_ignored(tmp_path: Path) -> None:
    files = {"user": "[global]\nindex-url = https://user.example/simple\n", "site": "[global]\nindex-url =\n"}
    assert load(tmp_path, files, PIP_INDEX_URL="").indexes == ("https://user.example/simple",)


def test_an_explicit_file_overrides_all_others_and_replaces_the_users(tmp_path: Path) -> None:
    files = {
        "user": "[global]\nindex-url = https://user.example/simple\n",
        "site": "[global]\ncert = /site.pem\n",
    }
    config_file = tmp_path / "own.conf"
    config_file.write_text("[global]\nfind-links = https://links.example\n")
    config = load(tmp_path, files, PIP_CONFIG_FILE=str(config_file))
    assert config == pip_config.PipConfig((DEFAULT,), ("https://links.example",), "/site.pem")


def test_the_null_device_as_config_file_disables_all_files(tmp_path: Path) -> None:
    files = {"global": "[global]\nindex-url = https://global.example/simple\n"}
    assert load(tmp_path, files, PIP_CONFIG_FILE=os.devnull).indexes == (DEFAULT,)


def test_directories_are_accepted_as_indexes(tmp_path: Path) -> None:
    (tmp_path / "my index").mkdir()
    config = load(tmp_path, PIP_INDEX_URL="my%20index", PIP_EXTRA_INDEX_URL="file:///srv/simple/")
    assert config.indexes == ((tmp_path / "my%20index").as_uri(), "file:///srv/simple")


def test_with_no_index_only_find_links_are_used(tmp_path: Path) -> None:
    config = load(tmp_path, PIP_NO_INDEX="1", PIP_FIND_LINKS="wheels https://links.example/x.html")
    assert config.indexes == ()
    assert config.find_links == ((tmp_path / "wheels").as_uri(), "https://links.example/x.html")


@pytest.mark.parametrize("text", ["index-url = x\n", "[global\n", "[global]\n[global]\n"])
def test_an_unreadable_pip_file_is_an_error_with_its_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match=r"user\.conf"):
        load(tmp_path, {"user": text})


def test_the_configuration_depends_on_pip_and_its_files(tmp_path: Path) -> None:
    def dependencies(program: str = "/pip", **variables: str) -> tuple[str, ...] | None:
        info = PipInfo((("user", "/h/pip.conf"),), DEFAULT, program)
        return pip_config.load(Environment(variables, str(tmp_path)), info).dependencies

    assert dependencies() == ("/pip", "/h/pip.conf")
    assert dependencies(PIP_CONFIG_FILE="/a.conf") == ("/pip", "/h/pip.conf", "/a.conf")
    assert dependencies(PIP_INDEX_URL="https://a.example/s") == ("/pip", "/h/pip.conf")
    assert dependencies(program="") is None
    assert dependencies(PIP_CONFIG_FILE="a.conf") is None
    assert dependencies(PIP_INDEX_URL="https://me:secret@a.example/s") is None
