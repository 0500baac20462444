"""Commands with nothing to do print their recorded result, and notice every change of its inputs."""

from __future__ import annotations

import builtins
import errno
import json
import os
import shutil
import sys
import sysconfig
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import envmgr
from envmgr.install import staging
from envmgr.kit import environment as environments
from envmgr.kit import result_cache
from envmgr.kit.paths import single_root
from envmgr.ops import record_result
from support.http.fault_server import Server
from support.machine.own_process import OwnProcess
from support.machine.sandbox import PLATFORMS, Sandbox

LIFETIME_SECONDS = 3600
COMMANDS = (
    ("install",),
    ("install", "--locked"),
    ("lock", "--check"),
    ("lock", "--check", "--offline"),
    ("list", "--remote", "alpha"),
    ("plugin", "list"),
    ("install", "--json"),
    ("install", "-q"),
    ("latest", "alpha@1"),
    ("search", "al"),
)


def static_manifest(name, versions=("1.0.0", "1.1.0")):
    """Return a manifest that lists its releases itself."""
    archives = {platform: {"url": f"https://{name}.example/{platform}.tar.gz"} for platform in PLATFORMS}
    return {
        "name": name,
        "source": {
            "kind": "static",
            "versions": [{"version": version, "artifacts": archives} for version in versions],
        },
        "format": "tar.gz",
        "bin": [f"bin/{name}"],
    }


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """Yield a machine with two installed tools, whose lists stay fresh as long as the tests run."""
    with Server() as server:
        sandbox = Sandbox(tmp_path_factory.mktemp("machine") / "root", server)
        sandbox.publish("alpha")
        sandbox.publish("beta", ("1.2.0",))
        for page in server.pages.values():
            page.headers = {**page.headers, "Cache-Control": f"max-age={LIFETIME_SECONDS}"}
        sandbox.write("alpha=^1.0", "beta=1.2.0")
        (sandbox.project / "inner").mkdir()
        sandbox.ok("install")
        yield OwnProcess(sandbox)


@pytest.fixture
def fresh(machine):
    """Return the machine in its first state."""
    machine.reset()
    return machine


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_recorded_result_is_what_the_command_prints(fresh, command):
    recorded = fresh.run_until_recorded(*command)
    assert recorded.printed == fresh.run_afresh(*command).printed
    assert recorded.code == 0


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def receipt_of(box):
    return box.home / "installs/alpha/1.1.0/.envmgr-receipt.json"


EDITS = {
    "a request changes": lambda box: box.write("alpha=1.0.0", "beta=1.2.0"),
    "a request is removed": lambda box: box.write("alpha=^1.0"),
    "the dotfile is removed": lambda box: (box.project / ".envmgr").unlink(),
    "a dotfile appears above": lambda box: write(box.root / ".envmgr", "beta=1.0.0\n"),
    "a global dotfile appears": lambda box: write(box.home / "global.envmgr", "gamma=1.0.0\n"),
    "the lock changes": lambda box: write(box.project / ".envmgr.lock", "{}"),
    "the lock is removed": lambda box: (box.project / ".envmgr.lock").unlink(),
    "a setting appears": lambda box: write(box.home / "config.toml", 'lock_platforms = ["linux-x64"]\n'),
    "a wrong setting appears": lambda box: write(box.home / "config.toml", "jobs = true\n"),
    "a manifest changes": lambda box: box.add_manifest(static_manifest("alpha")),
    "a manifest is damaged": lambda box: write(box.home / "plugins/beta.json", "{"),
    "a manifest is removed": lambda box: (box.home / "plugins/beta.json").unlink(),
    "a manifest of the project appears": lambda box: write(
        box.project / ".envmgr.plugins/alpha.json", json.dumps(static_manifest("alpha", ("1.1.0",)))
    ),
    "a manifest appears above": lambda box: write(
        box.root / ".envmgr.plugins/beta.json", json.dumps(static_manifest("beta", ("1.2.0",)))
    ),
    "an installation is removed": lambda box: shutil.rmtree(box.home / "installs/alpha/1.1.0"),
    "all installations are removed": lambda box: shutil.rmtree(box.home / "installs"),
    "a receipt is removed": lambda box: receipt_of(box).unlink(),
    "a receipt is damaged": lambda box: receipt_of(box).write_text("{}"),
    "a program is removed": lambda box: (box.home / "installs/alpha/1.1.0/bin/alpha").unlink(),
    "a program is not executable": lambda box: (box.home / "installs/alpha/1.1.0/bin/alpha").chmod(0o644),
    "a program appears": lambda box: shutil.copy(
        box.home / "installs/alpha/1.1.0/bin/alpha", box.home / "installs/alpha/1.1.0/bin/alpha-2"
    ),
    "another version appears": lambda box: shutil.copytree(
        box.home / "installs/alpha/1.1.0", box.home / "installs/alpha/1.0.0"
    ),
    "a shim is removed": lambda box: (box.shims / "alpha").unlink(),
    "a shim is changed": lambda box: (box.shims / "alpha").write_text("#!/bin/sh\n# envmgr shim (old)\n"),
    "a shim is not executable": lambda box: (box.shims / "beta").chmod(0o644),
    "a stale shim appears": lambda box: write(box.shims / "old", "#!/bin/sh\n# envmgr shim (old)\n"),
    "all shims are removed": lambda box: shutil.rmtree(box.shims),
    "a leftover appears": lambda box: write(box.home / "staging/0-left/file", "x"),
}
EDITS_OF_LISTS = {
    "the lists are removed": lambda box: shutil.rmtree(box.home / "cache/index"),
    "the lists are damaged": lambda box: [
        path.write_text("{}") for path in (box.home / "cache/index").iterdir()
    ],
}
EDITS_OF_COMMANDS = {
    ("install", "--locked"): EDITS,
    ("lock", "--check", "--offline"): EDITS_OF_LISTS,
    ("list", "--remote", "alpha"): (
        "a request changes",
        "the lock is removed",
        "a wrong setting appears",
        "a manifest changes",
        "a manifest of the project appears",
        "an installation is removed",
        "another version appears",
    ),
    ("plugin", "list"): (
        "a manifest is damaged",
        "a manifest is removed",
        "a manifest of the project appears",
        "a manifest appears above",
    ),
}


