"""The lower bounds of the dependencies are the versions that the lowest environment installs."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

CHECKOUT = Path(__file__).parents[2]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
DEPENDENCIES = [
    Requirement(text)
    for text in (
        *PROJECT["dependencies"],
        *(text for extra in PROJECT["optional-dependencies"].values() for text in extra),
    )
]


def pinned_versions(name: str) -> dict[str, Version]:
    text = (CHECKOUT / "requirements" / name).read_text()
    pins = [Requirement(entry) for entry in re.findall(r"(?m)^[a-z0-9][^\\\n]*", text)]
    return {pin.name: Version(str(pin.specifier).removeprefix("==")) for pin in pins}


LOWEST = pinned_versions("lowest.txt")
NEWEST = pinned_versions("dev.txt")
SERVER = pinned_versions("server.txt")
BUILD = pinned_versions("build.txt")


def project_name(dependency: Requirement) -> str:
    return re.sub(r"[-_.]+", "-", dependency.name).lower()


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_the_lowest_environment_has_the_lower_bound(dependency):
    (bound,) = [Version(part.version) for part in dependency.specifier if part.operator == ">="]
    assert LOWEST[project_name(dependency)] == bound


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_the_development_environment_is_within_the_bounds(dependency):
    assert NEWEST[project_name(dependency)] in dependency.specifier


@pytest.mark.parametrize("pins", [SERVER, BUILD], ids=["server", "build"])
def test_an_image_has_the_versions_that_the_tests_run_on(pins):
    assert pins
    assert {name: version for name, version in pins.items() if NEWEST.get(name) != version} == {}


@pytest.mark.parametrize("dependency", DEPENDENCIES, ids=str)
def test_an_image_has_each_dependency_of_client_and_server(dependency):
    assert project_name(dependency) in SERVER


def independent_packages() -> list[str]:
    """Return the packages whose tests do not run with the lowest versions."""
    (names,) = re.findall(r"(?m)^INDEPENDENT_PACKAGES := (.+)$", (CHECKOUT / "Makefile").read_text())
    return names.split()


def imported_projects(module: Path) -> set[str]:
    """Return the top-level packages that a module imports, at its start or later."""
    nodes = list(ast.walk(ast.parse(module.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom) and not node.level]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("package", independent_packages())
def test_an_independent_package_imports_no_dependency(package):
    modules = list((CHECKOUT / "src" / "envmgr" / package).rglob("*.py"))
    imported = set[str]().union(*map(imported_projects, modules))
    assert modules
    assert imported - sys.stdlib_module_names - {"envmgr"} == set()
