"""The hook of an activated shell: where nothing changed, and after a change to a known project.

Each figure is the processor time of a shell that runs a loop, less that of one that does the same without the hook.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import sys
import tempfile
import time

from support.installation import create_installation

TOOLS = {"nodejs": "20.19.5", "java": "21.0.4", "go": "1.23.0", "uv": "0.8.0"}
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 9
PROMPTS, CHANGES = 2000, 200
TARGETS_MS = {"nothing changed": 0.05, "changed to a known project": 1.5}

POSIX = """
. {script}
cd {first}; __envmgr_hook; cd {second}; __envmgr_hook
none() {{ return 0; }}
[ {hook} = __envmgr_hook ] || __envmgr_deactivate
for ((i = 0; i < {prompts}; i++)); do {hook}; done
for ((i = 0; i < {changes}; i++)); do cd {first}; {hook}; cd {second}; {hook}; done
"""
FISH = """
source {script}
cd {first}; cd {second}
function none; end
test {hook} = __envmgr_hook; or __envmgr_deactivate
for i in (seq {prompts}); {hook}; end
for i in (seq {changes}); cd {first}; {hook}; cd {second}; {hook}; end
"""
SHELLS = {
    "bash": (["bash", "--norc", "-c"], POSIX),
    "zsh": (["zsh", "-f", "-c"], POSIX),
    "fish": (["fish", "--no-config", "-c"], FISH),
}


def main() -> None:
    """Print the median of each figure in each shell."""
    shells = [name for name in SHELLS if shutil.which(name)]
    with tempfile.TemporaryDirectory() as root:
        _prepare(root)
        environment = {"ENVMGR_HOME": os.path.join(root, "home"), "PATH": os.environ["PATH"], "HOME": root}
        scripts = {name: _write_script(root, name, environment) for name in shells}
        rounds = [
            {name: _measure(root, name, script, environment) for name, script in scripts.items()}
            for _ in range(ROUNDS)
        ]
    figures = {
        name: {case: statistics.median(result[name][case] for result in rounds) for case in TARGETS_MS}
        for name in shells
    }
    _report(figures)


def _report(figures: dict[str, dict[str, float]]) -> None:
    for case, target in TARGETS_MS.items():
        print(f"{case} (target {target} ms)")
        for name, result in figures.items():
            print(f"  {name:5} {result[case]:7.4f} ms")


def _prepare(root: str) -> None:
    """Create installations, and two projects that request them, three directories deep."""
    from envmgr.kit.paths import single_root

    paths = single_root(os.path.join(root, "home"))
    for tool, version in TOOLS.items():
        create_installation(paths.install(tool, version), tool, version, {f"{tool.upper()}_HOME": "{home}"})
    for project in ("src/first", "src/second"):
        directory = os.path.join(root, project)
        os.makedirs(directory)
        with open(os.path.join(directory, ".envmgr"), "w") as file:
            file.writelines(f"{tool}={version}\n" for tool, version in TOOLS.items())
        with open(os.path.join(directory, ".envmgr.lock"), "w") as file:
            json.dump({"lockfile": 1, "resolved": {}, "tools": {}}, file)
    time.sleep(0.05)  # no plan is written for a file this recent, as it could still change undetected


def _write_script(root: str, shell: str, environment: dict[str, str]) -> str:
    from envmgr.kit.environment import Environment
    from envmgr.kit.paths import single_root
    from envmgr.ops import activation
    from envmgr.resolve.context import Context

    context = Context(Environment(environment, root), single_root(environment["ENVMGR_HOME"]))
    path = os.path.join(root, f"activate.{shell}")
    with open(path, "w") as file:
        file.write(activation.script(context, activation.shell_named(shell)))
    return path


def _measure(root: str, shell: str, script: str, environment: dict[str, str]) -> dict[str, float]:
    """Return the milliseconds of each figure in one run of a shell."""
    words, template = SHELLS[shell]
    values = {
        "script": script,
        "first": os.path.join(root, "src/first"),
        "second": os.path.join(root, "src/second"),
    }

    def time_of(prompts: int, changes: int) -> float:
        used = [
            _processor_seconds(
                [*words, template.format(**values, hook=hook, prompts=prompts, changes=changes)], environment
            )
            for hook in ("__envmgr_hook", "none")
        ]
        return (used[0] - used[1]) * 1000

    none, prompts, changes = time_of(0, 0), time_of(PROMPTS, 0), time_of(0, CHANGES)
    return {
        "nothing changed": (prompts - none) / PROMPTS,
        "changed to a known project": (changes - none) / (2 * CHANGES),
    }


def _processor_seconds(words: list[str], environment: dict[str, str]) -> float:
    program = shutil.which(words[0]) or words[0]
    _, status, usage = os.wait4(os.posix_spawn(program, words, environment), 0)
    if status:
        raise SystemExit(
            f"cannot measure {words[0]}: it ended with the exit code {os.waitstatus_to_exitcode(status)}"
        )
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