def state_of(box):
    """Return the files of a machine and their content, but for what differs from run to run."""
    return {
        path.relative_to(box.root): (path.stat().st_mode, path.read_bytes())
        for directory in (box.project, box.home / "shims", box.home / "staging", box.home / "installs")
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.name != ".envmgr-receipt.json" and path.suffix != ".lock"
    }


@pytest.mark.parametrize(
    ("command", "name"),
    [
        pytest.param(command, name, id=f"{' '.join(command)}: {name}")
        for command, names in EDITS_OF_COMMANDS.items()
        for name in names
    ],
)
def test_a_change_is_noticed_as_without_a_recorded_result(fresh, command, name):
    edit = {**EDITS, **EDITS_OF_LISTS}[name]
    fresh.run_until_recorded(*command)
    edit(fresh.sandbox)
    noticed, state = fresh.run(*command), state_of(fresh.sandbox)
    fresh.reset()
    fresh.run(*command)
    edit(fresh.sandbox)
    expected, expected_state = fresh.run_afresh(*command), state_of(fresh.sandbox)
    assert not noticed.is_recorded
    assert noticed.code == expected.code
    assert _without_seconds(noticed.out) == _without_seconds(expected.out)
    assert sorted(noticed.err.splitlines()) == sorted(expected.err.splitlines())
    assert state == expected_state


def _without_seconds(text):
    return [line.rpartition(" in ")[0] or line for line in text.splitlines()]


def switch_link(box):
    dotfile = box.project / ".envmgr"
    dotfile.unlink()
    dotfile.symlink_to(box.project / "old")


@pytest.mark.parametrize("edit", [lambda box: (box.project / ".envmgr").unlink(), switch_link])
def test_an_input_that_goes_away_after_it_was_read_is_noticed(fresh, edit):
    """At the end of the command, its path may have an older file, or none."""
    write(fresh.sandbox.project / "old", "beta=1.2.0\n")
    command = ("install", "--locked")
    fresh.run_until_recorded(*command)
    record = result_cache.record

    def edit_and_record(*arguments):
        edit(fresh.sandbox)
        return record(*arguments)

    with mock.patch.object(result_cache, "record", edit_and_record):
        before = fresh.run_afresh(*command)
    noticed = fresh.run(*command)
    assert noticed.printed != before.printed
    assert noticed.printed == fresh.run_afresh(*command).printed


