"""Settings: valid values, sources and their precedence, and editing of the file."""

from __future__ import annotations

import os
import stat
import sys
import tomllib

import pytest

from envmgr.kit.config import settings
from envmgr.kit.config.settings import (
    SETTINGS,
    Settings,
    load,
    origins,
    parse_value,
    set_value,
    unknown_keys,
    unset_value,
)
from envmgr.kit.environment import Environment
from envmgr.kit.errors import ConfigError, StorageError
from envmgr.kit.paths import single_root

HOME = "USERPROFILE" if sys.platform == "win32" else "HOME"


@pytest.fixture
def root(tmp_path):
    return single_root(str(tmp_path / "root"))


@pytest.fixture
def config(root):
    os.makedirs(root.settings)

    def write(text: str) -> str:
        with open(root.config_file, "w", encoding="utf-8") as file:
            file.write(text)
        return root.config_file

    return write


def in_force(root, variables=None, flags=None) -> Settings:
    return load(Environment(variables or {}, os.path.dirname(root.data)), root, flags)


def text_of(path) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_settings_and_their_fields_are_the_same():
    assert Settings.__match_args__ == tuple(SETTINGS)


def test_without_a_file_or_variables_all_settings_have_defaults(root):
    assert in_force(root) == Settings()
    assert {origin.origin for origin in origins(Environment({}, "/"), root)} == {"default"}


def test_options_override_the_environment_which_overrides_the_file(root, config):
    path = config("jobs = 1\n")
    variables = {"ENVMGR_JOBS": "2"}
    assert in_force(root, variables, {"jobs": 3}).jobs == 3
    assert in_force(root, variables, {"jobs": None}).jobs == 2
    assert in_force(root).jobs == 1
    matches = {
        origin.name: origin for origin in origins(Environment(variables, "/"), root, {"offline": True})
    }
    assert (matches["jobs"].origin, matches["offline"].origin) == ("ENVMGR_JOBS", "flag")
    assert {o.name: o.origin for o in origins(Environment({}, "/"), root)}["jobs"] == path


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("jobs", "8", 8),
        ("offline", "Yes", True),
        ("offline", "off", False),
        (
            "mirrors",
            "https://a/=https://b/ https://c/=file:///d",
            (("https://a/", "https://b/"), ("https://c/", "file:///d")),
        ),
        ("lock_platforms", "linux-x64, linux-x64-gnu macos-arm64", ("linux-x64", "linux-x64", "macos-arm64")),
        ("minimum_release_age", "0s", 0),
        ("minimum_release_age", "7d", 604_800),
        ("minimum_release_age", "2w", 1_209_600),
        ("auto_install", "ask", "ask"),
        ("http_timeout", "1.5", 1.5),
        ("http_retries", "0", 0),
        ("github_token", "t", "t"),
        ("trusted", "sha256:a sha256:b", ("sha256:a", "sha256:b")),
    ],
)
def test_texts_are_parsed_from_the_environment_and_from_config_set(root, name, text, value):
    assert parse_value(name, text) == value
    assert getattr(in_force(root, {settings.variable_of(name): text}), name) == value
    assert set_value(root.config_file, name, text)
    assert getattr(in_force(root), name) == value
    assert not set_value(root.config_file, name, text)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("jobs", "many"),
        ("jobs", "-1"),
        ("jobs", "1" * 5000),
        ("jobs", "²"),
        ("jobs", ""),
        ("offline", "maybe"),
        ("mirrors", "https://a/"),
        ("mirrors", "=b"),
        ("lock_platforms", "plan9-x64"),
        ("minimum_release_age", "7"),
        ("minimum_release_age", "d"),
        ("minimum_release_age", "1.5d"),
        ("minimum_release_age", "9" * 5000 + "d"),
        ("auto_install", "sometimes"),
        ("http_timeout", "0"),
        ("http_timeout", "nan"),
        ("http_timeout", "inf"),
        ("http_timeout", "soon"),
    ],
)
def test_an_invalid_value_is_rejected_and_not_written(root, name, text):
    with pytest.raises(ConfigError) as caught:
        set_value(root.config_file, name, text)
    assert caught.value.hint
    assert not os.path.exists(root.config_file)


def test_an_unknown_name_is_rejected_with_a_suggestion(root):
    for refuse in (
        lambda: set_value(root.config_file, "job", "1"),
        lambda: unset_value(root.config_file, "job"),
    ):
        with pytest.raises(ConfigError, match="unknown setting 'job'") as caught:
            refuse()
        assert caught.value.hint == "did you mean jobs?"
    with pytest.raises(ConfigError) as caught:
        parse_value("xyzzy", "1")
    assert "jobs" in str(caught.value.hint)


def test_common_token_variables_are_a_fallback(root, config):
    assert in_force(root, {"GH_TOKEN": "b"}).github_token == "b"
    assert in_force(root, {"GITHUB_TOKEN": "a", "GH_TOKEN": "b"}).github_token == "a"
    assert in_force(root, {"ENVMGR_GITHUB_TOKEN": "c", "GITHUB_TOKEN": "a"}).github_token == "c"
    config('github_token = "d"\n')
    assert in_force(root, {"GITHUB_TOKEN": "a"}).github_token == "d"


