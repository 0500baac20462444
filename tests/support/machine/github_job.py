"""A job of GitHub Actions on this machine: composite actions, steps and annotations."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from support.waiting import PROCESS_TIMEOUT_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

EXPRESSION = re.compile(r"\$\{\{ ([\w.-]+) \}\}")
CONDITION = re.compile(r"([\w.-]+) == '(\w+)'")
COMMAND = re.compile(r"::(?P<name>[\w-]+)(?: (?P<properties>[^:]*))?::(?P<value>.*)")


def read_github_env(text: str) -> dict[str, str]:
    """Return the variables that a GITHUB_ENV, or GITHUB_OUTPUT, file sets."""
    variables, lines = {}, iter(text.split("\n")[:-1])
    for line in lines:
        if re.match(r"[^=]*<<", line):
            name, _, delimiter = line.partition("<<")
            variables[name] = "\n".join(iter(lambda: next(lines), delimiter))
        else:
            name, _, variables[name] = line.partition("=")
    return variables


@dataclass(frozen=True)
class StepResult:
    """The end of a step: its exit code, its output and the annotations that the runner makes of that."""

    code: int
    output: str
    annotations: list[dict[str, str]]


@dataclass
class GithubJob:
    """Runs steps in a workspace, each in the environment that the steps before it left."""

    workspace: Path
    runner: Path
    variables: dict[str, str]
    path: list[str] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)
    used_actions: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    _matchers: list[dict] = field(default_factory=list)

    def use(self, action: Path, **inputs: str) -> StepResult:
        """Run the steps of a composite action until one fails; other actions are only recorded."""
        declared = yaml.safe_load((action / "action.yml").read_text())
        values = {name: str(item.get("default", "")) for name, item in declared["inputs"].items()}
        values |= {name.replace("_", "-"): value for name, value in inputs.items()}
        context = {f"inputs.{name}": value for name, value in values.items()}
        result = StepResult(0, "", [])
        for step in declared["runs"]["steps"]:
            if result.code == 0 and _is_enabled(step, context):
                result = _join(result, self._run_action_step(step, action, context))
        self.outputs = {name: _evaluate(item["value"], context) for name, item in declared["outputs"].items()}
        return result

    def run(self, script: str, variables: Mapping[str, str] | None = None) -> StepResult:
        """Run a script as a step."""
        return self._run_step(script, variables or {})[0]

    def _run_action_step(self, step: dict, action: Path, context: dict[str, str]) -> StepResult:
        if "uses" in step:
            arguments = {name: _evaluate(text, context) for name, text in step["with"].items()}
            self.used_actions.append((step["uses"], arguments))
            return StepResult(0, "", [])
        variables = {name: _evaluate(text, context) for name, text in step["env"].items()}
        result, outputs = self._run_step(step["run"], {"GITHUB_ACTION_PATH": str(action), **variables})
        context |= {f"steps.{step['id']}.outputs.{name}": value for name, value in outputs.items()}
        return result

    def _run_step(self, script: str, variables: Mapping[str, str]) -> tuple[StepResult, dict[str, str]]:
        self.runner.mkdir(exist_ok=True)
        files = {name: self.runner / name.lower() for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT")}
        for file in files.values():
            file.write_text("")
        result = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.workspace,
            env={**self._environment(), **{name: str(file) for name, file in files.items()}, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PROCESS_TIMEOUT_SECONDS,
            check=False,
        )
        self.variables |= read_github_env(files["GITHUB_ENV"].read_text())
        for line in files["GITHUB_PATH"].read_text().splitlines():
            self.path = [line, *(item for item in self.path if item != line)]
        step = StepResult(result.returncode, result.stdout, [*self._annotations(result.stdout)])
        return step, read_github_env(files["GITHUB_OUTPUT"].read_text())

    def _environment(self) -> dict[str, str]:
        return {
            **self.variables,
            "PATH": os.pathsep.join([*self.path, self.variables["PATH"]]),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.workspace),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
            "RUNNER_TOOL_CACHE": str(self.runner / "tool cache"),
        }

    def _annotations(self, output: str) -> Iterator[dict[str, str]]:
        """Yield an annotation for each command `error`, and for each other line by the first matcher."""
        for line in output.splitlines():
            command = COMMAND.match(line)
            if command and command["name"] == "error":
                yield {"message": command["value"]}
            elif command:
                self._change_matchers(command)
            else:
                yield from [*self._matches(line)][:1]

    def _change_matchers(self, command: re.Match[str]) -> None:
        if command["name"] == "add-matcher":
            with open(command["value"]) as file:
                for matcher in json.load(file)["problemMatcher"]:
                    self._matchers.insert(0, matcher)
        elif command["name"] == "remove-matcher":
            owner = command["properties"].removeprefix("owner=")
            self._matchers = [matcher for matcher in self._matchers if matcher["owner"] != owner]

    def _matches(self, line: str) -> Iterator[dict[str, str]]:
        for matcher in self._matchers:
            (pattern,) = matcher["pattern"]
            match = re.search(pattern["regexp"], line)
            if match:
                yield {name: match[group] for name, group in pattern.items() if name != "regexp"}


def _is_enabled(step: dict, context: Mapping[str, str]) -> bool:
    condition = CONDITION.fullmatch(step.get("if", ""))
    return "if" not in step or context[condition[1]] == condition[2]


def _evaluate(text: str, context: Mapping[str, str]) -> str:
    """Return a text with its expressions replaced; an output that no step set is empty."""
    return EXPRESSION.sub(lambda match: context.get(match[1], ""), text)


def _join(first: StepResult, second: StepResult) -> StepResult:
    return StepResult(second.code, first.output + second.output, [*first.annotations, *second.annotations])
