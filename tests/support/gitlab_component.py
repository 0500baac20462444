"""The GitLab CI component with its inputs replaced, as GitLab does when it creates a pipeline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPONENT = Path(__file__).parents[2] / "templates" / "envmgr.yml"
INPUT = re.compile(r"\$\[\[ inputs\.([\w-]+) \]\]")


def declared_inputs() -> dict[str, dict[str, str]]:
    """Return the inputs that the component declares."""
    return next(yaml.safe_load_all(COMPONENT.read_text()))["spec"]["inputs"]


def used_inputs() -> set[str]:
    """Return the names of the inputs that the component's jobs use."""
    return {*INPUT.findall(_jobs_text())}


def jobs_of(**inputs: str) -> dict[str, dict]:
    """Return the component's jobs with these inputs; KeyError for an input without a value."""
    defaults = {name: item["default"] for name, item in declared_inputs().items() if "default" in item}
    values = defaults | {name.replace("_", "-"): value for name, value in inputs.items()}
    return _interpolate(yaml.safe_load(_jobs_text()), values)


def _interpolate(node: object, values: Mapping[str, str]) -> object:
    """Return a part of the document with the inputs in its texts and names replaced."""
    if isinstance(node, dict):
        return {_interpolate(name, values): _interpolate(item, values) for name, item in node.items()}
    if isinstance(node, list):
        return [_interpolate(item, values) for item in node]
    return INPUT.sub(lambda match: values[match[1]], node) if isinstance(node, str) else node


def job_of(**inputs: str) -> dict:
    """Return the component's only job with these inputs."""
    (job,) = jobs_of(**inputs).values()
    return job


def _jobs_text() -> str:
    return COMPONENT.read_text().partition("\n---\n")[2]