@pytest.mark.parametrize(
    "variables",
    [
        {"ENVMGR_ALPHA_VERSION": "1.1.0"},
        {"ENVMGR_LOCK_PLATFORMS": "linux-x64"},
        {"ENVMGR_CEILING": "/"},
        {"PATH": "/usr/bin"},
        {"HOME": "/"},
    ],
    ids=lambda variables: next(iter(variables)),
)
def test_a_changed_variable_is_noticed(fresh, variables):
    fresh.run_until_recorded("install")
    assert not fresh.run("install", env=variables).is_recorded
    assert fresh.run("install").is_recorded


def test_another_directory_version_or_rendering_has_its_own_result(fresh):
    fresh.run_until_recorded("install")
    assert not fresh.run("install", cwd=str(fresh.sandbox.project / "inner")).is_recorded
    fresh.run_until_recorded("-C", "inner", "install")
    assert fresh.run("install", cwd=str(fresh.sandbox.project / "inner")).is_recorded
    assert not fresh.run("install", "--json").is_recorded
    assert not fresh.run("install", "--offline").is_recorded
    assert not fresh.run("install", env={"CLICOLOR_FORCE": "1"}).is_recorded
    assert not fresh.run("install", "--verbose").is_recorded
    with mock.patch.object(result_cache, "__version__", "0.0.0"):
        assert not fresh.run("install").is_recorded
    assert fresh.run("install").is_recorded


def serve_wheels(server, at, *tool_versions):
    """Serve an index with a wheel of each version, fresh as the lists are; return its URL."""
    names = map(wheel_of, tool_versions)
    files = [{"filename": name, "url": f"/{name}", "hashes": {"sha256": "0" * 64}} for name in names]
    server.add_json(f"{at}/tool/", {"meta": {"api-version": "1.1"}, "name": "tool", "files": files})
    page = server.pages[f"{at}/tool/"]
    page.headers = {
        "Content-Type": "application/vnd.pypi.simple.v1+json",
        "Cache-Control": f"max-age={LIFETIME_SECONDS}",
    }
    return f"{server.url}{at}"


def wheel_of(version):
    return f"tool-{version}-py3-none-manylinux_2_17_x86_64.whl"


@pytest.fixture
def pip_file(fresh):
    """Return the only file of pip's configuration: with an index, and a directory of wheels."""
    index = serve_wheels(fresh.sandbox.server, "/simple", "1.0.0")
    wheels = fresh.sandbox.root / "wheels"
    wheels.mkdir()
    path = fresh.sandbox.root / "pip.conf"
    path.write_text(f"[global]\nindex-url = {index}\nextra-index-url = {index}\nfind-links = {wheels}\n")
    return path


LATEST = ("latest", "pypi:tool")


def change_index(pip_file, server):
    newer = serve_wheels(server, "/newer", "1.1.0")
    pip_file.write_text(pip_file.read_text().replace(f"{server.url}/simple", newer))


def add_wheel(pip_file, _server):
    (pip_file.parent / "wheels" / wheel_of("1.1.0")).touch()


@pytest.mark.parametrize("edit", [change_index, add_wheel])
def test_a_change_of_pips_configuration_is_noticed(fresh, pip_file, edit):
    variables = {"PIP_CONFIG_FILE": str(pip_file)}
    assert fresh.run_until_recorded(*LATEST, env=variables).out == "1.0.0\n"
    edit(pip_file, fresh.sandbox.server)
    assert fresh.run(*LATEST, env=variables).out == "1.1.0\n"


def test_another_index_in_a_variable_is_noticed(fresh, pip_file):
    variables = {"PIP_CONFIG_FILE": str(pip_file)}
    fresh.run_until_recorded(*LATEST, env=variables)
    index = serve_wheels(fresh.sandbox.server, "/other", "1.2.0")
    assert fresh.run(*LATEST, env={**variables, "PIP_INDEX_URL": index}).out == "1.2.0\n"


def test_a_result_that_depends_on_a_secret_of_pip_is_not_recorded(fresh, pip_file):
    url = fresh.sandbox.server.url.replace("//", "//me:secret@")
    variables = {"PIP_CONFIG_FILE": str(pip_file), "PIP_EXTRA_INDEX_URL": f"{url}/simple"}
    fresh.run(*LATEST, env=variables)
    with mock.patch.object(result_cache, "record") as record:
        assert fresh.run(*LATEST, env=variables).out == "1.0.0\n"
    assert not record.called


