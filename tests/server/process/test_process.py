"""The server as a process: start, rejected configurations and shutdown."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from support.http.raw_client import ConnectionClosed
from support.ports import free_port
from support.server import server_commands
from support.server.installations import verify_audit
from support.server.server_process import ADMIN_PASSWORD, IDLE_EVENTS, Daemon
from support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from support.http.raw_client import Wire


IS_DAMAGED = "error: {}/gateway.db is corrupt.*\\nhint: .*backup.*\\n"


@pytest.fixture
def new_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    made: list[Daemon] = []

    def make(*arguments: str, **options: Any) -> Daemon:
        made.append(Daemon(tmp_path, *arguments, **options))
        return made[-1]

    yield make
    for daemon in made:
        daemon.end()


def command(*arguments: str, variables: Mapping[str, str] | None = None, stdin: str = ""):
    """Run one of the server's commands and wait for it."""
    return server_commands.run(*arguments, environment=variables, stdin=stdin)


def test_only_the_first_start_prints_what_it_created_and_next_steps(new_daemon):
    daemon = new_daemon(
        environment={"ALM_ADMIN_PASSWORD": ""}, launch=server_commands.launch_in_new_interpreter
    ).start()
    output = daemon.output
    assert f"http://127.0.0.1:{daemon.port}" in output
    assert f"envmgr alm login http://127.0.0.1:{daemon.port}" in output
    password = re.search(r"password +(\S+)", output)
    assert password
    assert daemon.login("admin", password[1])["access_token"]
    daemon.stop()
    daemon.log.write_text("")
    daemon.start()
    assert password[1] not in daemon.output
    assert "Next, in another terminal" not in daemon.output
    assert daemon.login("admin", password[1])["access_token"]


def test_a_start_after_an_interrupted_first_one_prints_the_password(new_daemon):
    daemon = new_daemon(environment={"ALM_ADMIN_PASSWORD": ""})
    assert command("migrate", "--data-dir", str(daemon.data)).returncode == 0
    password = re.search(r"password +(\S+)", daemon.start().output)
    assert password
    assert daemon.login("admin", password[1])["access_token"]


def test_an_invalid_password_is_rejected_before_anything_is_created(tmp_path):
    data = tmp_path / "data"
    refused = command(
        "serve", "all", "--port", "0", "--data-dir", str(data), variables={"ALM_ADMIN_PASSWORD": "admin"}
    )
    assert refused.returncode == 1
    assert not data.exists()


def test_the_first_start_fits_a_terminal_and_does_not_print_a_configured_password(new_daemon):
    output = new_daemon().start().output
    assert ADMIN_PASSWORD not in output
    assert "(from ALM_ADMIN_PASSWORD)" in output
    assert [line for line in output.splitlines() if len(line) > 79 and "data  " not in line] == []


def test_a_second_server_on_the_same_data_fails_and_names_the_first(new_daemon):
    daemon = new_daemon().start()
    second = command("serve", "all", "--port", "0", "--data-dir", str(daemon.data))
    assert second.returncode == 1
    assert second.stdout == ""
    assert re.fullmatch(
        rf"error: data directory {re.escape(str(daemon.data))} is in use by another server \(pid \d+\)\n"
        r"hint: .*--data-dir\n",
        second.stderr,
    )
    wait_until(daemon.is_ready)


def test_a_used_port_is_an_error_with_a_hint(new_daemon, tmp_path):
    daemon = new_daemon().start()
    second = command("serve", "all", "--port", str(daemon.port), "--data-dir", str(tmp_path / "other"))
    assert second.returncode == 1
    assert f"cannot listen on 127.0.0.1:{daemon.port}" in second.stderr
    assert "--port" in second.stderr
    assert "Traceback" not in second.stderr


def test_an_invalid_data_directory_is_rejected(tmp_path):
    (tmp_path / "file").write_text("")
    refused = command("serve", "all", "--port", "0", "--data-dir", str(tmp_path / "file"))
    assert refused.returncode == 1
    assert "cannot create the data directory" in refused.stderr


def test_a_data_directory_readable_by_others_is_reported(new_daemon):
    daemon = new_daemon().start()
    assert "chmod 700" not in daemon.output
    daemon.stop()
    daemon.data.chmod(0o755)
    assert "chmod 700" in daemon.start().output


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="file modes have no effect for root")
def test_an_unwritable_data_directory_is_rejected(tmp_path):
    (tmp_path / "theirs").mkdir(mode=0o500)
    refused = command("serve", "all", "--port", "0", "--data-dir", str(tmp_path / "theirs"))
    assert refused.returncode == 1
    assert "is not writable" in refused.stderr


