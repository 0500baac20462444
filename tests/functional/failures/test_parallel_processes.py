"""Many concurrent processes on one machine."""

from __future__ import annotations

import pytest

PROCESSES = 20


def finish(processes):
    results = [(process.communicate(timeout=240), process.returncode) for process in processes]
    return [(code, out, err) for (out, err), code in results]


@pytest.mark.slow
def test_processes_that_install_the_same_tools_share_one_download(two_tools):
    results = finish([two_tools.start("install") for _ in range(PROCESSES)])
    assert [code for code, _, _ in results] == [0] * PROCESSES, [err for _, _, err in results]
    archives = [path for path in two_tools.server.paths if path.endswith(".tar.gz")]
    assert len(archives) == len(set(archives)) == 2
    assert two_tools.command(["alpha"]).out == "alpha 1.1.0\n"
    assert two_tools.incomplete() == []
    assert two_tools.staged() == []


@pytest.mark.slow
def test_concurrent_install_use_and_reshim_lose_nothing(sandbox):
    names = ["alpha", "beta", "gamma"]
    for name in names:
        sandbox.publish(name)
    sandbox.write("alpha=1.0.0")
    commands = [
        ("install",),
        ("use", "beta", "1.0.0"),
        ("use", "gamma", "^1"),
        ("install", "alpha@2.0.0"),
        ("reshim",),
    ]
    processes = [sandbox.start(*commands[number % len(commands)]) for number in range(PROCESSES)]
    results = finish(processes)
    assert [code for code, _, _ in results] == [0] * PROCESSES, [err for _, _, err in results]
    text = (sandbox.project / ".envmgr").read_text()
    assert sorted(text.splitlines()) == ["alpha=1.0.0", "beta=1.0.0", "gamma=^1"]
    sandbox.ok("install")
    assert sandbox.lock["resolved"] == {"alpha@1.0.0": "1.0.0", "beta@1.0.0": "1.0.0", "gamma@^1": "1.1.0"}
    for name in names:
        assert sandbox.command([name, "--version"]).code == 0
    assert sandbox.ok("doctor", "--json").json["findings"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["alpha", "beta"])
def test_a_command_never_disappears_while_others_reshim(two_tools, command):
    two_tools.ok("install")
    processes = [two_tools.start("reshim") for _ in range(8)]
    while any(process.poll() is None for process in processes):
        assert two_tools.command([command, "--version"]).code == 0
    assert [code for code, _, _ in finish(processes)] == [0] * 8
