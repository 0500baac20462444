"""Downloads are complete and verified despite faults of the server."""

from __future__ import annotations

import hashlib
import json
import os
import threading

import pytest

from envmgr.catalog.release import Location
from envmgr.install.download import cache
from envmgr.install.download.download import MIN_PROGRESS_BYTES, download
from envmgr.kit import environment
from envmgr.kit.config.settings import Settings
from envmgr.kit.digest import Digest
from envmgr.kit.errors import (
    DigestMismatch,
    HttpError,
    IncompleteDownload,
    NetworkError,
    Offline,
    StorageError,
)
from envmgr.kit.file_locks import file_lock
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.lockformat.model import Artifact
from support.client_fakes import FakeClock, RecordingProgress
from support.http import faults
from support.http.fault_server import Huge
from support.waiting import wait_until

BODY = bytes(range(256)) * 400
CUT = 60_000


def sha(body=BODY, algorithm="sha256"):
    return Digest(algorithm, hashlib.new(algorithm, body).hexdigest())


class Bench:
    """Downloads into a root of its own, with access to its files."""

    def __init__(self, root, **settings):
        self.paths = single_root(str(root))
        self.watcher = RecordingProgress()
        self.time = FakeClock()
        defaults = {"http_timeout": 60.0, "http_retries": 2}
        self.http = Http(
            Settings(**{**defaults, **settings}),
            environment.current(),
            self.watcher,
            clock=self.time.clock,
        )

    def get(self, url, digest=None, size=None, headers=None, at=None):
        return download(
            Artifact(url, digest, size),
            http=self.http,
            paths=self.paths,
            locate=lambda artifact: Location(at or artifact.url, headers or {}),
            progress=self.watcher,
            task="tool 1.0",
        )

    def partial(self, url):
        return cache.partial_of(self.paths, url)

    def files(self, kind):
        folder = os.path.join(self.paths.downloads, kind)
        return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


@pytest.fixture
def bench(tmp_path):
    new_bench = Bench(tmp_path / "root")
    with new_bench.http:
        yield new_bench


def content(result):
    with open(result.path, "rb") as file:
        return file.read()


def ranges(server, path):
    return [request.headers.get("range") for request in server.requests_for(path)]


def break_off(bench, server, url, path="/f", after=CUT, **artifact):
    """Create a partial download, as an interrupted run does."""
    page = server.pages[path]
    page.faults.insert(0, faults.truncated(after, times=3))
    with pytest.raises(IncompleteDownload):
        bench.get(url, sha(), **artifact)
    page.faults.clear()
    server.requests.clear()


def test_a_download_is_cached_by_digest(bench, server):
    url = server.add("/f", BODY)
    result = bench.get(url, sha(), len(BODY))
    assert content(result) == BODY
    assert (result.sha256, result.size, result.from_cache, result.url) == (
        sha().value,
        len(BODY),
        False,
        url,
    )
    assert os.path.basename(result.path) == sha().value
    assert bench.files("partial") == []
    assert ("tool 1.0", "downloading", len(BODY)) in bench.watcher.steps
    assert bench.watcher.counted == len(BODY)


def test_a_second_download_comes_from_the_cache(bench, server):
    url = server.add("/f", BODY)
    bench.get(url, sha())
    assert bench.get(url, sha()).from_cache
    assert server.paths == ["/f"]
    assert bench.watcher.steps[-1] == ("tool 1.0", "verifying", len(BODY))
    assert bench.watcher.counted == len(BODY)


def test_the_cache_is_used_offline(bench, server, tmp_path):
    url = server.add("/f", BODY)
    bench.get(url, sha())
    offline = Bench(tmp_path / "root", offline=True)
    with offline.http:
        assert offline.get(url, sha()).from_cache
        with pytest.raises(Offline, match=r"https://far\.invalid/h"):
            offline.get("https://far.invalid/h", sha(b"other"))


def test_a_cached_file_of_another_url_is_not_taken_for_a_download(bench, server):
    bench.get(server.add("/1.0/f", BODY), sha())
    url = server.add("/2.0/f", BODY[::-1])
    with pytest.raises(DigestMismatch, match=r"/2\.0/f"):
        bench.get(url, sha())
    assert bench.get(url, sha(BODY[::-1])).sha256 == sha(BODY[::-1]).value