def test_a_database_of_a_newer_server_is_refused_and_left_alone(new_daemon):
    daemon = new_daemon().start()
    daemon.stop()
    with sqlite3.connect(daemon.data / "version.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = (daemon.data / "version.db").read_bytes()
    refused = command("serve", "all", "--port", "0", "--data-dir", str(daemon.data))
    assert refused.returncode == 1
    assert "newer envmgr" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert (daemon.data / "version.db").read_bytes() == before


@pytest.mark.parametrize(
    "arguments", [("serve", "all", "--port", "0"), ("dead-letters", "list"), ("migrate",)]
)
def test_a_file_that_is_not_a_database_is_an_error_with_its_name_and_a_hint(arguments, tmp_path):
    (tmp_path / "gateway.db").write_text("hello")
    if arguments[0] == "dead-letters":
        assert command("migrate", "--data-dir", str(tmp_path)).returncode == 1
    refused = command(*arguments, "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert re.fullmatch(IS_DAMAGED.format(re.escape(str(tmp_path))), refused.stderr)


def test_a_damaged_database_is_named_at_start(tmp_path):
    assert command("migrate", "--data-dir", str(tmp_path)).returncode == 0
    damage(tmp_path / "gateway.db", "user")
    refused = command("serve", "all", "--port", "0", "--data-dir", str(tmp_path))
    assert refused.returncode == 1
    assert re.fullmatch(IS_DAMAGED.format(re.escape(str(tmp_path))), refused.stderr)


def damage(path: Path, table: str) -> None:
    """Overwrite the first page of a table."""
    connection = sqlite3.connect(path)
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", [table]).fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize(
    ("variables", "output"),
    [
        ({"DB_URL": "mysql://db/alm"}, "unsupported DB_URL scheme mysql"),
        ({"JWT_SECRET": "short"}, "JWT_SECRET"),
        ({"ALM_ADMIN_PASSWORD": "short"}, "ALM_ADMIN_PASSWORD.* 12"),
        ({"ALM_TRUSTED_PROXIES": "nowhere!"}, "ALM_TRUSTED_PROXIES"),
    ],
)
def test_an_invalid_setting_stops_the_start_with_cause_and_hint(tmp_path, variables, output):
    refused = command(
        "serve", "all", "--data-dir", str(tmp_path / "data"), variables={"PORT": "0", **variables}
    )
    assert refused.returncode == 1
    assert re.fullmatch(rf"error: .*{output}.*\nhint: .*\n", refused.stderr)


@pytest.mark.parametrize(
    "arguments", [(), ("serve",), ("serve", "all", "--nonsense"), ("dead-letters", "retry")]
)
def test_an_invalid_command_line_exits_with_2_and_a_hint(arguments):
    refused = server_commands.run_in_new_interpreter(*arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert re.fullmatch(r"error: .*\nhint: run `envmgr-alm.* --help` for usage\n", refused.stderr)


def test_an_internal_error_exits_with_3_and_the_path_of_its_log(tmp_path):
    script = "import sys; from envmgr.server.main import main, offline; "
    script += "offline.migrate = lambda _: 1 / 0; sys.exit(main(['migrate']))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "ENVMGR_HOME": str(tmp_path)},
    )
    assert done.returncode == 3
    match = re.fullmatch(
        r"error: internal error: ZeroDivisionError: .*\nhint: report this bug; details: (.*)\n", done.stderr
    )
    assert match
    with open(match[1]) as log:
        assert "Traceback" in log.read()


def test_without_the_extra_one_line_shows_how_to_install_it():
    script = "import sys; sys.modules['litestar'] = None; from envmgr.server.main import main; "
    script += "sys.exit(main(['serve', 'all']))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 2
    assert "pipx install --force 'envmgr-toolchain[server]" in done.stderr


def test_data_is_preserved_after_a_restart_and_after_a_kill(new_daemon):
    daemon = new_daemon().start()
    for end in (daemon.stop, daemon.kill):
        with daemon.wire(daemon.login()["access_token"]) as wire:
            name = f"app-{end.__name__}"
            assert wire.ask("POST", "/apps", {"name": name, "version": "1.0.0"}).status == 201
        end()
        daemon.start()
        with daemon.wire(daemon.login()["access_token"]) as wire:
            assert wire.ask("GET", f"/apps/{name}/versions/1.0.0").status == 200


def test_sigterm_finishes_requests_rejects_new_ones_and_exits_with_0(new_daemon):
    daemon = new_daemon().start()
    body = json.dumps({"name": "late"}).encode()
    with daemon.wire(daemon.login()["access_token"]) as wire:
        begin_request(wire, len(body))
        wire.send(body[:5])
        daemon._running.send_signal(signal.SIGTERM)
        await_refusal(daemon)
        wire.send(body[5:])
        reply = wire.reply()
    assert reply.status == 201
    assert reply.header("connection") == "close"
    assert daemon.wait() == 0


def test_stopping_logs_one_line(new_daemon):
    daemon = new_daemon().start()
    await_idle_events(daemon)
    assert daemon.stop() == 0
    assert re.findall(r"^Shutting down: .*$", daemon.output, re.MULTILINE) == [daemon.output.splitlines()[-1]]


def test_sigterm_ends_streams_and_signs_the_audit(new_daemon):
    daemon = new_daemon(launch=server_commands.launch_in_new_interpreter).start()
    with daemon.wire(daemon.login()["access_token"]) as wire:
        request = f"GET /audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {wire.token}\r\n"
        wire.send(f"{request}Accept: text/event-stream\r\n\r\n".encode())
        assert b" 200 " in wire._until(b"\r\n\r\n")
        await_idle_events(daemon)
        assert daemon.stop() == 0
        # The last chunk, which a response that is cut off has not.
        assert wire.read_remaining().endswith(b"0\r\n\r\n")
    daemon.start()
    with daemon.wire(daemon.login()["access_token"]) as wire:
        checkpoints = wire.ask("GET", "/audit/checkpoints").json
    assert [checkpoint["seq"] for checkpoint in checkpoints] != []


def test_a_second_ctrl_c_does_not_wait(new_daemon):
    daemon = new_daemon(launch=server_commands.launch_in_new_interpreter).start()
    with daemon.wire(daemon.login()["access_token"]) as wire:
        begin_request(wire, 9)
        daemon._running.send_signal(signal.SIGINT)
        await_refusal(daemon)
        daemon._running.send_signal(signal.SIGINT)
        assert daemon.wait() == 130
    daemon.start()


def await_idle_events(daemon: Daemon) -> None:
    """Wait until all events have arrived: a server that stops waits for two seconds only."""
    wait_until(lambda: daemon.event_details() == [IDLE_EVENTS], "events are still on their way")


def begin_request(wire: Wire, length: int) -> None:
    """Send the head of a request and wait until the server reads its body."""
    head = f"POST /apps HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {wire.token}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {length}\r\nExpect: 100-continue\r\n\r\n"
    wire.send(head.encode())
    assert wire.reply().status == 100


def await_refusal(daemon: Daemon) -> None:
    """Wait until the server accepts no more connections."""

    def is_refused() -> bool:
        try:
            daemon.wire().close()
        except ConnectionClosed:
            return True
        return False

    wait_until(is_refused, "the server still takes connections")


def test_log_lines_are_json_without_secrets(new_daemon):
    daemon = new_daemon().start()
    session = daemon.login()
    with daemon.wire(session["access_token"]) as wire:
        wire.ask("GET", "/apps?name=whatever&access_token=topsecret")
        wire.ask("GET", "/healthz", headers={"X-Request-ID": "mine"})
    daemon.stop()
    output = daemon.output
    lines = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line.get("path") == "/apps"]
    assert (
        requests[0] | {"route": "/apps", "actor": "user:admin", "status": 400, "level": "info"} == requests[0]
    )
    for secret in (ADMIN_PASSWORD, session["access_token"], session["refresh_token"], "topsecret"):
        assert secret not in output