def test_a_list_that_is_no_longer_fresh_is_noticed(fresh):
    fresh.run_until_recorded("lock", "--check")
    for path in (fresh.sandbox.home / "cache/index").iterdir():
        os.utime(path, (path.stat().st_mtime - 2 * LIFETIME_SECONDS,) * 2)
    request_count = len(fresh.sandbox.server.requests)
    assert not fresh.run("lock", "--check").is_recorded
    assert len(fresh.sandbox.server.requests) > request_count


def test_a_result_beside_an_installation_in_progress_is_not_recorded(fresh):
    """The process may be killed, and the next command must delete what it leaves."""
    paths = single_root(str(fresh.sandbox.home))
    with staging.directory(paths):
        for _ in range(4):
            assert not fresh.run("install").is_recorded
    fresh.run_until_recorded("install")


def test_a_result_with_a_message_is_not_recorded(fresh):
    (fresh.sandbox.home / "plugins" / "alpha.json").write_text(
        (fresh.sandbox.home / "plugins" / "alpha.json").read_text().replace('"checksum"', '"unknown"')
    )
    for _ in range(3):
        assert not fresh.run("install").is_recorded


def test_a_result_with_stale_shims_is_not_recorded(fresh):
    write(fresh.sandbox.shims / "alpha", "#!/bin/sh\n# envmgr shim (old)\n")
    open_file = os.open

    def open_elsewhere(path, *arguments, **keywords):
        if os.path.dirname(path) == str(fresh.sandbox.shims):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_file(path, *arguments, **keywords)

    with mock.patch.object(os, "open", open_elsewhere):
        for _ in range(5):
            assert not fresh.run("install").is_recorded
    fresh.run_until_recorded("install")
    assert "(old)" not in (fresh.sandbox.shims / "alpha").read_text()


@pytest.mark.parametrize(
    "command", [("install", "--help"), ("lock", "--help"), ("list", "--remote", "--help")], ids=" ".join
)
def test_help_reads_no_recorded_result(fresh, command):
    run = fresh.run(*command, env={"ENVMGR_HOME": "relative"})
    assert (run.code, run.err) == (0, "")
    assert "Usage: envmgr" in run.out


UNREADABLE_INPUTS = {
    "a wrong setting": lambda box: write(box.home / "config.toml", "jobs = true\n"),
    "a receipt that is not UTF-8": lambda box: receipt_of(box).write_bytes(b'{"tool": "\xff"}'),
    "installations that cannot be listed": lambda box: loop(box.home / "installs"),
}


def loop(directory):
    """Replace a directory by a link to itself: root cannot list it either."""
    shutil.rmtree(directory)
    directory.symlink_to(directory.name)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("edit", UNREADABLE_INPUTS.values(), ids=UNREADABLE_INPUTS)
def test_a_result_that_cannot_be_recorded_fails_no_command(fresh, edit, command):
    edit(fresh.sandbox)
    run = fresh.run(*command)
    fresh.reset()
    edit(fresh.sandbox)
    with mock.patch.object(record_result, "record_result", return_value=False):
        without_recording = fresh.run(*command)
    assert run.printed == without_recording.printed


@pytest.mark.slow
@settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    st.lists(st.sampled_from(sorted(EDITS)), min_size=1, max_size=3, unique=True),
    st.sampled_from(COMMANDS[:6]),
)
def test_several_changes_are_noticed_as_without_a_recorded_result(machine, names, command):
    """The machine with recorded results and that without must agree after every single change."""
    outputs = []
    for run in (machine.run, machine.run_afresh):
        machine.reset()
        machine.run_until_recorded(*command) if run == machine.run else machine.run(*command)
        steps = []
        for name in names:
            try:
                EDITS[name](machine.sandbox)
            except OSError:  # an earlier change has removed its file
                continue
            result = run(*command)
            steps.append((name, result.code, _without_seconds(result.out), sorted(result.err.splitlines())))
        outputs.append((steps, state_of(machine.sandbox)))
    assert outputs[0] == outputs[1]


# -- the table of inputs is complete --------------------------------------------------------------------------

OWN_DIRECTORIES = (
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")},
    os.path.dirname(envmgr.__file__),
    sys.prefix,
    sys.base_prefix,
    "/dev",
    "/proc",
)


