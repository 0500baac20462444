from __future__ import annotations

import os
import socket
import threading
import time
from base64 import b64encode
from typing import TYPE_CHECKING

import pytest

from envmgr.catalog.list_cache import format_age
from envmgr.kit.errors import HttpError, InsecureUrl, NetworkError, Offline, Unreachable
from support.http import faults
from support.registries import package_registries

if TYPE_CHECKING:
    from pathlib import Path

    from support.http.fault_server import Server
    from support.registries.package_registries import Machine


def cached_files(root: Path) -> list[Path]:
    return sorted((root / "envmgr" / "cache" / "index").iterdir())


def test_a_list_is_requested_once_a_run(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one")
    lists = machine.run().lists
    assert [lists.get(url), lists.get(url)] == [b"one", b"one"]
    assert server.paths == ["/list"]


def test_the_next_run_sends_a_conditional_request_and_keeps_an_unchanged_list(
    server: Server, machine: Machine
) -> None:
    url = server.add("/list", "one", {"Link": '<x>; rel="next"'})
    machine.run().lists.get(url)
    document = machine.run().lists.document(url)
    assert (document.body, document.headers["link"]) == (b"one", '<x>; rel="next"')
    assert {"if-none-match", "if-modified-since"} <= server.requests[1].headers.keys()


def test_a_changed_list_replaces_the_cached_one(server: Server, machine: Machine, tmp_path: Path) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    server.change("/list", "two")
    assert machine.run().lists.get(url) == b"two"
    assert machine.run(offline=True).lists.get(url) == b"two"
    assert len(cached_files(tmp_path)) == 1


def test_a_list_that_may_have_been_cut_is_requested_in_full_again(server: Server, machine: Machine) -> None:
    url = server.add("/list", "complete", fault=faults.without_length(after=4, times=1))
    assert machine.run().lists.get(url) == b"comp"
    assert machine.run(offline=True).lists.get(url) == b"comp"
    assert machine.run().lists.get(url) == b"complete"
    assert not {"if-none-match", "if-modified-since"} & server.requests[1].headers.keys()


def test_a_list_in_chunks_is_revalidated(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one", fault=faults.chunked(times=1))
    machine.run().lists.get(url)
    assert machine.run().lists.get(url) == b"one"
    assert "if-none-match" in server.requests[1].headers


def test_a_list_without_an_etag_is_revalidated_by_date(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one", etag=None)
    machine.run().lists.get(url)
    assert machine.run().lists.get(url) == b"one"
    assert "if-none-match" not in server.requests[1].headers


@pytest.mark.parametrize("etag", ['"é"', '"v\t1"'], ids=ascii)
def test_a_list_whose_etag_cannot_be_sent_is_requested_in_full_again(
    server: Server, machine: Machine, etag: str
) -> None:
    url = server.add("/list", "one", {"ETag": etag.encode().decode("latin-1")}, etag=None, modified=None)
    assert machine.run().lists.get(url) == b"one"
    server.change("/list", "two")
    assert machine.run().lists.get(url) == b"two"
    assert "if-none-match" not in server.requests[1].headers


def make_older(root: Path, seconds: float) -> None:
    for path in cached_files(root):
        os.utime(path, (path.stat().st_mtime - seconds,) * 2)


def test_a_fresh_list_is_used_without_a_request(server: Server, machine: Machine, tmp_path: Path) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600"})
    machine.run().lists.get(url)
    server.change("/list", "two")
    lists = machine.run().lists
    assert lists.get(url) == b"one"
    assert 500 < lists.dependencies.fresh_until - time.time() <= 600
    assert len(server.requests) == 1
    make_older(tmp_path, 600)
    assert machine.run().lists.get(url) == b"two"
    assert machine.run().lists.get(url) == b"two"
    assert len(server.requests) == 2


def test_a_confirmed_list_is_fresh_again(server: Server, machine: Machine, tmp_path: Path) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600"})
    machine.run().lists.get(url)
    for lifetime in (600, 60):
        make_older(tmp_path, 600)
        server.pages["/list"].headers = {"Cache-Control": f"max-age={lifetime}"}
        requests = len(server.requests)
        lists = [machine.run().lists for _ in range(2)]
        assert [item.get(url) for item in lists] == [b"one", b"one"]
        assert len(server.requests) == requests + 1
        assert lifetime - 50 < lists[1].dependencies.fresh_until - time.time() <= lifetime


def test_the_age_in_caches_on_the_way_shortens_freshness(
    server: Server, machine: Machine, tmp_path: Path
) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600", "Age": "590"})
    machine.run().lists.get(url)
    lists = machine.run().lists
    lists.get(url)
    assert lists.dependencies.fresh_until - time.time() <= 10
    make_older(tmp_path, 10)
    machine.run().lists.get(url)
    assert len(server.requests) == 2


def test_a_list_from_the_future_is_not_fresh(server: Server, machine: Machine, tmp_path: Path) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600"})
    machine.run().lists.get(url)
    make_older(tmp_path, -100)
    machine.run().lists.get(url)
    assert len(server.requests) == 2


@pytest.mark.parametrize("headers", [{}, {"Cache-Control": "no-cache, max-age=600"}])
def test_a_list_that_upstream_does_not_declare_fresh_is_revalidated(
    server: Server, machine: Machine, headers: dict[str, str]
) -> None:
    url = server.add("/list", "one", headers)
    for count in (1, 2, 3):
        lists = machine.run().lists
        assert lists.get(url) == b"one"
        assert lists.dependencies.fresh_until == 0
        assert len(server.requests) == count


def test_a_request_with_credentials_is_always_sent(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600"})
    machine.run().lists.get(url)
    machine.run().lists.get(url, {"Authorization": "Bearer token"})
    machine.run().lists.get(url.replace("://", "://user:password@"))
    assert len(server.requests) == 3


LOGIN = "anna:s3cret"
HEADER_OF_LOGIN = {"Authorization": f"Basic {b64encode(LOGIN.encode()).decode()}"}


@pytest.fixture
def private_page(server: Server) -> None:
    """Add a page that requires a login, and is declared fresh; `/redirected` leads to it."""
    server.add("/list", "private", {"Cache-Control": "max-age=600"}, auth=LOGIN)
    server.add("/redirected", fault=faults.redirect("/list"))


@pytest.mark.usefixtures("private_page")
@pytest.mark.parametrize(("user", "headers"), [("", HEADER_OF_LOGIN), (f"{LOGIN}@", {})])
def test_a_list_is_not_used_without_the_credentials_of_its_request(
    server: Server, machine: Machine, user: str, headers: dict[str, str]
) -> None:
    url = f"{server.url}/list"
    assert machine.run().lists.get(url.replace("://", f"://{user}"), headers) == b"private"
    with pytest.raises(HttpError):
        machine.run().lists.get(url)


@pytest.mark.usefixtures("private_page")
@pytest.mark.parametrize("path", ["/list", "/redirected"])
def test_a_list_is_not_used_after_its_login_is_removed_from_netrc(
    server: Server, machine: Machine, tmp_path: Path, path: str
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login anna password s3cret\n")
    assert machine.run().lists.get(server.url + path) == b"private"
    (tmp_path / ".netrc").unlink()
    with pytest.raises(HttpError):
        machine.run().lists.get(server.url + path)


def test_a_list_confirmed_for_a_login_is_not_used_unasked(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one", {"Cache-Control": "max-age=600"})
    machine.run().lists.get(url)
    machine.run().lists.get(url, HEADER_OF_LOGIN)
    lists = machine.run().lists
    lists.get(url)
    assert [len(server.requests), lists.dependencies.fresh_until] == [3, 0]


def test_the_use_of_lists_has_all_files_and_the_earliest_end(server: Server, machine: Machine) -> None:
    urls = [server.add(f"/{age}", "one", {"Cache-Control": f"max-age={age}"}) for age in (600, 60)]
    for url in urls:
        machine.run().lists.get(url)
    lists = machine.run().lists
    assert (lists.dependencies.paths, lists.dependencies.fresh_until) == (frozenset(), float("inf"))
    lists.cached_only().get(urls[0])
    assert (len(lists.dependencies.paths), lists.dependencies.fresh_until) == (1, float("inf"))
    for url in urls:
        lists.get(url)
    assert len(lists.dependencies.paths) == 2
    assert lists.dependencies.fresh_until - time.time() <= 60


def test_offline_mode_returns_the_cached_list_without_a_request(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    assert machine.run(offline=True).lists.get(url) == b"one"
    assert len(server.requests) == 1


def test_offline_mode_without_a_cached_list_is_an_error_with_its_url(machine: Machine) -> None:
    with pytest.raises(Offline, match=r"example\.org/list"):
        machine.run(offline=True).lists.get("https://user:secret@example.org/list")


@pytest.mark.parametrize(
    "fault", [faults.status(503), faults.rate_limited(), faults.too_many_requests("900", None)]
)
def test_a_failing_upstream_is_replaced_by_the_cached_list(
    server: Server, machine: Machine, fault: object
) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    server.add("/list", "two", fault=fault)
    notes = package_registries.Notes()
    assert machine.run(progress=notes).lists.get(url) == b"one"
    assert "; using cached data, less than a minute old" in notes.notes[-1]


def test_an_unreachable_server_is_replaced_by_the_cached_list(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    server.close()
    assert machine.run().lists.get(url) == b"one"


def test_cached_data_is_used_after_one_request_and_reported_once(server: Server, machine: Machine) -> None:
    addresses = [server.add(f"/list{number}", "one") for number in range(3)]
    first = machine.run().lists
    for url in addresses:
        first.get(url)
    server.requests.clear()
    for number in range(3):
        server.add(f"/list{number}", "two", fault=faults.status(503))
    notes = package_registries.Notes()
    lists = machine.run(progress=notes, http_retries=4).lists
    assert [lists.get(url) for url in addresses] == [b"one"] * 3
    assert server.paths == ["/list0", "/list1", "/list2"]
    (note,) = notes.notes
    assert note.startswith("warning: 127.0.0.1:")
    assert note.endswith("/list0; using cached data, less than a minute old")
    assert len(lists.fallbacks) == 3


@pytest.mark.parametrize("reason", [socket.EAI_NONAME, socket.EAI_AGAIN])
def test_a_name_that_does_not_resolve_is_looked_up_once_a_run(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, reason: int
) -> None:
    lookups: list[object] = []

    def fail(host: object, *_args: object, **_options: object) -> None:
        lookups.append(host)
        raise socket.gaierror(reason, "no")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    lists = machine.run(http_retries=4).lists
    for path in ("a", "b", "a"):
        with pytest.raises(Unreachable, match=r"cannot resolve far\.example"):
            lists.get(f"https://far.example/{path}")
    assert len(lookups) == 1
    with pytest.raises(Unreachable, match=r"cannot resolve other\.example"):
        lists.get("https://other.example/a")
    assert len(lookups) == 2


def test_the_age_of_cached_data_is_that_of_the_last_confirmation(
    server: Server, machine: Machine, tmp_path: Path
) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    (file,) = cached_files(tmp_path)
    os.utime(file, (0, time.time() - 3 * 3600 - 60))
    server.pages["/list"].faults.append(faults.status(503, times=1))
    notes = package_registries.Notes()
    machine.run(progress=notes).lists.get(url)
    assert notes.notes[-1].endswith("using cached data, 3 hours old")
    machine.run().lists.get(url)
    assert time.time() - file.stat().st_mtime < 3600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "less than a minute old"),
        (60, "1 minute old"),
        (7199, "1 hour old"),
        (86_400, "1 day old"),
        (864_000, "10 days old"),
    ],
)
def test_ages_are_in_the_largest_unit(seconds: int, text: str) -> None:
    assert format_age(seconds) == text


@pytest.mark.parametrize("code", [401, 404])
def test_a_not_found_response_is_not_replaced_by_the_cached_list(
    server: Server, machine: Machine, code: int
) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    server.add("/list", "no", fault=faults.status(code))
    with pytest.raises(HttpError) as caught:
        machine.run().lists.get(url)
    assert caught.value.status == code


def test_an_insecure_url_is_rejected_even_with_a_cached_list(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    server.add("/list", fault=faults.redirect("http://example.org/list"))
    with pytest.raises(InsecureUrl):
        machine.run().lists.get(url)


def test_a_failure_without_a_cached_list_is_raised(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one")
    server.close()
    with pytest.raises(NetworkError, match="refused"):
        machine.run().lists.get(url)


@pytest.mark.parametrize(
    "damage", [b"", b"no json\nx", b"[]\nx", b'{"sha256": "0", "url": "", "headers": {}}\nx']
)
def test_a_damaged_cache_file_is_ignored(
    server: Server, machine: Machine, tmp_path: Path, damage: bytes
) -> None:
    url = server.add("/list", "one")
    machine.run().lists.get(url)
    cached_files(tmp_path)[0].write_bytes(damage)
    assert machine.run().lists.get(url) == b"one"
    assert "if-none-match" not in server.requests[1].headers


def test_credentials_are_sent_and_never_stored(server: Server, machine: Machine, tmp_path: Path) -> None:
    server.add("/list", "one", auth="anna:s3cret")
    url = server.url.replace("://", "://anna:s3cret@") + "/list?access_token=hidden"
    lists = machine.run().lists
    assert lists.get(url) == b"one"
    (file,) = cached_files(tmp_path)
    for secret in (b"s3cret", b"anna", b"hidden"):
        assert secret not in file.read_bytes() + file.name.encode()
    assert os.stat(file).st_mode & 0o077 == 0


def test_two_representations_of_a_url_are_cached_separately(
    server: Server, machine: Machine, tmp_path: Path
) -> None:
    url = server.add("/list", "one")
    lists = machine.run().lists
    lists.get(url, {"Accept": "application/json"})
    lists.get(url, {"Accept": "text/html"})
    assert len(cached_files(tmp_path)) == 2


def test_the_final_url_after_redirects_is_cached(server: Server, machine: Machine) -> None:
    server.add("/there/list", "one")
    url = server.add("/list", fault=faults.redirect("/there/list"))
    for offline in (False, True):
        document = machine.run(offline=offline).lists.document(url)
        assert document.url == f"{server.url}/there/list"


def test_an_unwritable_cache_directory_causes_only_a_note(
    server: Server, machine: Machine, tmp_path: Path
) -> None:
    url = server.add("/list", "one")
    (tmp_path / "envmgr").write_text("a file where the folder should be")
    notes = package_registries.Notes()
    assert machine.run(progress=notes).lists.get(url) == b"one"
    assert "was not cached" in notes.notes[-1]


def test_a_local_file_is_read_and_not_cached(machine: Machine, tmp_path: Path) -> None:
    (tmp_path / "list").write_text("one")
    url = (tmp_path / "list").as_uri()
    assert machine.run(offline=True).lists.get(url) == b"one"
    assert not (tmp_path / "envmgr").exists()


def test_a_list_beyond_the_size_limit_is_rejected(server: Server, machine: Machine) -> None:
    url = server.add("/list", "0123456789")
    with pytest.raises(HttpError, match="exceeds"):
        machine.run().lists.get(url, limit=5)


def test_concurrent_threads_compute_a_value_once(machine: Machine) -> None:
    lists = machine.run().lists
    calls: list[int] = []
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait()
        lists.memoize("thing", lambda: calls.append(1))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_a_failed_computation_is_repeated(server: Server, machine: Machine) -> None:
    url = server.add("/list", "one", fault=faults.status(404, times=1))
    lists = machine.run().lists
    with pytest.raises(HttpError):
        lists.get(url)
    assert lists.get(url) == b"one"
