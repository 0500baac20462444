"""Commands that must start fast compared with bare Python, in turn, in one run.

Commands with nothing to do print their recorded result; `install --locked -v` is the same without one, as after a pull.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from support.installation import create_installation

RUNS = 41


def main() -> None:
    """Print the median of each command and its ratio to `python -c pass`."""
    with tempfile.TemporaryDirectory() as root:
        project = os.path.join(root, "project")
        os.mkdir(project)
        environment = {"ENVMGR_HOME": os.path.join(root, "home"), "PATH": os.environ["PATH"]}
        _prepare(project, environment)
        envmgr = os.path.join(os.path.dirname(sys.executable), "envmgr")
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "envmgr --version": [envmgr, "--version"],
            "envmgr current": [envmgr, "current"],
            "envmgr which": [envmgr, "which", "node"],
            "envmgr where": [envmgr, "where", "nodejs"],
            "envmgr list": [envmgr, "list"],
            "envmgr install": [envmgr, "install"],
            "envmgr install --locked": [envmgr, "install", "--locked"],
            "envmgr lock --check": [envmgr, "lock", "--check"],
            "envmgr list --remote": [envmgr, "list", "--remote", "nodejs"],
            "envmgr plugin list": [envmgr, "plugin", "list"],
            "envmgr install --locked -v": [envmgr, "install", "--locked", "-v"],
        }
        _report(_measure(commands, project, environment))


def _prepare(project: str, environment: dict[str, str]) -> None:
    """Create an installation without the installer, so that nothing is downloaded."""
    from envmgr.kit.paths import single_root

    paths = single_root(environment["ENVMGR_HOME"])
    for version in ("18.19.4", "20.19.4", "22.3.0"):
        bin_dir = create_installation(paths.install("nodejs", version), "nodejs", version, {})
        for name in ("node", "npm", "npx"):
            program = os.path.join(bin_dir, name)
            with open(program, "w") as file:
                file.write("#!/bin/sh\n")
            os.chmod(program, 0o755)
    with open(os.path.join(project, ".envmgr"), "w") as file:
        file.write("nodejs=^20.1\n")
    os.makedirs(paths.plugins)
    with open(os.path.join(paths.plugins, "nodejs.json"), "w") as file:
        json.dump(_manifest(), file)
    envmgr = os.path.join(os.path.dirname(sys.executable), "envmgr")
    subprocess.run([envmgr, "lock"], cwd=project, env=environment, capture_output=True, check=True)


def _manifest() -> dict[str, object]:
    """Return a manifest with 800 releases, of which reading needs no network."""
    from envmgr.kit import platform

    archive = {"url": "https://nodejs.org/dist/", "sha256": "0" * 64}
    releases = [
        {"version": f"{major}.{minor}.{patch}", "artifacts": {platform.current().key: archive}}
        for major in range(16, 24)
        for minor in range(20)
        for patch in range(5)
    ]
    return {
        "name": "nodejs",
        "source": {"kind": "static", "versions": releases},
        "format": "tar.gz",
        "bin": ["bin"],
    }


def _measure(
    commands: dict[str, list[str]], project: str, environment: dict[str, str]
) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(RUNS + 2):
        for name, command in commands.items():
            start = time.perf_counter()
            subprocess.run(command, cwd=project, env=environment, capture_output=True, check=True)
            if turn > 1:
                times[name].append(time.perf_counter() - start)
    return times


def _report(times: dict[str, list[float]]) -> None:
    bare = times["python -c pass"]
    for name, measured in times.items():
        ratio = statistics.median(a / b for a, b in zip(measured, bare, strict=True))
        print(f"{name:26} {statistics.median(measured) * 1000:6.1f} ms   {ratio:4.2f} x")


if __name__ == "__main__":
    main()