@pytest.mark.parametrize("name", ["ca_bundle", "netrc"])
def test_relative_paths_are_resolved_against_their_source(root, config, name):
    base = os.path.dirname(root.data)
    variable = settings.variable_of(name)
    assert getattr(in_force(root, {variable: "x/../ca.pem"}), name) == os.path.join(base, "ca.pem")
    assert getattr(in_force(root, {variable: "~/ca.pem", HOME: base}), name) == os.path.join(base, "ca.pem")
    config(f'{name} = "ca.pem"\n')
    assert getattr(in_force(root), name) == os.path.join(root.settings, "ca.pem")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ('mirrors = {"https://a/?x=y" = "https://b/"}', "mirrors", (("https://a/?x=y", "https://b/"),)),
        ('trusted = "sha256:a sha256:b"', "trusted", ("sha256:a", "sha256:b")),
        ("http_timeout = 5", "http_timeout", 5.0),
        ("offline = true", "offline", True),
    ],
)
def test_values_in_the_file_may_have_toml_types(root, config, text, field, value):
    config(text)
    assert getattr(in_force(root), field) == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jobs = true", "invalid value for jobs: True"),
        ('jobs = "4"', "invalid value for jobs: '4'"),
        ("jobs = -1", "invalid value for jobs: '-1'"),
        ("offline = 1", "invalid value for offline: 1"),
        ("trusted = {}", "invalid value for trusted: {}"),
        ("mirrors = []", "invalid value for mirrors"),
        ('[mirrors]\n"https://a/" = 1', "invalid mirror 'https://a/' = 1"),
        ('[mirrors]\n"https://a/" = ""', "invalid mirror 'https://a/' = ''"),
        ('lock_platforms = ["vax"]', "invalid platform 'vax'"),
        ("minimum_release_age = 7", "invalid value for minimum_release_age: 7"),
        ("jbos = 1", "unknown setting 'jbos'"),
        ("jobs = \n", "line 1"),
        ("x = [" + "[" * 10_000, "config.toml"),
    ],
)
def test_an_invalid_file_is_named_with_the_cause(root, config, text, message):
    path = config(text)
    with pytest.raises(ConfigError) as caught:
        in_force(root)
    assert caught.value.message.startswith(f"{path}: ")
    assert message in caught.value.message
    assert caught.value.hint


def test_keys_of_a_newer_version_are_reported_and_preserved(root, config):
    path = config('foreign_files = false\n\n[fleet]\nurl = "https://fleet.example"\n')
    assert in_force(root) == Settings()
    assert unknown_keys(path) == ("fleet", "foreign_files")
    assert set_value(path, "jobs", "3")
    assert unset_value(path, "jobs")
    assert unknown_keys(path) == ("fleet", "foreign_files")


def test_an_unreadable_file_is_named(root, config):
    path = config("")
    with open(path, "wb") as file:
        file.write(b"\xff")
    with pytest.raises(StorageError, match=r"config\.toml"):
        in_force(root)
    os.remove(path)
    os.mkdir(path)
    with pytest.raises(StorageError, match=r"config\.toml"):
        in_force(root)


COMMENTED = """\
# my settings
jobs = 4   # cores

trusted = [
    "sha256:a",  # node
]
# the office
[mirrors]
"https://a/" = "https://b/"
# the end
"""


def test_setting_a_value_changes_only_its_lines(config):
    path = config(COMMENTED)
    set_value(path, "jobs", "8")
    assert text_of(path) == COMMENTED.replace("jobs = 4   # cores", "jobs = 8")
    set_value(path, "trusted", "")
    assert "trusted = []\n# the office\n" in text_of(path)


def test_a_new_value_is_inserted_before_the_tables(config):
    path = config(COMMENTED)
    set_value(path, "offline", "true")
    assert text_of(path) == COMMENTED.replace("[mirrors]", "offline = true\n[mirrors]")


def test_a_table_is_replaced_in_place(config):
    path = config(COMMENTED)
    set_value(path, "mirrors", "https://c/=https://d/")
    assert tomllib.loads(text_of(path))["mirrors"] == {"https://c/": "https://d/"}
    assert "# my settings" in text_of(path)


def test_unsetting_removes_the_lines(config):
    path = config(COMMENTED)
    assert unset_value(path, "trusted")
    assert unset_value(path, "jobs")
    assert unset_value(path, "mirrors")
    assert tomllib.loads(text_of(path)) == {}
    assert "# my settings" in text_of(path)
    assert not unset_value(path, "jobs")


def test_a_file_that_cannot_be_edited_in_place_is_rewritten(config):
    path = config('"jobs" = 1\nnetrc = "n"\n')
    set_value(path, "jobs", "2")
    assert tomllib.loads(text_of(path)) == {"netrc": "n", "jobs": 2}


def test_a_missing_final_line_feed_is_added(config):
    path = config("\ufeffjobs = 1")
    set_value(path, "offline", "true")
    assert tomllib.loads(text_of(path)) == {"jobs": 1, "offline": True}


def test_a_key_with_the_prefix_of_another_is_distinct(config):
    path = config("jobs_of_tomorrow = 1\n")
    set_value(path, "jobs", "2")
    assert tomllib.loads(text_of(path)) == {"jobs_of_tomorrow": 1, "jobs": 2}


def test_an_invalid_value_can_be_replaced_and_removed(config):
    path = config("jobs = true\noffline = 7\n")
    set_value(path, "jobs", "2")
    unset_value(path, "offline")
    assert text_of(path) == "jobs = 2\n"


def test_a_file_that_is_not_toml_is_never_overwritten(config):
    path = config("jobs = \n")
    with pytest.raises(ConfigError):
        set_value(path, "jobs", "2")
    assert text_of(path) == "jobs = \n"


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links are POSIX's")
def test_the_file_is_private_to_its_owner_and_a_link_to_it_stays(tmp_path, root):
    os.makedirs(root.settings)
    os.symlink(tmp_path / "real.toml", root.config_file)
    set_value(root.config_file, "github_token", "t")
    assert os.path.islink(root.config_file)
    assert stat.S_IMODE(os.stat(root.config_file).st_mode) == 0o600