def test_progress_names_the_reason_of_a_wait(bench, server):
    url = server.add("/f", BODY)
    thread = threading.Thread(target=lambda: bench.get(url, sha()))
    with file_lock(bench.paths, f"download-{cache.key_of(url)}"):
        thread.start()
        wait_until(lambda: bench.watcher.steps[1:])
    thread.join()
    assert bench.watcher.steps[1] == ("tool 1.0", "its archive is already being downloaded", None)
    assert bench.watcher.steps[-1] == ("tool 1.0", "downloading", len(BODY))


def test_a_damaged_cached_file_is_downloaded_again(bench, server):
    url = server.add("/f", BODY)
    path = bench.get(url, sha()).path
    with open(path, "r+b") as file:
        file.write(b"damage")
    again = bench.get(url, sha())
    assert not again.from_cache
    assert content(again) == BODY


@pytest.mark.parametrize("algorithm", ["sha512", "sha1", "sha384"])
def test_other_digest_algorithms_are_verified_and_cached(bench, server, algorithm):
    url = server.add("/f", BODY)
    first = bench.get(url, sha(algorithm=algorithm))
    assert first.sha256 == sha().value
    assert bench.get(url, sha(algorithm=algorithm)).from_cache
    with pytest.raises(DigestMismatch):
        bench.get(url, sha(b"other", algorithm))


def test_a_download_without_a_digest_is_cached_by_url(bench, server):
    url = server.add("/f", BODY)
    assert bench.get(url).sha256 == sha().value
    assert bench.get(url).from_cache
    assert not bench.get(server.add("/g", BODY)).from_cache


@pytest.mark.parametrize(
    "note", ["", "null", "[]", "{}", '{"sha256": "x"}', '{"sha256": 3}', '{"sha256": "../x"}']
)
def test_a_damaged_url_record_is_ignored(bench, server, note):
    url = server.add("/f", BODY)
    bench.get(url)
    folder = os.path.join(bench.paths.downloads, "urls")
    with open(os.path.join(folder, bench.files("urls")[0]), "w", encoding="utf-8") as file:
        file.write(note)
    assert not bench.get(url).from_cache


def test_a_digest_mismatch_names_both_and_caches_nothing(bench, server):
    url = server.add("/f", b"swapped")
    with pytest.raises(DigestMismatch) as caught:
        bench.get(url, sha())
    assert str(sha()) in caught.value.message
    assert str(sha(b"swapped")) in caught.value.message
    assert url in caught.value.message
    assert caught.value.hint
    assert (bench.files("sha256"), bench.files("partial")) == ([], [])
    assert len(server.requests) == 1


def test_a_broken_download_resumes(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1))
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [None, f"bytes={CUT}-"]
    assert server.requests[1].headers["if-range"] == server.pages["/f"].tag
    assert "retrying" in bench.watcher.notes[0]
    assert bench.time.slept == [0.5]


def test_a_partial_download_of_another_run_resumes(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    assert bench.partial(url).size == CUT // 3 * 3
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [f"bytes={CUT}-"]
    assert bench.watcher.counted == len(BODY)


def test_a_download_resumes_by_date_without_a_strong_etag(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1), etag='W/"weak"')
    assert content(bench.get(url, sha())) == BODY
    assert server.requests[1].headers["if-range"] == server.pages["/f"].modified


def test_a_download_restarts_without_a_validator(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1), etag=None, modified=None)
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [None, None]


@pytest.mark.parametrize(
    "fault",
    [
        faults.ignores_range(),
        faults.unsatisfiable(),
        faults.wrong_range(CUT - 1),
        faults.wrong_range(CUT + 1),
    ],
    ids=["ignores range", "416", "part too early", "part too late"],
)
def test_a_download_restarts_if_the_server_ignores_ranges(bench, server, fault):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    server.pages["/f"].faults.append(fault)
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f")[0] == f"bytes={CUT}-"
    assert bench.time.slept == [0.5, 1.0]