class Trace:
    """All paths that this process reads, or asks about, in a block."""

    FUNCTIONS = ("stat", "lstat", "access", "listdir", "scandir", "open", "readlink")

    def __init__(self):
        self.paths = set()
        self._patches = [
            mock.patch.object(module, name, self._tracer(getattr(module, name)))
            for module, names in ((os, self.FUNCTIONS), (builtins, ("open",)))
            for name in names
        ]

    def _tracer(self, function):
        def trace(path, *arguments, **keywords):
            if isinstance(path, str | bytes | os.PathLike):
                self.paths.add(os.path.join(os.getcwd(), os.fsdecode(path)))
            return function(path, *arguments, **keywords)

        return trace

    def __enter__(self):
        for patch in self._patches:
            patch.start()
        return self

    def __exit__(self, *_):
        for patch in self._patches:
            patch.stop()


@pytest.mark.parametrize("command", [*COMMANDS[:6], LATEST], ids=" ".join)
def test_the_table_has_all_files_that_a_command_reads(fresh, pip_file, command):
    variables = {"PIP_CONFIG_FILE": str(pip_file)}
    fresh.run_until_recorded(*command, env=variables)
    inputs = set()

    def record(_paths, _key, _result, names, _validity):
        inputs.update(names)
        trace.__exit__()
        return True

    with mock.patch.object(result_cache, "record", record), Trace() as trace:
        fresh.run_afresh(*command, env=variables)
    assert inputs, "the command has not recorded its result"
    read = {
        path for path in trace.paths if not path.startswith((*OWN_DIRECTORIES, *own_caches(fresh.sandbox)))
    }
    assert {path for path in read if not is_covered(path, inputs)} == known_directories(fresh.sandbox) & read


def own_caches(box):
    """Return files that decide nothing: what they have is as without them."""
    return str(box.home / "cache/results"), str(box.home / "cache/pip.json")


def is_covered(path, inputs):
    """Return whether a change of a file is a change of an input: one appears with a name in a directory."""
    while not os.path.lexists(os.path.dirname(path)):
        path = os.path.dirname(path)
    exact = {result_cache.file_input(path), result_cache.directory_input(path)}
    parent = result_cache.directory_input(os.path.dirname(path))
    return bool(exact & inputs) or (parent in inputs and not os.path.lexists(path))


def known_directories(box):
    """Return directories that decide nothing: the working directory and the homes exist."""
    return {str(box.project), str(box.home), str(box.user_home)}


VARIABLES_OF_RENDERING = {"NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM", "COLUMNS", "CI"}
VARIABLES_OF_REQUESTS = {"GITHUB_TOKEN", "GH_TOKEN", "NETRC", "ENVMGR_GITHUB_TOKEN"}
VARIABLES_OF_COMPLETION = {"_ENVMGR_COMPLETE"}


class ReadVariables(dict):
    """Variables that add the names that are read to a set."""

    def __init__(self, variables, names):
        super().__init__(variables)
        self._names = names

    def get(self, name, default=None):
        self._names.add(name)
        return super().get(name, default)


@pytest.mark.parametrize("command", [*COMMANDS[:6], LATEST], ids=" ".join)
def test_the_key_has_all_variables_that_a_command_reads(fresh, pip_file, command):
    current, names = environments.current, set()

    def observed(cwd=None):
        environment = current(cwd)
        return environments.Environment(ReadVariables(environment.variables, names), environment.directory)

    variables = {"PIP_CONFIG_FILE": str(pip_file)}
    fresh.run(*command, env=variables)  # a list that is not cached is requested
    with mock.patch.object(environments, "current", observed):
        fresh.run_afresh(*command, env=variables)
    in_key = result_cache.VARIABLES | VARIABLES_OF_RENDERING | VARIABLES_OF_REQUESTS | VARIABLES_OF_COMPLETION
    unknown = {name for name in names - in_key if not name.startswith(result_cache.VARIABLE_PREFIXES)}
    assert "HOME" in names or "ENVMGR_HOME" in names
    assert unknown == set()


def test_every_row_of_the_table_has_an_input(fresh):
    write(fresh.sandbox.home / "staging/0-left/file", "x")
    inputs_by_subject = {}

    def note_inputs(context, _key, _result):
        inputs_by_subject.update({subject: set(inputs(context)) for subject, inputs in record_result.INPUTS})

    with mock.patch.object(record_result, "record_result", note_inputs):
        fresh.run("lock", "--check")
    assert len(inputs_by_subject) == len(record_result.INPUTS)
    assert all(inputs_by_subject.values())
