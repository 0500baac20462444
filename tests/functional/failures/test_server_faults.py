"""Server faults: clear errors, nothing incomplete or lost, and the next run succeeds."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from contract.expected import ARCHIVES
from envmgr.kit.platform import current
from support.archives import archive_builder
from support.closed_ports import refusing_port
from support.http import faults
from support.http.fault_server import Bytes, Huge, Server
from support.machine.prepared_sandbox import INDEX, SUMS, PreparedSandbox
from support.matrices import sample
from support.registries.recorded_upstreams import Upstreams

if TYPE_CHECKING:
    from collections.abc import Callable

ARCHIVE = "archive"
ARCHIVE_FILE = f"alpha-1.0.0-{current().key}.tar.gz".encode()
HUGE = 100 * 2**20
RETRY = {"ENVMGR_HTTP_RETRIES": "1"}
HASTY = {"ENVMGR_HTTP_TIMEOUT": "0.3"}
HASTY_RETRIES = {**HASTY, "ENVMGR_HTTP_RETRIES": "9"}
"""A busy machine may delay several responses in turn."""


@dataclass(frozen=True)
class Case:
    """A fault, the kind of file that it affects, and the expected code, message and hint."""

    page: str
    fault: Callable[[], faults.Fault]
    code: str
    says: str
    hint: str
    env: dict[str, str] = field(default_factory=dict)


def gzipped_bomb():
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    body = Bytes(gzip.compress(bytes(HUGE), 6))
    return faults.fault(lambda exchange: exchange.send(200, headers, body))


def big_in_chunks():
    body = Huge(HUGE)

    def act(exchange):
        exchange.head(200, {"Transfer-Encoding": "chunked"})
        for block in body.blocks(0, body.size):
            exchange.write(b"%x\r\n%b\r\n" % (len(block), block))
        exchange.write(b"0\r\n\r\n")

    return faults.fault(act)


LASTING = {
    "list 403": Case(INDEX, lambda: faults.status(403), "http", "returned 403 Forbidden for", "netrc"),
    "list 404": Case(INDEX, lambda: faults.status(404), "http", "not found", "moved"),
    "list 429": Case(
        INDEX,
        lambda: faults.too_many_requests("7200", times=None),
        "rate-limited",
        "rate limited by",
        "retry later",
    ),
    "list 500": Case(INDEX, lambda: faults.status(500), "http", "500 Internal Server Error", "later", RETRY),
    "list html": Case(
        INDEX, faults.html_page, "source", "cannot parse the releases of alpha from", "check the manifest"
    ),
    "list bad json": Case(
        INDEX,
        lambda: faults.instead(faults.BAD_JSON.encode()),
        "source",
        "line 1, column",
        "check the manifest",
    ),
    "list empty": Case(
        INDEX, lambda: faults.instead(b"[]"), "source", "no version of alpha found", "check the manifest"
    ),
    "list 100 MB": Case(INDEX, lambda: faults.instead(Huge(HUGE)), "http", "exceeds 24 MiB", "proxy"),
    "list 100 MB in chunks": Case(INDEX, big_in_chunks, "http", "exceeds 24 MiB", "proxy"),
    "list 100 MB unzipped": Case(INDEX, gzipped_bomb, "http", "exceeds 24 MiB", "proxy"),
    "list truncated": Case(
        INDEX, lambda: faults.truncated(9), "incomplete-download", "closed the connection", "downloads resume"
    ),
    "list garbage": Case(INDEX, faults.garbage, "network", "invalid HTTP response", "proxy"),
    "list reset": Case(
        INDEX, lambda: faults.refuses_to_answer(reset=True), "network", "lost", "downloads resume"
    ),
    "list hung up": Case(
        INDEX, faults.refuses_to_answer, "network", "without responding", "downloads resume"
    ),
    "list stalled": Case(INDEX, lambda: faults.stalled(5), "network", "stalled", "http_timeout", HASTY),
    "list silent": Case(INDEX, faults.silent, "network", "stalled", "http_timeout", HASTY),
    "list redirect loop": Case(INDEX, lambda: faults.redirect(INDEX), "network", "redirect loop", "browser"),
    "sums html": Case(
        SUMS, faults.html_page, "source", "cannot read the sha256 digest of alpha", "check the URL"
    ),
    "sums swapped": Case(
        SUMS,
        lambda: faults.instead(b"0" * 64 + b"  " + ARCHIVE_FILE),
        "digest-mismatch",
        "digest mismatch for",
        "nothing was installed",
    ),
    "sums 500": Case(SUMS, lambda: faults.status(500), "http", "500 Internal Server Error", "later"),
    "sums of others": Case(
        SUMS,
        lambda: faults.instead(b"zz zz"),
        "source",
        "cannot read the sha256 digest of alpha",
        "check the URL",
    ),
    "archive 403": Case(ARCHIVE, lambda: faults.status(403), "http", "403 Forbidden", "netrc"),
    "archive 404": Case(ARCHIVE, lambda: faults.status(404), "http", "not found", "moved"),
    "archive 429": Case(
        ARCHIVE, lambda: faults.too_many_requests("0", None), "rate-limited", "rate limited by", "retry later"
    ),
    "archive 503": Case(ARCHIVE, lambda: faults.status(503), "http", "503", "later", RETRY),
    "archive html": Case(ARCHIVE, faults.html_page, "http", "an HTML page instead", "captive portal"),
    "archive redirect loop": Case(
        ARCHIVE, lambda: faults.redirect("?again"), "network", "redirect loop", "browser"
    ),
    "archive truncated": Case(
        ARCHIVE,
        lambda: faults.truncated(9),
        "incomplete-download",
        "while sending",
        "downloads resume",
        RETRY,
    ),
    "archive announced too long": Case(
        ARCHIVE,
        lambda: faults.announced(1 << 20),
        "incomplete-download",
        "closed the connection",
        "downloads resume",
    ),
    "archive reset": Case(
        ARCHIVE, lambda: faults.truncated(9, reset=True), "network", "connection to", "downloads resume"
    ),
    "archive cut in chunks": Case(
        ARCHIVE,
        lambda: faults.chunked(cut=True),
        "incomplete-download",
        "closed the connection",
        "downloads resume",
    ),
    "archive stalled": Case(ARCHIVE, lambda: faults.stalled(9), "network", "stalled", "http_timeout", HASTY),
    "archive swapped": Case(
        ARCHIVE,
        lambda: faults.instead(archive_builder.tar({"top/bin/alpha": b"#!/bin/sh\necho evil\n"})),
        "digest-mismatch",
        "digest mismatch for",
        "nothing was installed",
    ),
    "archive empty": Case(
        ARCHIVE,
        lambda: faults.instead(b""),
        "digest-mismatch",
        "digest mismatch for",
        "nothing was installed",
    ),
}


@pytest.fixture(scope="module")
def slow_server(tmp_path_factory):
    with Server() as server:
        yield PreparedSandbox(tmp_path_factory.mktemp("steady") / "root", server)


def break_(steady, page, fault):
    steady.again()
    path = steady.archive if page == ARCHIVE else page
    steady.sandbox.server.pages[path].faults[:] = [fault] if callable(fault) else fault
    return path


def restore(steady, path):
    steady.sandbox.server.pages[path].faults.clear()


@pytest.mark.parametrize("case", sample(LASTING.values(), every=3), ids=LASTING)
def test_a_fault_is_explained_loses_nothing_and_the_next_run_succeeds(slow_server, case):
    path = break_(slow_server, case.page, case.fault())
    error = slow_server.fails("install", "--json", env=case.env).json
    assert (error["schema"], error["code"]) == ("envmgr/error/1", case.code)
    assert case.says in error["message"]
    assert case.hint in error["hint"]
    restore(slow_server, path)
    slow_server.recovers()


@pytest.mark.parametrize("name", ["list html", "archive 503", "archive swapped"])
def test_errors_have_the_same_text_without_json(slow_server, name):
    case = LASTING[name]
    break_(slow_server, case.page, case.fault())
    error = slow_server.fails("install", "--json", env=case.env).json
    result = slow_server.fails("install", env=case.env)
    assert result.out == ""
    assert result.err.endswith(f"error: {error['message']}\nhint: {error['hint']}\n")


PASSING = {
    "list 500": (INDEX, lambda: faults.status(500, times=1)),
    "list 429": (INDEX, faults.too_many_requests),
    "list reset": (INDEX, lambda: faults.refuses_to_answer(times=1, reset=True)),
    "list truncated": (INDEX, lambda: faults.truncated(9, times=1)),
    "archive 503": (ARCHIVE, lambda: faults.status(503, times=1)),
    "archive reset": (ARCHIVE, lambda: faults.truncated(90, times=1, reset=True)),
    "archive truncated": (ARCHIVE, lambda: faults.truncated(90, times=1)),
    "archive truncated, range ignored": (
        ARCHIVE,
        lambda: [faults.truncated(90, times=1), faults.ignores_range()],
    ),
    "archive truncated, range wrong": (
        ARCHIVE,
        lambda: [faults.truncated(90, times=1), faults.wrong_range(7, times=1)],
    ),
    "archive truncated, range refused": (
        ARCHIVE,
        lambda: [faults.truncated(90, times=1), faults.unsatisfiable(times=1)],
    ),
    "archive stalled": (ARCHIVE, lambda: faults.stalled(90, times=1)),
    "archive slow": (ARCHIVE, lambda: faults.slow(100, 0.02)),
    "archive without length": (ARCHIVE, faults.chunked),
}


@pytest.mark.parametrize("name", sample(PASSING, every=4))
def test_a_transient_fault_is_retried_without_an_error(slow_server, name):
    page, fault = PASSING[name]
    path = break_(slow_server, page, fault())
    slow_server.sandbox.ok("install", env=HASTY_RETRIES if "stalled" in name else RETRY)
    assert slow_server.sandbox.command(["alpha"]).out == "alpha 1.0.0\n"
    ranges = [request.headers.get("range") for request in slow_server.sandbox.server.requests_for(path)]
    assert ranges[0] is None
    if "truncated" in name and page == ARCHIVE:
        assert ranges[1] == "bytes=90-"
    slow_server.recovers()


def test_a_cached_list_is_used_while_upstream_fails(slow_server):
    slow_server.again()
    slow_server.sandbox.ok("list", "--remote", "alpha")
    slow_server.sandbox.server.pages[INDEX].faults[:] = [faults.status(502)]
    result = slow_server.sandbox.ok("install")
    assert "; using cached data, " in result.err
    slow_server.recovers()


def test_a_changed_file_at_a_locked_url_is_rejected(slow_server):
    slow_server.again()
    slow_server.sandbox.ok("lock")
    locked = (slow_server.sandbox.project / ".envmgr.lock").read_bytes()
    slow_server.sandbox.publish("alpha", ("1.0.0",), ballast=1)
    error = slow_server.sandbox.run("install", "--json")
    assert (error.code, error.json["code"]) == (1, "digest-mismatch")
    assert "digest mismatch for" in error.json["message"]
    relocked = slow_server.sandbox.run("lock")
    assert relocked.code == 1
    assert "the published file was replaced" in relocked.err
    assert (slow_server.sandbox.project / ".envmgr.lock").read_bytes() == locked
    assert slow_server.sandbox.incomplete() == slow_server.sandbox.staged() == []
    slow_server.sandbox.publish("alpha", ("1.0.0",))
    slow_server.recovers()


def test_a_file_with_another_length_than_locked_is_rejected_at_once(slow_server):
    slow_server.again(sums=False)
    slow_server.sandbox.ok("install")
    slow_server.sandbox.publish("alpha", ("1.0.0",), sums=False, ballast=1)
    slow_server.sandbox.ok("uninstall", "alpha@1.0.0")
    slow_server.sandbox.ok("cache", "clear")
    slow_server.sandbox.server.requests.clear()
    error = slow_server.sandbox.run("install", "--json", env=RETRY).json
    assert (error["code"], "the file was replaced" in error["hint"]) == ("digest-mismatch", True)
    assert len(slow_server.sandbox.server.requests_for(slow_server.archive)) == 1
    assert slow_server.sandbox.incomplete() == slow_server.sandbox.staged() == []


def test_successful_installs_remain_and_each_failure_names_its_tool(slow_server):
    slow_server.again()
    machine = slow_server.sandbox
    for name in ("delta", "gamma"):
        machine.publish(name, ("1.0.0",))
    machine.write("alpha=1", "beta=1.2.0", "delta=1", "gamma=1")
    broken = {name: slow_server.archive.replace("alpha", name) for name in ("alpha", "delta")}
    for path in broken.values():
        machine.server.pages[path].faults[:] = [faults.refuses_to_answer()]
    result = machine.run("install")
    assert result.code == 1
    assert "error: failed to install 2 tools" in result.err
    assert all(f"  {name} 1.0.0: 127.0.0.1" in result.err for name in broken)
    assert machine.lock["resolved"] == {"beta@1.2.0": "1.2.0", "gamma@1": "1.0.0"}
    assert machine.command(["gamma"]).out == "gamma 1.0.0\n"
    assert machine.incomplete() == machine.staged() == []
    for path in broken.values():
        machine.server.pages[path].faults.clear()
    assert "installed delta 1.0.0" in machine.ok("install").out
    machine.ok("uninstall", "delta@1.0.0", "gamma@1.0.0")


def test_an_unknown_host_is_named(slow_server):
    slow_server.again()
    manifest = slow_server.sandbox.manifest("alpha", ("alpha",))
    slow_server.sandbox.add_manifest({**manifest, "versions_url": "https://nowhere.invalid/index.json"})
    error = slow_server.fails("install", "--json").json
    assert error["code"] == "network"
    assert "cannot resolve nowhere.invalid: unknown host" in error["message"]
    assert "HTTPS_PROXY" in error["hint"]
    slow_server.again()
    slow_server.recovers()


def test_an_unreachable_server_is_named(slow_server):
    slow_server.again()
    manifest = slow_server.sandbox.manifest("alpha", ("alpha",))
    with refusing_port() as port:
        address = f"127.0.0.1:{port}"
        slow_server.sandbox.add_manifest({**manifest, "versions_url": f"http://{address}/index.json"})
        error = slow_server.fails("install", "--json").json
    assert f"cannot reach {address}: connection refused" in error["message"]
    assert "check your network connection" in error["hint"]


@pytest.mark.parametrize("page", [INDEX, ARCHIVE])
def test_a_redirect_from_https_to_http_is_rejected(slow_server, tls_server, authority, page):
    slow_server.again()
    path = slow_server.archive if page == ARCHIVE else page
    mirrors = {"ENVMGR_MIRRORS": f"{slow_server.sandbox.server.url}={tls_server.url}"}
    trusting = {**mirrors, "ENVMGR_CA_BUNDLE": authority.pem}
    tls_server.pages |= slow_server.sandbox.server.pages
    target = f"http://upstream.invalid{path}"
    tls_server.add(path, b"", fault=faults.redirect(target))
    error = slow_server.fails("install", "--json", env=trusting).json
    assert error["code"] == "insecure-url"
    assert f"insecure redirect from {tls_server.url}{path} to {target}" in error["message"]
    assert "https source or mirror" in error["hint"]
    slow_server.recovers()


def test_a_server_with_an_untrusted_certificate_is_rejected(slow_server, tls_server):
    slow_server.again()
    mirrors = {"ENVMGR_MIRRORS": f"{slow_server.sandbox.server.url}={tls_server.url}"}
    error = slow_server.fails("install", "--json", env=mirrors).json
    assert "TLS certificate verification failed" in error["message"]
    assert "ca_bundle" in error["hint"]


def test_the_rate_limit_of_github_is_explained(sandbox, server):
    upstreams = Upstreams(server)
    upstreams.publish("gh", ARCHIVES["gh"])
    sandbox.variables |= upstreams.variables
    page = server.pages[upstreams.path("https://api.github.com/repos/cli/cli/releases?per_page=100")]
    page.faults[:] = [faults.rate_limited(reset_in=1800)]
    result = sandbox.run("install", "gh@2")
    assert result.code == 1
    assert re.search(r"rate limit of [^ ]+ exceeded; resets at \d{4}-\d\d-\d\d \d\d:\d\d UTC", result.err)
    assert "hint: set GITHUB_TOKEN" in result.err
    assert sandbox.run("install", "gh@2", "--json").json["code"] == "rate-limited"
    page.faults.clear()
    assert "installed gh 2.83.0" in sandbox.ok("install", "gh@2").out