def test_data_is_private_to_its_owner(new_daemon):
    daemon = new_daemon().start()
    paths = [daemon.data, *daemon.data.iterdir()]
    assert {"jwt.secret", "audit.key", "gateway.db"} <= {path.name for path in paths}
    assert [path.name for path in paths if path.stat().st_mode & 0o077] == []


def test_a_server_beyond_loopback_warns_of_unencrypted_http(new_daemon):
    daemon = new_daemon("--host", "0.0.0.0").start()
    assert "listening_without_tls" in daemon.output
    daemon.stop()
    daemon.log.write_text("")
    assert "listening_without_tls" not in new_daemon().start().output


def test_migrate_creates_databases_for_the_server(new_daemon, tmp_path):
    data = tmp_path / "data"
    done = command("migrate", "--data-dir", str(data))
    assert (done.returncode, done.stderr) == (0, "")
    assert (data / "audit.db").exists()
    new_daemon().start()


def test_a_forgotten_password_can_be_reset_on_the_host(new_daemon):
    daemon = new_daemon().start()
    old = daemon.login()["access_token"]
    arguments = ("admin", "reset-password", "--data-dir", str(daemon.data))
    assert "is in use by another server" in command(*arguments).stderr
    daemon.stop()
    done = command(*arguments, "--password-stdin", stdin="a new long password\n")
    assert done.returncode == 0, done.stderr
    assert "a new long password" not in done.stdout
    daemon.start()
    assert daemon.login("admin", "a new long password")["access_token"]
    with daemon.wire(old) as wire:
        assert wire.ask("GET", "/apps").status == 401
    with daemon.wire() as wire:
        refused = wire.ask("POST", "/auth/login", {"username": "admin", "password": ADMIN_PASSWORD})
    assert refused.status == 401


