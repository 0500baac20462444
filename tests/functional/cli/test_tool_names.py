"""Names of tools on the command line: short names of packages, ranges to remove, near names."""

from __future__ import annotations

import os
import sys

import pytest

from support.machine.installed_tools import Toolbox
from support.matrices import sample

pytestmark = pytest.mark.skipif(os.name == "nt", reason="runs POSIX programs")


@pytest.fixture
def box(tmp_path):
    """Return a machine with installed packages and tools, some of which a project requests."""
    made = Toolbox(tmp_path)
    made.variables["ENVMGR_HOME"] = str(made.root)
    made.install("pypi:ruff", "0.5.0", ["ruff"])
    made.install("npm:@biomejs/biome", "1.8.0", ["biome"])
    made.install("github:cli/cli", "2.50.0", ["gh"])
    made.install("nodejs", "20.1.0", ["node"])
    made.request("nodejs=20\npypi:ruff=0.5.0\nnpm:@biomejs/biome=1\n")
    return made


def envmgr(box, *words, **variables):
    return box.run(sys.executable, "-m", "envmgr", *words, **variables)


def ok(box, *words, **variables):
    done = envmgr(box, *words, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def error_of(box, *words, code=1):
    done = envmgr(box, *words)
    assert (done.returncode, done.stdout) == (code, ""), done
    return done.stderr


@pytest.mark.parametrize(
    ("name", "tool", "version"),
    [
        ("ruff", "pypi:ruff", "0.5.0"),
        ("biome", "npm:@biomejs/biome", "1.8.0"),
        ("@biomejs/biome", "npm:@biomejs/biome", "1.8.0"),
        ("node", "nodejs", "20.1.0"),
        ("pypi:ruff", "pypi:ruff", "0.5.0"),
    ],
)
def test_a_requested_tool_has_its_short_name_in_every_command(box, name, tool, version):
    assert ok(box, "where", name) == f"{box.paths.install(tool, version)}\n"
    assert (
        ok(box, "where", f"{name}@{version[: version.index('.')]}") == f"{box.paths.install(tool, version)}\n"
    )
    assert ok(box, "current", name).split()[:2] == [tool, version]
    assert ok(box, "list", name).split()[:2] == [tool, version]
    command = name.rpartition("/")[2].rpartition(":")[2]
    assert ok(box, "exec", name, "--", command) == f"{tool} {version} {command}\n"
    assert ok(box, "uninstall", "--dry-run", name) == f"would remove {tool} {version}\n"


@pytest.mark.parametrize("name", ["cli", "cli/cli"])
def test_an_installed_package_has_its_short_name_too(box, name):
    path = box.paths.install("github:cli/cli", "2.50.0")
    assert ok(box, "where", f"{name}@2") == f"{path}\n"
    assert ok(box, "list", name).split()[0] == "github:cli/cli"
    assert ok(box, "uninstall", f"{name}@2") == "removed github:cli/cli 2.50.0\n"
    assert not os.path.exists(path)
    assert f"unknown tool '{name}'" in error_of(box, "list", name)


def test_a_package_in_use_comes_before_a_manifest_that_is_not(box):
    assert ok(box, "current", "ruff").split()[0] == "pypi:ruff"
    box.request("ruff=0.6.0\n")
    assert ok(box, "current", "ruff").split()[:2] == ["ruff", "-"]
    box.request("nodejs=20\n")
    assert ok(box, "list", "ruff").split()[0] == "pypi:ruff"


def test_the_requested_one_of_two_packages_is_meant(box):
    box.install("npm:ruff", "9.0.0", ["ruff-js"])
    assert ok(box, "where", "ruff") == f"{box.paths.install('pypi:ruff', '0.5.0')}\n"


def test_an_ambiguous_name_is_an_error_with_the_candidates(box):
    box.install("npm:ruff", "9.0.0", ["ruff-js"])
    message = "error: ruff is ambiguous: npm:ruff or pypi:ruff\nhint: use the full name, such as npm:ruff\n"
    assert error_of(box, "uninstall", "ruff@0.5.0") == message
    box.request("npm:ruff=9\npypi:ruff=0.5.0\n")
    for words in (["where", "ruff"], ["current", "ruff"], ["exec", "ruff", "--", "true"], ["list", "ruff"]):
        assert error_of(box, *words) == message
    assert '"code": "ambiguous-tool"' in envmgr(box, "where", "ruff", "--json").stdout


def test_which_names_the_missing_tool_of_that_name(box):
    box.uninstall("pypi:ruff", "0.5.0")
    box.uninstall("nodejs", "20.1.0")
    assert "pypi:ruff 0.5.0 is not installed" in error_of(box, "which", "ruff", code=127)


@pytest.mark.parametrize("command", ["current", "where", "list", "why", "uninstall", "use", "install"])
def test_an_unknown_tool_is_an_error_in_every_command(box, command):
    done = envmgr(box, command, "frobnicator", "--json")
    assert done.returncode == 1
    assert ('"code": "not-installed"' if command == "uninstall" else '"code": "unknown-tool"') in done.stdout
    assert "did you mean" not in done.stdout


@pytest.mark.parametrize(
    ("name", "suggestion"), [("nodjs", "nodejs"), ("rufff", "pypi:ruff"), ("biom", "npm:@biomejs/biome")]
)
def test_a_near_name_is_suggested(box, name, suggestion):
    for command in ("current", "where", "list"):
        error = error_of(box, command, name)
        assert "unknown tool" in error
        assert f"did you mean {suggestion}" in error


def test_a_known_tool_without_a_request_is_named_as_such(box):
    assert "no version of go is set here" in error_of(box, "current", "go")


class TestUninstall:
    @pytest.fixture
    def several(self, box):
        for version in ("18.0.0", "20.2.0"):
            box.install("nodejs", version, ["node"])
        return box

    def versions(self, box):
        directory = os.path.dirname(box.paths.install("nodejs", "-"))
        return sorted(os.listdir(directory)) if os.path.isdir(directory) else []

    @pytest.mark.parametrize("spec", ["20", "^20", "20.x", ">=20 <21", "20.1.0 || 20.2.0"])
    def test_a_spec_with_several_matches_requires_a_confirmation(self, several, spec):
        error = error_of(several, "uninstall", f"nodejs@{spec}", code=2)
        assert "several installed versions match: nodejs 20.1.0, 20.2.0\n" in error
        assert "`envmgr uninstall nodejs@20.1.0`, or pass --yes for all" in error
        assert error_of(several, "uninstall", "nodejs", spec, code=2) == error
        assert len(self.versions(several)) == 3
        out = ok(several, "uninstall", f"nodejs@{spec}", "--yes")
        assert out == "removed nodejs 20.1.0\nremoved nodejs 20.2.0\n"
        assert self.versions(several) == ["18.0.0"]

    def test_only_the_requests_with_several_matches_are_in_question(self, several):
        error = error_of(several, "uninstall", "ruff@0.5.0", "nodejs@20", "nodejs@18", code=2)
        assert "several installed versions match: nodejs 20.1.0, 20.2.0\n" in error
        assert len(self.versions(several)) == 3
        assert os.path.exists(several.paths.install("pypi:ruff", "0.5.0"))

    def test_dry_run_asks_nothing(self, several):
        out = ok(several, "uninstall", "--dry-run", "nodejs@20")
        assert out == "would remove nodejs 20.1.0\nwould remove nodejs 20.2.0\n"

    @pytest.mark.parametrize("spec", ["18", "^18", "<20"])
    def test_a_single_match_is_removed_without_a_question(self, several, spec):
        assert ok(several, "uninstall", f"nodejs@{spec}") == "removed nodejs 18.0.0\n"

    def test_several_exact_versions_are_removed_without_a_question(self, several):
        out = ok(several, "uninstall", "nodejs@20.1.0", "nodejs@20.2.0")
        assert out == "removed nodejs 20.1.0\nremoved nodejs 20.2.0\n"

    def test_a_word_is_the_newest(self, several):
        assert ok(several, "uninstall", "nodejs@latest") == "removed nodejs 20.2.0\n"

    def test_an_exact_version_is_that_one(self, several):
        assert ok(several, "uninstall", "node", "20.1.0") == "removed nodejs 20.1.0\n"
        assert self.versions(several) == ["18.0.0", "20.2.0"]

    def test_several_versions_without_a_spec_require_a_confirmation(self, several):
        error = error_of(several, "uninstall", "nodejs", code=2)
        assert "several installed versions match: nodejs 18.0.0, 20.1.0, 20.2.0" in error
        assert "`envmgr uninstall nodejs@18.0.0`, or pass --yes for all" in error
        assert len(self.versions(several)) == 3
        out = ok(several, "uninstall", "nodejs", "--yes")
        assert out.split() == [
            word for version in ("18.0.0", "20.1.0", "20.2.0") for word in ("removed", "nodejs", version)
        ]
        assert self.versions(several) == []

    def test_nothing_is_removed_if_one_item_matches_nothing(self, several):
        assert "no installed version of nodejs matches 7" in error_of(
            several, "uninstall", "ruff@0.5.0", "nodejs@7"
        )
        assert len(self.versions(several)) == 3
        assert os.path.exists(several.paths.install("pypi:ruff", "0.5.0"))


class TestNamesakes:
    @pytest.mark.parametrize(
        ("package", "tool"), [("npm:node", "nodejs"), ("pypi:python", "python"), ("pypi:ziglang", "zig")]
    )
    def test_a_package_with_the_name_of_a_tool_is_noted(self, box, package, tool):
        error = error_of(box, "use", f"{package}@1", "--offline")
        name = package.partition(":")[2]
        assert f"{package} is the package {name}, not the tool {tool}; " in error
        assert f"run `envmgr use {tool}`" in error


@pytest.mark.parametrize("source", ["npm:prettier", "pypi:ruff", "github:cli/cli", "nodejs"])
@pytest.mark.parametrize("spec", sample(["^3.0.0x", "3.0.0x", "3.0X", ">=1 <2x"], every=4))
def test_a_wildcard_without_its_dot_is_refused_for_every_source(box, source, spec):
    error = error_of(box, "use", source, spec, "--offline")
    assert "wildcard without a dot; use `" in error
    assert envmgr(box, "install", f"{source}@{spec}", "--offline").returncode == 1
    box.request(f"{source}={spec}\n")
    assert ".envmgr:1:" in error_of(box, "current")
    assert "wildcard without a dot" in error_of(box, "current")