def test_a_download_restarts_if_the_file_has_changed(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    changed = BODY[::-1]
    server.change("/f", changed)
    assert content(bench.get(url, sha(changed))) == changed
    assert len(server.requests) == 1


def test_a_download_restarts_if_the_url_redirects_elsewhere(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    elsewhere = server.add("/mirror/f", BODY)
    assert content(bench.get(url, sha(), at=elsewhere)) == BODY
    assert ranges(server, "/mirror/f") == [None]


def test_a_complete_partial_download_causes_no_request(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path, "wb") as file:
        file.write(BODY)
    assert content(bench.get(url, sha())) == BODY
    assert server.requests == []


def test_a_resumed_download_with_a_wrong_digest_restarts_once(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path, "r+b") as file:
        file.write(b"damage")
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [f"bytes={CUT}-", None]
    assert any("restarting" in note for note in bench.watcher.notes)


@pytest.mark.parametrize("sidecar", [b"", b"null", b"{", b'{"url": 3}', b"\xff", None])
def test_a_download_restarts_if_the_sidecar_is_damaged(bench, server, sidecar):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    path = bench.partial(url).path + ".json"
    if sidecar is None:
        os.unlink(path)
    else:
        with open(path, "wb") as file:
            file.write(sidecar)
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [None]


def test_a_partial_download_of_another_run_requires_a_digest(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    assert content(bench.get(url)) == BODY
    assert ranges(server, "/f") == [None]


def test_a_download_without_a_digest_resumes_within_a_run(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1))
    assert content(bench.get(url)) == BODY
    assert ranges(server, "/f") == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize("digest", [sha(), None])
@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_a_length_other_than_expected_is_rejected(bench, server, digest, size):
    url = server.add("/f", BODY)
    with pytest.raises(DigestMismatch, match=str(size)) as caught:
        bench.get(url, digest, size)
    assert "replaced" in caught.value.hint
    assert bench.files("sha256") == []
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("size", "error", "words", "attempts"),
    [
        (len(BODY) - 1, DigestMismatch, "exceeds the expected", 1),
        (len(BODY) + 1, IncompleteDownload, "connection closed after", 3),
    ],
)
def test_a_length_other_than_expected_is_rejected_without_content_length(
    bench, server, size, error, words, attempts
):
    url = server.add("/f", BODY, fault=faults.chunked())
    with pytest.raises(error, match=words):
        bench.get(url, None, size)
    assert len(server.requests) == attempts


def test_a_chunked_response_is_downloaded(bench, server):
    url = server.add("/f", BODY, fault=faults.chunked())
    assert content(bench.get(url, sha(), len(BODY))) == BODY


def test_a_failing_download_keeps_the_partial_file(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(10))
    with pytest.raises(IncompleteDownload, match=r"closed the connection while sending .*after 3 attempts"):
        bench.get(url, sha())
    assert bench.partial(url).size == 30


def test_attempts_with_progress_do_not_count_as_retries(bench, server):
    body = Huge(MIN_PROGRESS_BYTES * 6)
    url = server.add("/f", body, fault=faults.truncated(MIN_PROGRESS_BYTES))
    assert bench.get(url, Digest("sha256", body.hexdigest())).size == body.size
    assert len(server.requests) == 6


def test_repeated_bytes_do_not_count_as_progress(bench, server):
    url = server.add(
        "/f",
        Huge(MIN_PROGRESS_BYTES * 6),
        fault=faults.truncated(MIN_PROGRESS_BYTES * 2),
        etag=None,
        modified=None,
    )
    with pytest.raises(IncompleteDownload):
        bench.get(url, sha())
    assert len(server.requests) == 3


@pytest.mark.parametrize("fault", [faults.stalled(CUT, 1), faults.slow(9, 0.1, 1)], ids=["stalled", "drip"])
def test_a_download_that_stalls_is_retried(tmp_path, server, fault):
    url = server.add("/f", BODY, fault=fault)
    bench = Bench(tmp_path / "root", http_timeout=0.4, http_retries=20)  # a busy machine delays responses
    with bench.http:
        assert content(bench.get(url, sha())) == BODY
    assert "stalled" in bench.watcher.notes[0]


@pytest.mark.parametrize(
    "fault",
    [
        faults.truncated(CUT, 1, reset=True),
        faults.status(503, times=2),
        faults.too_many_requests("7"),
        faults.refuses_to_answer(1),
    ],
    ids=["reset", "503", "429", "no answer"],
)
def test_a_transient_failure_is_retried(bench, server, fault):
    url = server.add("/f", BODY, fault=fault)
    assert content(bench.get(url, sha())) == BODY


def test_a_permanent_failure_is_not_retried(bench, server):
    with pytest.raises(HttpError, match=r"/none not found \(404\)"):
        bench.get(server.url + "/none", sha())
    assert len(server.requests) == 1


@pytest.mark.parametrize(("digest", "size"), [(None, None), (sha(), len(BODY)), (sha(), None)])
def test_a_sign_in_page_is_recognized(bench, server, digest, size):
    url = server.add("/f", BODY, fault=faults.html_page())
    with pytest.raises(HttpError, match="HTML page") as caught:
        bench.get(url, digest, size)
    assert "captive portal" in caught.value.hint
    assert (bench.files("sha256"), bench.files("partial")) == ([], []) or size is None
    assert len(server.requests) == 1


def test_a_sign_in_page_is_recognized_by_its_content(bench, server):
    url = server.add("/f", BODY, fault=faults.instead(b"\xef\xbb\xbf\n <HTML><body>"))
    with pytest.raises(HttpError, match="HTML page"):
        bench.get(url)


def test_content_that_matches_its_digest_is_accepted_despite_type_html(bench, server):
    url = server.add("/f", BODY, {"Content-Type": "text/html"})
    assert content(bench.get(url, sha())) == BODY


def test_a_sign_in_page_does_not_delete_the_partial_download(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    server.pages["/f"].faults.append(faults.html_page(times=1))
    with pytest.raises(HttpError, match="HTML page"):
        bench.get(url, sha())
    assert bench.partial(url).size == CUT


def test_headers_are_sent_and_credentials_are_redacted(bench, server):
    url = server.add("/f", BODY, auth="me:secret", fault=faults.truncated(CUT, times=1))
    secret = url.replace("http://", "http://me:secret@")
    result = bench.get("npm:tool/1.0", sha(), at=secret + "?token=hidden", headers={"X-Colour": "blue"})
    assert result.url == "npm:tool/1.0"
    assert [request.headers["x-colour"] for request in server.requests] == ["blue", "blue"]
    all_notes = "".join(bench.watcher.notes)
    for folder, _, names in os.walk(bench.paths.cache):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                all_notes += file.read().decode("latin-1") if "sha256" not in folder else ""
    assert "secret" not in all_notes
    assert "hidden" not in all_notes
    assert bench.get(secret, sha()).url == url


def test_a_local_file_is_copied(bench, tmp_path):
    (tmp_path / "a b.tar").write_bytes(BODY)
    result = bench.get((tmp_path / "a b.tar").as_uri(), sha(), len(BODY))
    assert content(result) == BODY


def test_an_empty_file_is_accepted(bench, server):
    assert bench.get(server.add("/f", b""), sha(b""), 0).size == 0


def test_an_unrequested_range_is_rejected(bench, server):
    def act(exchange):
        exchange.send(206, {"Content-Range": "bytes 5-9/10"}, exchange.page.body)

    url = server.add("/f", BODY, fault=faults.fault(act))
    with pytest.raises(HttpError, match="206"):
        bench.get(url, sha())


def test_an_unwritable_directory_is_named(bench, server):
    url = server.add("/f", BODY)
    os.makedirs(bench.paths.cache)
    with open(bench.paths.downloads, "wb"):
        pass  # a file in place of a directory
    with pytest.raises(StorageError, match="downloads"):
        bench.get(url, sha())


def test_a_partial_download_records_its_validators(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path + ".json", encoding="utf-8") as file:
        assert json.load(file) == {
            "url": url,
            "length": len(BODY),
            "etag": server.pages["/f"].tag,
            "modified": server.pages["/f"].modified,
        }


def test_every_failure_raises_an_envmgr_error(tmp_path, server):
    bench = Bench(tmp_path / "root", http_timeout=0.4)
    with bench.http:
        for fault in (faults.garbage(), faults.refuses_to_answer(), faults.redirect("/f"), faults.silent()):
            with pytest.raises(NetworkError):
                bench.get(server.add("/f", BODY, fault=fault), sha())