def test_a_reset_on_the_host_reports_api_keys_and_revokes_them_on_request(new_daemon):
    daemon = new_daemon().start()
    with daemon.wire(daemon.login()["access_token"]) as wire:
        created = wire.ask("POST", "/auth/keys", {"name": "ci", "scopes": ["apps:read"]}).json
    daemon.stop()
    arguments = ("admin", "reset-password", "--data-dir", str(daemon.data))
    assert (
        "1 API key(s) of admin stay valid; to revoke them, add `--revoke-keys`" in command(*arguments).stdout
    )
    daemon.start()
    with daemon.wire(created["key"]) as wire:
        assert wire.ask("GET", "/apps").status == 200
    daemon.stop()
    assert "revoked 1 API key(s) of admin" in command(*arguments, "--revoke-keys").stdout
    daemon.start()
    with daemon.wire(created["key"]) as wire:
        assert wire.ask("GET", "/apps").status == 401


def test_commands_on_an_empty_directory_are_an_error(tmp_path):
    done = command("dead-letters", "list", "--data-dir", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "--data-dir" in done.stderr
    assert not (tmp_path / "none").exists()


def test_a_dead_letter_is_listed_and_processed_after_a_fix(new_daemon):
    daemon = new_daemon().start()
    daemon.stop()
    emit_change(daemon.data / "app.db", '{"weight": 1.5}')  # a fraction, which no hash of the audit covers
    emit_change(daemon.data / "app.db", '{"weight": 2}')
    daemon.launch()
    daemon.await_alive()
    data = ("--data-dir", str(daemon.data))
    dead_letters = await_letters(data)
    assert [
        (dead_letter["id"], dead_letter["consumer"], dead_letter["attempts"]) for dead_letter in dead_letters
    ] == [("audit:1", "audit-log", 5)]
    with daemon.wire(daemon.login()["access_token"]) as wire:
        assert [entry["payload"] for entry in await_entries(wire)] == [{"weight": 2}]
        metrics = wire.ask("GET", "/metrics").body.decode()
        assert 'alm_dead_letters{service="audit"} 1.0' in metrics
        assert 'alm_audit_missing_events{service="app"} 1.0' in metrics
        not_ready = wire.ask("GET", "/readyz").json["detail"]
        assert "dead letters of the audit log: 1" in not_ready
        assert "run `envmgr-alm dead-letters retry --all`" in not_ready
        code, report = verify_audit(daemon, wire.token)
        assert (code, report["intact"], report["dead_letters"]) == (1, False, 1)
        assert [finding["kind"] for finding in report["findings"]] == ["dead-letters", "gap"]
    retries = [line for line in json_lines(daemon.output) if line["event"] == "event_delivery_retry"]
    assert [(line["consumer"], line["attempt"]) for line in retries] == [
        ("audit-log", attempt) for attempt in (1, 2, 3, 4)
    ]
    (line,) = [line for line in json_lines(daemon.output) if line["event"] == "event_dead_lettered"]
    assert (line["level"], line["consumer"], line["event_type"]) == ("error", "audit-log", "Weighed")
    assert "Weighed" in command("dead-letters", "show", "audit:1", *data).stdout
    refused = command("dead-letters", "retry", "audit:1", *data)
    assert refused.returncode == 1
    assert "retry of audit:1 failed" in refused.stderr
    with sqlite3.connect(daemon.data / "audit.db") as connection:
        connection.execute("""UPDATE dead_letter SET event = replace(event, '1.5', '1')""")
    connection.close()
    assert command("dead-letters", "retry", "--all", *data).stdout == "audit:1 retried successfully\n"
    for nothing_left in ("list",), ("retry", "--all"):
        assert command("dead-letters", *nothing_left, *data).stdout == "no dead letters\n"
    with daemon.wire(daemon.login()["access_token"]) as wire:
        assert len(wire.ask("GET", "/audits?resource=app/1").json) == 2
        assert verify_audit(daemon, wire.token)[0] == 0


def json_lines(output: str) -> list[dict]:
    """Return the lines of a log that are JSON."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def await_entries(wire):
    """Wait for the app's first audit entries and return them; an entry may follow a dead letter closely."""
    end = time.monotonic() + 20
    while not (entries := wire.ask("GET", "/audits?resource=app/1").json) and time.monotonic() < end:
        time.sleep(0.05)
    return entries


def emit_change(path: Path, data: str) -> None:
    """Insert an event into an outbox, as a service would."""
    with sqlite3.connect(path) as connection:
        (last,) = connection.execute("SELECT sequence FROM outbox_head").fetchone()
        row = (
            last + 1,
            f"event-{last + 1}",
            "Weighed",
            1,
            "app/1",
            int(time.time() * 1000),
            "user:ada",
            "",
            data,
        )
        connection.execute("INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        connection.execute("UPDATE outbox_head SET sequence = ?", (last + 1,))
    connection.close()


def await_letters(data: tuple[str, ...]) -> list[dict]:
    """Wait until there are dead letters."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        listing = command("dead-letters", "list", "--json", *data)
        assert listing.returncode == 0, listing.stderr
        if dead_letters := [json.loads(line) for line in listing.stdout.splitlines()]:
            return dead_letters
    raise AssertionError("no letter came")


def test_an_automatic_port_is_chosen_and_printed(new_daemon):
    daemon = new_daemon(port=free_port())
    daemon.port = 0
    daemon.launch()
    match = wait_until(lambda: re.search(r"listening on http://127\.0\.0\.1:(\d+)", daemon.output))
    daemon.port = int(match[1])
    daemon.await_ready()


def overwrite(path: Path) -> None:
    """Overwrite a file in place: the server has mapped it, and ends by SIGBUS where it becomes shorter."""
    with path.open("r+b") as file:
        file.write(os.urandom(path.stat().st_size))


@pytest.mark.parametrize("service", ["app", "audit", "gateway"])
def test_stopping_with_a_damaged_database_names_it(new_daemon, service):
    daemon = new_daemon().start()
    path = daemon.data / f"{service}.db"
    for file in daemon.data.glob(f"{service}.db*"):
        overwrite(file)
    assert daemon.stop() in {0, 1}
    assert "bug" not in daemon.output
    assert f"{path} is damaged" in daemon.output or f"{path}: " not in daemon.output


def test_an_invalid_audit_key_is_rejected_with_a_hint(new_daemon):
    daemon = new_daemon().start()
    assert daemon.stop() == 0
    (daemon.data / "audit.key").write_text("garbage\n")
    daemon.launch()
    assert daemon.wait() == 1
    assert f"error: {daemon.data}/audit.key is not an Ed25519 private key" in daemon.output
    assert "hint: restore it from a backup" in daemon.output


@pytest.mark.parametrize("name", ["jwt.secret", "audit.key"])
def test_an_unreadable_secret_is_rejected_with_its_name(new_daemon, name):
    daemon = new_daemon().start()
    assert daemon.stop() == 0
    (daemon.data / name).unlink()
    (daemon.data / name).mkdir()
    daemon.launch()
    assert daemon.wait() == 1
    assert f"{daemon.data}/{name}: Is a directory" in daemon.output


def test_requests_of_a_principal_above_the_limit_are_answered_429(tmp_path):
    daemon = Daemon(tmp_path, environment={"ALM_REQUESTS_PER_MINUTE": "10"})
    try:
        daemon.start()
        first, second = daemon.login()["access_token"], daemon.login()["access_token"]
        replies = []
        for token in [first, second] * 50:
            with daemon.wire(token) as wire:
                replies.append(wire.ask("GET", "/apps"))
        statuses = {reply.status for reply in replies}
        assert statuses == {200, 429}
        refused = next(reply for reply in replies if reply.status == 429)
        assert refused.json["type"].endswith("too-many-requests")
        assert 1 <= int(refused.header("retry-after")) <= 60
        with daemon.wire() as wire:
            assert wire.ask("GET", "/healthz").status == 200
    finally:
        daemon.end()
