"""A shim compared with running the program directly, in turn, in one run.

`sh that only execs` is the limit for any script. The program is a tiny static one where a C compiler is at hand.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from support.installation import create_installation

RUNS = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
DIRECT, LIMIT = "direct", "sh that only execs"


def main() -> None:
    """Print the median of each way, its overhead over running directly, and the ratio."""
    with tempfile.TemporaryDirectory() as root:
        project = os.path.join(root, "project")
        deep = os.path.join(project, *"abcdef")
        os.makedirs(deep)
        environment = _prepare(root, project)
        ways = _ways(root, project, deep)
        for command, directory in ways.values():  # the first run writes the plan
            subprocess.run([command], cwd=directory, env={**environment, "PWD": directory}, check=True)
            subprocess.run([command], cwd=directory, env={**environment, "PWD": directory}, check=True)
        _report(_measure(ways, environment))


def _ways(root: str, project: str, deep: str) -> dict[str, tuple[str, str]]:
    from envmgr.kit.paths import single_root

    paths = single_root(os.path.join(root, "home"))
    program = os.path.join(paths.install("nodejs", "20.19.5"), "bin", "node")
    script = os.path.join(root, "script")
    _write(script, f'#!/bin/sh\nexec {program} "$@"\n')
    shim = os.path.join(paths.shims, "node")
    return {
        DIRECT: (program, project),
        LIMIT: (script, project),
        "shim, .envmgr here": (shim, project),
        "shim, six directories up": (shim, deep),
    }


def _prepare(root: str, project: str) -> dict[str, str]:
    """Create three installations, a project with its lock that requests them, and the shims."""
    from envmgr.kit.paths import single_root

    paths = single_root(os.path.join(root, "home"))
    program = _program(root)
    for tool, version, command in (
        ("nodejs", "20.19.5", "node"),
        ("java", "21.0.4", "java"),
        ("go", "1.23.0", "go"),
    ):
        _install(paths.install(tool, version), tool, version, program, command)
    with open(os.path.join(project, ".envmgr"), "w") as file:
        file.write("nodejs=^20.1\njava=21\ngo=1.23\n")
    with open(os.path.join(project, ".envmgr.lock"), "w") as file:
        file.write('{"lockfile": 1, "resolved": {}, "tools": {}}\n')
    time.sleep(0.05)  # no plan is written for a file this recent, as it could still change undetected
    environment = {"ENVMGR_HOME": paths.data, "PATH": f"{paths.shims}:{os.environ['PATH']}", "HOME": root}
    subprocess.run([sys.executable, "-c", _RESHIM], env=environment, check=True)
    return environment


_RESHIM = (
    "from envmgr.ops import reshim; from envmgr.resolve import context; reshim.reshim(context.current())"
)


def _install(directory: str, tool: str, version: str, program: str, command: str) -> None:
    bin_dir = create_installation(directory, tool, version, {f"{tool.upper()}_HOME": "{home}"})
    shutil.copy(program, os.path.join(bin_dir, command))


def _program(root: str) -> str:
    """Return the smallest program that can be built here."""
    source, program = os.path.join(root, "tiny.c"), os.path.join(root, "tiny")
    _write(source, "int main(void) { return 0; }\n")
    compiler = shutil.which("cc")
    if compiler:
        built = subprocess.run([compiler, "-O2", "-static", "-o", program, source], check=False)
        if built.returncode == 0:
            return program
    return shutil.which("true") or "/bin/true"


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, 0o755)


def _measure(ways: dict[str, tuple[str, str]], environment: dict[str, str]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(RUNS):
        for name, (command, directory) in ways.items():
            os.chdir(directory)
            times[name].append(_time(command, {**environment, "PWD": directory}))
    os.chdir("/")
    return times


def _time(command: str, environment: dict[str, str]) -> float:
    started = time.perf_counter()
    _, status = os.waitpid(os.posix_spawn(command, [command], environment), 0)
    duration = time.perf_counter() - started
    if status:
        raise SystemExit(f"{command} failed")
    return duration


def _report(times: dict[str, list[float]]) -> None:
    medians = {name: statistics.median(result) * 1000 for name, result in times.items()}
    direct = medians[DIRECT]
    print(f"{'':26} {'median':>9} {'added':>9} {'ratio':>7}   ({RUNS} runs, in turn)")
    for name, median in medians.items():
        print(f"{name:26} {median:6.2f} ms {median - direct:6.2f} ms {median / direct:6.2f}x")


if __name__ == "__main__":
    main()
