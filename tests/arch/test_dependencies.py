"""The lower bounds of the dependencies are the versions that the lowest environment installs."""

from __future__ import annotations

import re
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
