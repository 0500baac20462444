"""`plugin test`: a tool installed into a scratch root, and its check command run there."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.environment import Environment
from envmgr.kit.errors import InstallError
from envmgr.kit.frozen import frozen
from envmgr.kit.paths import single_root
from envmgr.ops.catalog.latest import DEFAULT_SPEC
from envmgr.resolve import install_plan
from envmgr.resolve.context import Context
from envmgr.resolve.requirements import required_tools
from envmgr.resolve.tool_specs import ToolSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.catalog.layout import Layout
    from envmgr.install.outcome import Outcome
    from envmgr.install.store import Installed

CHECK_TIMEOUT_SECONDS = 60
_MAX_OUTPUT_CHARACTERS = 2000


@frozen
class PluginTest:
    """A version that was installed, its commands, and the check that it passed, if its manifest has one.

    `output` is what the check command printed.
    """

    tool: str
    version: str
    platform: str
    outcome: Outcome
    commands: tuple[str, ...]
    check: tuple[str, ...] = ()
    output: str = ""


def check_plugin(context: Context, requested: ToolSpec) -> PluginTest:
    """Install a tool, by default its newest version, into a scratch root and run its check command.

    Raise InstallError if the check fails; the scratch root is removed in any case.
    """
    tool = context.registry.check(requested.tool).name
    with _scratch_context(context, tool) as scratch:
        return _test(scratch, ToolSpec(tool, requested.spec or DEFAULT_SPEC))


@contextmanager
def _scratch_context(context: Context, tool: str) -> Iterator[Context]:
    """Yield a context of the user's settings and the manifests of a tool and its requirements."""
    with tempfile.TemporaryDirectory(prefix="envmgr-plugin-test-", ignore_cleanup_errors=True) as directory:
        root = os.path.realpath(directory)
        paths, project = single_root(os.path.join(root, "root")), os.path.join(root, "project")
        os.makedirs(paths.plugins)
        os.makedirs(project)
        for name in (tool, *_requirements(context, tool)):
            _copy_manifest(context, name, paths.plugins)
        if os.path.isfile(context.paths.config_file):
            shutil.copyfile(context.paths.config_file, paths.config_file)
        variables = {**_without_overrides(context), "ENVMGR_CEILING": root}
        scratch = Context(
            Environment(variables, project),
            paths,
            context.platform,
            flags=context.flags,
            progress=context.progress,
        )
        try:
            yield scratch
        finally:
            scratch.close()


def _requirements(context: Context, tool: str) -> list[str]:
    """Return the tools that a tool requires, and what these require."""
    result: list[str] = []
    waiting = sorted(required_tools(context, tool))
    while waiting:
        name = waiting.pop(0)
        if name not in result and name != tool:
            result.append(name)
            waiting += sorted(required_tools(context, name))
    return result


def _copy_manifest(context: Context, tool: str, directory: str) -> None:
    """Copy the manifest of a tool unless it is built in, which the scratch root has too."""
    manifest = context.registry.check(tool)
    if not manifest.builtin and os.path.isfile(manifest.origin):
        shutil.copyfile(manifest.origin, os.path.join(directory, os.path.basename(manifest.origin)))


def _without_overrides(context: Context) -> dict[str, str]:
    variables = context.environment.variables
    return {
        name: value
        for name, value in variables.items()
        if not (name.startswith("ENVMGR_") and name.endswith("_VERSION"))
    }


def _test(context: Context, requested: ToolSpec) -> PluginTest:
    tools = [requested, *(ToolSpec(name) for name in _requirements(context, requested.tool))]
    steps = install_plan.plan_tools(context, tools, install_plan.Options())
    outcomes = _install(context, steps)
    pin = steps[0].pin
    installed = store.get(context.paths, pin.tool, pin.version)
    layout = install_plan.job_of(context, pin).layout
    if installed is None:
        raise InstallError(f"{pin.tool} {pin.version}: nothing was installed", "retry")
    (outcome,) = [outcome for outcome in outcomes if outcome.tool == pin.tool]
    command, output = _check(context, installed, layout, steps) if layout.check_args else ((), "")
    return PluginTest(
        pin.tool, pin.version, context.platform.key, outcome, installed.commands(), command, output
    )


def _install(context: Context, steps: Sequence[install_plan.Step]) -> tuple[Outcome, ...]:
    from envmgr.ops import install

    return install.install_versions(context, [step.pin for step in steps]).installed


def _check(
    context: Context, installed: Installed, layout: Layout, steps: Sequence[install_plan.Step]
) -> tuple[tuple[str, ...], str]:
    """Run the check command; return it and its output, or raise InstallError if it fails."""
    name = _command_to_check(context, installed)
    path = installed.find(name)
    command = (name, *layout.check_args)
    result = _run([path or name, *layout.check_args], _variables(context, installed, steps))
    output = result.stdout.strip()[:_MAX_OUTPUT_CHARACTERS]
    if result.returncode != 0 or layout.check_expect not in result.stdout:
        expected = f"expected {layout.check_expect!r} in its output" if layout.check_expect else "expected 0"
        raise InstallError(
            f"{installed.tool} {installed.version}: `{' '.join(command)}` exited with {result.returncode}"
            f" ({expected}){_indent(output)}",
            "correct `bin`, `env` or `check` in the manifest",
        )
    return command, output


def _command_to_check(context: Context, installed: Installed) -> str:
    """Return the command of the tool's name or alias, else its first."""
    commands = installed.commands()
    names = (installed.tool, *context.registry.check(installed.tool).aliases, *commands)
    return next(name for name in names if name in commands)


def _variables(context: Context, installed: Installed, steps: Sequence[install_plan.Step]) -> dict[str, str]:
    trees = [store.get(context.paths, step.pin.tool, step.pin.version) for step in steps]
    directories = [directory for tree in trees if tree for directory in tree.bin_dirs]
    variables = dict(context.environment.variables)
    variables["PATH"] = os.pathsep.join([*directories, variables.get("PATH", "")])
    return {**variables, **installed.env}


def _run(command: Sequence[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - the program of the manifest that the user tests
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=CHECK_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise InstallError(
            f"`{' '.join(command)}` did not end within {CHECK_TIMEOUT_SECONDS} s",
            "correct `check` in the manifest",
        ) from None
    except OSError as error:
        raise InstallError(
            f"cannot run {command[0]}: {error.strerror}", "correct `bin` in the manifest"
        ) from None


def _indent(output: str) -> str:
    return "".join(f"\n  {line}" for line in output.splitlines())
