"""`deploy/local.sh`: the distributed server on one machine, from the first start to the last process."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from envmgr.kit.environment import Environment
from envmgr.server.bootstrap.registry import SERVICE_NAMES, SERVICE_RULES
from envmgr.server.kit.config.service_settings import read_service
from support.http.raw_client import HOST
from support.processes import end_input, is_running, process_without_first_thread
from support.recorded_variables import RecordedVariables
from support.requirements import needs_programs
from support.server.local_system import (
    PROCESSES,
    REQUIRED_PROGRAMS,
    SCRIPT,
    SERVICES,
    LocalSystem,
)
from support.waiting import wait_until

pytestmark = needs_programs(*REQUIRED_PROGRAMS)
FOREIGN_SETTINGS = {
    "NATS_PORT": "tcp://10.0.0.1:4222",
    "DB_URL": "sqlite:///elsewhere",
    "PORT": "1",
    "ALM_CONNECTIONS": "none",
    "ALM_TRUSTED_PROXIES": "nowhere",
    "LOG_LEVEL": "loud",
}
"""Settings that a service refuses."""
FOR_ANY_PROGRAM = {"HOME", "ENVMGR_HOME"}
SETTINGS_SCRIPT = SCRIPT.parent / "local" / "services.sh"
PROCESSES_SCRIPT = SCRIPT.parent / "local" / "processes.sh"
POSTGRESQL_SCRIPT = SCRIPT.parent / "local" / "postgresql.sh"
SLOW = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*arguments, **variables):
    return subprocess.run(
        [SCRIPT, *arguments],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def system(tmp_path):
    system = LocalSystem(tmp_path / "system")
    yield system
    system.end()


def processes_of(directory):
    """Return the ids of processes whose command or settings name the directory or what it links to."""
    names = {str(directory), os.path.realpath(directory / "postgresql")}
    matches = set()
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            texts = [*process.cmdline(), *process.environ().values()]
            if any(name in text for name in names for text in texts):
                matches.add(process.pid)
    return matches - {os.getpid()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "a command is missing"),
        (["start"], "unknown command start"),
        (["up", "now"], "unexpected argument now"),
        (["up", "--port"], "unknown option --port"),
        (["up", "--dir"], "--dir requires a value"),
        (["up", "--timeout", "soon"], "invalid --timeout soon"),
        (["status", "--delete"], "--delete requires the command down"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments, message):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert f"error: {message}" in result.stderr
    assert "hint: run `deploy/local.sh --help` for usage" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--bus", "rabbitmq", "invalid --bus rabbitmq: expected nats or kafka"),
        ("--port-base", "80", "invalid --port-base 80"),
        ("--port-base", "65510", "invalid --port-base 65510"),
    ],
)
def test_an_invalid_choice_is_refused(tmp_path, option, value, message):
    result = LocalSystem(tmp_path / "system").run("up", option, value)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("service", SERVICE_NAMES)
def test_no_setting_of_the_shell_reaches_a_service(service):
    """Each variable that a service reads is set; what remains is not a setting of this server."""
    names = variables_read_by(service)
    assert {"ALM_TRUSTED_PROXIES", "LOG_LEVEL", "GRPC_TLS_CA", "APP_DB_URL"} <= names
    result = subprocess.run(
        [
            "bash",
            "-euc",
            'services=$2; source "$1"; unset_settings; env',
            "-",
            SETTINGS_SCRIPT,
            " ".join(SERVICES),
        ],
        env={"PATH": os.environ["PATH"], **dict.fromkeys(names, "value")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    remaining = {line.partition("=")[0] for line in result.stdout.splitlines()}
    assert {name for name in remaining & names if not name.startswith("OTEL_EXPORTER_")} <= FOR_ANY_PROGRAM


def variables_read_by(service):
    """Return the names of the variables that a service reads at its start."""
    recorded = RecordedVariables(
        {
            "DB_URL": "postgresql://alm:p@127.0.0.1/alm",
            "BUS_URL": "nats://127.0.0.1:4222",
            "JWT_SECRET": "s" * 64,
            **{f"{peer.upper()}_URL": "grpc://127.0.0.1:1" for peer in SERVICES if peer != service},
        }
    )
    read_service(Environment(recorded, "/"), {}, service, SERVICE_RULES)
    return recorded.read


def test_nothing_runs_before_the_first_start(tmp_path):
    system = LocalSystem(tmp_path / "system")
    assert (system.run("status").returncode, system.run("logs").returncode) == (1, 1)
    result = system.run("down")
    assert (result.returncode, result.stderr) == (0, "")
    assert not system.directory.exists()


def test_a_port_in_use_is_named_with_the_cure(tmp_path):
    system = LocalSystem(tmp_path / "system")
    with socket.create_server((HOST, system.port_base + 3)):
        result = system.run("up", "--port-base", str(system.port_base))
    assert result.returncode == 1
    assert f"error: port {system.port_base + 3} of deployment is in use by another program" in result.stderr
    assert "hint: stop it, or run `deploy/local.sh up --port-base N`" in result.stderr
    assert processes_of(system.directory) == set()


def test_a_process_runs_until_its_last_thread_ends(tmp_path):
    """Its ports are in use as long; `up` waits for that and then starts the process again."""
    script = (
        'source "$1"; state=$2 processes=app; printf "%s %s\\n" "$3" "$(start_time "$3")" >"$state/run/app"; '
        "echo waiting; await_ending; ! running_id app"
    )
    (tmp_path / "run").mkdir()
    with process_without_first_thread() as process:
        arguments = ["bash", "-euc", script, "-", PROCESSES_SCRIPT, tmp_path, str(process.pid)]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE) as up:
            assert up.stdout.readline() == b"waiting\n"
            with pytest.raises(subprocess.TimeoutExpired):
                up.wait(0.3)
            end_input(process)
            assert up.wait(60) == 0


def test_postgresql_is_started_again_once_the_sessions_of_a_killed_one_have_ended(tmp_path):
    """Each of them writes a line as it ends, perhaps after PostgreSQL has refused to start."""
    script = """
        source "$1"; state=$2 STOP_TIMEOUT_SECONDS=5 directory=/ binaries=/ starts=0
        port_of() { printf 1; }
        is_postgresql_ready() { [ "$starts" = 2 ]; }
        running_id() { [ "$starts" = 2 ]; }
        start_process() {
          starts=$((starts + 1))
          [ "$starts" = 2 ] || echo 'FATAL: pre-existing shared memory block (key 1, ID 1) is still in use'
          printf 'FATAL: terminating connection due to unexpected postmaster exit\n%.0s' {1..20}
        } >>"$state/logs/postgresql.log"
        launch_postgresql; await_former_sessions; echo "$starts"
    """
    (tmp_path / "logs").mkdir()
    arguments = ["bash", "-euo", "pipefail", "-c", script, "-", POSTGRESQL_SCRIPT, tmp_path]
    assert subprocess.run(arguments, stdout=subprocess.PIPE, timeout=60, check=True).stdout == b"2\n"


def status_when_ready(system):
    """Return the status once each process is ready: one is not while a check of its readiness times out."""

    def ready_status():
        result = system.run("status")
        return None if result.returncode else result

    return wait_until(ready_status, "a process is not ready")


class TestFromTheFirstStartToTheLast:
    """One system, whose states follow each other."""

    pytestmark = SLOW

    def test_it_starts_is_checked_and_stops(self, system):
        started = system.up(**FOREIGN_SETTINGS)
        assert f"ready: {system.url}\n" in started.stdout
        self.check_secrets(system, started.stdout)
        self.check_status(system)
        self.check_a_second_start_changes_nothing(system)
        self.check_another_bus_is_refused(system)
        self.check_a_killed_service_is_named_and_restarted(system)
        self.check_data_survives_a_stop(system)

    @staticmethod
    def check_secrets(system, output):
        secrets = list((system.directory / "secrets").iterdir())
        assert {path.name for path in secrets} >= {"admin-password", "jwt-secret", "broker-password"}
        assert {path.stat().st_mode & 0o777 for path in secrets} == {0o600}
        assert system.directory.stat().st_mode & 0o777 == 0o700
        texts = {path.read_text() for path in secrets}
        assert len(texts) == len(secrets)
        visible = " ".join(" ".join(psutil.Process(system.process_id(name)).cmdline()) for name in PROCESSES)
        assert not [text for text in texts if text in output + visible]

    @staticmethod
    def check_status(system):
        result = status_when_ready(system)
        assert result.stderr == ""
        lines = [line.split(maxsplit=5) for line in result.stdout.splitlines()]
        assert [(line[0], line[-1]) for line in lines] == [(name, "ready") for name in PROCESSES]
        checked = system.check()
        assert (checked.returncode, checked.stderr) == (0, "")

    @staticmethod
    def check_a_second_start_changes_nothing(system):
        before = [system.process_id(name) for name in PROCESSES]
        system.up()
        assert [system.process_id(name) for name in PROCESSES] == before

    @staticmethod
    def check_another_bus_is_refused(system):
        result = system.run("up", "--bus", "kafka")
        assert result.returncode == 1
        assert "error: --bus kafka cannot be changed while postgresql runs" in result.stderr
        status_when_ready(system)

    @staticmethod
    def check_a_killed_service_is_named_and_restarted(system):
        others = {name: system.process_id(name) for name in PROCESSES if name != "version"}
        system.kill("version")
        result = system.run("status")
        assert result.returncode == 1
        assert re.search(r"(?m)^version +port \d+ +pid - +down$", result.stdout)
        assert re.search(r"(?m)^gateway .* not ready: .*version", result.stdout)
        system.up()
        assert {name: system.process_id(name) for name in others} == others
        checked = system.check()
        assert (checked.returncode, checked.stderr) == (0, "")

    @staticmethod
    def check_data_survives_a_stop(system):
        with system.wire(system.login()) as wire:
            assert wire.ask("POST", "/apps", {"name": "before"}).status == 201
        # The id of a process that has ended may be that of another one now, which must not be stopped.
        bystander = subprocess.Popen(["sleep", "600"])
        try:
            system.kill("worker")
            (system.directory / "run" / "worker").write_text(f"{bystander.pid} 1\n")
            result = system.run("down")
            assert (result.returncode, result.stderr) == (0, "")
            assert bystander.poll() is None
        finally:
            bystander.kill()
            bystander.wait()
        assert processes_of(system.directory) == set()
        assert system.run("status").returncode == 1
        system.up()
        with system.wire(system.login()) as wire:
            assert wire.ask("GET", "/apps/before").status == 200
        database = Path(os.path.realpath(system.directory / "postgresql"))
        system.end()
        assert not system.directory.exists()
        assert not database.exists()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_system_works_on_a_broker_of_the_kafka_protocol(tmp_path):
    system = LocalSystem(tmp_path / "system", "kafka")
    try:
        system.up()
        checked = system.check()
        assert (checked.returncode, checked.stderr) == (0, "")
        system.kill("audit")
        with system.wire(system.login()) as wire:
            assert wire.ask("POST", "/apps", {"name": "meanwhile"}).status == 201
        system.up()
        checked = system.check()
        assert (checked.returncode, checked.stderr) == (0, "")
    finally:
        system.end()
    assert processes_of(system.directory) == set()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_is_not_ready_is_named_with_its_log(system):
    """A service that cannot start ends the wait; what runs stays, until `down` stops it."""
    system.up()
    system.run("down")
    (system.directory / "secrets" / "jwt-secret").write_text("weak")
    result = system.run("up")
    assert result.returncode == 1
    assert re.search(
        rf"error: ({'|'.join(SERVICES)}) has ended\nhint: see `deploy/local.sh logs", result.stderr
    )
    assert "==> " in result.stderr
    assert "JWT_SECRET" in result.stderr
    assert is_running(system.process_id("postgresql"))
    assert system.run("down").returncode == 0
    assert processes_of(system.directory) == set()
