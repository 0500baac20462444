"""Downloads come whole, once, and as promised, whatever the server does."""

from __future__ import annotations

import hashlib
import json
import os

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
from envmgr.kit.http.client import Http
from envmgr.kit.paths import single_root
from envmgr.lockformat.model import Artifact
from support.client_fakes import FakeClock, RecordingProgress
from support.http import faults
from support.http.fault_server import Huge

BODY = bytes(range(256)) * 400
CUT = 60_000


def sha(body=BODY, algorithm="sha256"):
    return Digest(algorithm, hashlib.new(algorithm, body).hexdigest())


class Bench:
    """Downloads into a root of its own, and shows what is there."""

    def __init__(self, root, **settings):
        self.paths = single_root(str(root))
        self.watcher = RecordingProgress()
        self.time = FakeClock()
        defaults = {"http_timeout": 0.4, "http_retries": 2}
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
    made = Bench(tmp_path / "root")
    with made.http:
        yield made


def content(result):
    with open(result.path, "rb") as file:
        return file.read()


def ranges(server, path):
    return [request.headers.get("range") for request in server.requests_for(path)]


def break_off(bench, server, url, path="/f", after=CUT, **artifact):
    """Leave a partial behind, as an interrupted run does."""
    page = server.pages[path]
    page.faults.insert(0, faults.truncated(after, times=3))
    with pytest.raises(IncompleteDownload):
        bench.get(url, sha(), **artifact)
    page.faults.clear()
    server.requests.clear()


def test_downloads_and_keeps_by_digest(bench, server):
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


def test_takes_the_second_from_the_cache(bench, server):
    url = server.add("/f", BODY)
    bench.get(url, sha())
    assert bench.get(url, sha()).from_cache
    assert server.paths == ["/f"]
    assert bench.watcher.steps[-1] == ("tool 1.0", "verifying", len(BODY))
    assert bench.watcher.counted == len(BODY)


def test_uses_the_cache_offline_and_for_another_url_of_the_same_content(bench, server, tmp_path):
    bench.get(server.add("/f", BODY), sha())
    offline = Bench(tmp_path / "root", offline=True)
    with offline.http:
        assert offline.get("https://far.invalid/g", sha()).from_cache
        with pytest.raises(Offline, match=r"https://far\.invalid/h"):
            offline.get("https://far.invalid/h", sha(b"other"))


def test_does_not_trust_a_cached_file_that_was_damaged(bench, server):
    url = server.add("/f", BODY)
    path = bench.get(url, sha()).path
    with open(path, "r+b") as file:
        file.write(b"damage")
    again = bench.get(url, sha())
    assert not again.from_cache
    assert content(again) == BODY


@pytest.mark.parametrize("algorithm", ["sha512", "sha1", "sha384"])
def test_verifies_and_finds_again_by_other_digests(bench, server, algorithm):
    url = server.add("/f", BODY)
    first = bench.get(url, sha(algorithm=algorithm))
    assert first.sha256 == sha().value
    assert bench.get(url, sha(algorithm=algorithm)).from_cache
    with pytest.raises(DigestMismatch):
        bench.get(url, sha(b"other", algorithm))


def test_keeps_what_has_no_digest_by_its_url(bench, server):
    url = server.add("/f", BODY)
    assert bench.get(url).sha256 == sha().value
    assert bench.get(url).from_cache
    assert not bench.get(server.add("/g", BODY)).from_cache


@pytest.mark.parametrize(
    "note", ["", "null", "[]", "{}", '{"sha256": "x"}', '{"sha256": 3}', '{"sha256": "../x"}']
)
def test_survives_a_damaged_note_of_what_a_url_gave(bench, server, note):
    url = server.add("/f", BODY)
    bench.get(url)
    folder = os.path.join(bench.paths.downloads, "urls")
    with open(os.path.join(folder, bench.files("urls")[0]), "w", encoding="utf-8") as file:
        file.write(note)
    assert not bench.get(url).from_cache


def test_names_both_digests_and_keeps_nothing_when_they_differ(bench, server):
    url = server.add("/f", b"swapped")
    with pytest.raises(DigestMismatch) as caught:
        bench.get(url, sha())
    assert str(sha()) in caught.value.message
    assert str(sha(b"swapped")) in caught.value.message
    assert url in caught.value.message
    assert caught.value.hint
    assert (bench.files("sha256"), bench.files("partial")) == ([], [])
    assert len(server.requests) == 1


def test_continues_where_the_connection_broke(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1))
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [None, f"bytes={CUT}-"]
    assert server.requests[1].headers["if-range"] == server.pages["/f"].tag
    assert "retrying" in bench.watcher.notes[0]
    assert bench.time.slept == [0.5]


def test_continues_what_another_run_left(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    assert bench.partial(url).size == CUT // 3 * 3
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [f"bytes={CUT}-"]
    assert bench.watcher.counted == len(BODY)


def test_continues_by_date_where_there_is_no_strong_tag(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1), etag='W/"weak"')
    assert content(bench.get(url, sha())) == BODY
    assert server.requests[1].headers["if-range"] == server.pages["/f"].modified


def test_starts_again_where_nothing_tells_whether_the_file_is_the_same(bench, server):
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
def test_starts_again_when_the_server_cannot_continue(bench, server, fault):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    server.pages["/f"].faults.append(fault)
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f")[0] == f"bytes={CUT}-"
    assert bench.time.slept == [0.5, 1.0]


def test_starts_again_when_the_file_has_changed(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    changed = BODY[::-1]
    server.change("/f", changed)
    assert content(bench.get(url, sha(changed))) == changed
    assert len(server.requests) == 1


def test_starts_again_when_the_file_moved_to_another_place(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    elsewhere = server.add("/mirror/f", BODY)
    assert content(bench.get(url, sha(), at=elsewhere)) == BODY
    assert ranges(server, "/mirror/f") == [None]


def test_asks_nothing_when_an_earlier_run_had_everything(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path, "wb") as file:
        file.write(BODY)
    assert content(bench.get(url, sha())) == BODY
    assert server.requests == []


def test_tries_once_more_from_the_start_when_the_pieces_do_not_match(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path, "r+b") as file:
        file.write(b"damage")
    assert content(bench.get(url, sha())) == BODY
    assert ranges(server, "/f") == [f"bytes={CUT}-", None]
    assert any("restarting" in note for note in bench.watcher.notes)


@pytest.mark.parametrize("sidecar", [b"", b"null", b"{", b'{"url": 3}', b"\xff", None])
def test_starts_again_when_the_sidecar_is_damaged(bench, server, sidecar):
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


def test_trusts_no_partial_of_another_run_when_no_digest_would_tell(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    assert content(bench.get(url)) == BODY
    assert ranges(server, "/f") == [None]


def test_continues_within_a_run_without_a_digest(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(CUT, times=1))
    assert content(bench.get(url)) == BODY
    assert ranges(server, "/f") == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize("digest", [sha(), None])
@pytest.mark.parametrize("size", [len(BODY) - 1, len(BODY) + 1])
def test_refuses_another_length_than_promised(bench, server, digest, size):
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
def test_refuses_another_length_also_when_none_was_announced(bench, server, size, error, words, attempts):
    url = server.add("/f", BODY, fault=faults.chunked())
    with pytest.raises(error, match=words):
        bench.get(url, None, size)
    assert len(server.requests) == attempts


def test_downloads_what_comes_in_chunks(bench, server):
    url = server.add("/f", BODY, fault=faults.chunked())
    assert content(bench.get(url, sha(), len(BODY))) == BODY


def test_gives_up_after_the_retries_and_keeps_what_came(bench, server):
    url = server.add("/f", BODY, fault=faults.truncated(10))
    with pytest.raises(IncompleteDownload, match=r"closed the connection while sending .*after 3 attempts"):
        bench.get(url, sha())
    assert bench.partial(url).size == 30


def test_does_not_count_attempts_that_got_somewhere(bench, server):
    body = Huge(MIN_PROGRESS_BYTES * 6)
    url = server.add("/f", body, fault=faults.truncated(MIN_PROGRESS_BYTES))
    assert bench.get(url, Digest("sha256", body.hexdigest())).size == body.size
    assert len(server.requests) == 6


def test_does_not_take_the_same_megabytes_for_progress(bench, server):
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


@pytest.mark.parametrize(
    "fault", [faults.stalled(CUT, 1), faults.truncated(CUT, 1, reset=True), faults.slow(9, 0.1, 1)]
)
def test_gets_over_a_passing_failure(bench, server, fault):
    url = server.add("/f", BODY, fault=fault)
    assert content(bench.get(url, sha())) == BODY


@pytest.mark.parametrize(
    "fault", [faults.status(503, times=2), faults.too_many_requests("7"), faults.refuses_to_answer(1)]
)
def test_gets_over_a_passing_refusal(bench, server, fault):
    url = server.add("/f", BODY, fault=fault)
    assert content(bench.get(url, sha())) == BODY


def test_fails_at_once_over_what_will_not_pass(bench, server):
    with pytest.raises(HttpError, match=r"/none not found \(404\)"):
        bench.get(server.url + "/none", sha())
    assert len(server.requests) == 1


@pytest.mark.parametrize(("digest", "size"), [(None, None), (sha(), len(BODY)), (sha(), None)])
def test_recognizes_a_sign_in_page(bench, server, digest, size):
    url = server.add("/f", BODY, fault=faults.html_page())
    with pytest.raises(HttpError, match="HTML page") as caught:
        bench.get(url, digest, size)
    assert "captive portal" in caught.value.hint
    assert (bench.files("sha256"), bench.files("partial")) == ([], []) or size is None
    assert len(server.requests) == 1


def test_recognizes_a_sign_in_page_by_its_content(bench, server):
    url = server.add("/f", BODY, fault=faults.instead(b"\xef\xbb\xbf\n <HTML><body>"))
    with pytest.raises(HttpError, match="HTML page"):
        bench.get(url)


def test_accepts_what_matches_its_digest_though_it_calls_itself_html(bench, server):
    url = server.add("/f", BODY, {"Content-Type": "text/html"})
    assert content(bench.get(url, sha())) == BODY


def test_a_sign_in_page_costs_no_partial(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    server.pages["/f"].faults.append(faults.html_page(times=1))
    with pytest.raises(HttpError, match="HTML page"):
        bench.get(url, sha())
    assert bench.partial(url).size == CUT


def test_passes_headers_on_and_shows_no_credentials(bench, server):
    url = server.add("/f", BODY, auth="me:secret", fault=faults.truncated(CUT, times=1))
    secret = url.replace("http://", "http://me:secret@")
    result = bench.get("npm:tool/1.0", sha(), at=secret + "?token=hush", headers={"X-Colour": "blue"})
    assert result.url == "npm:tool/1.0"
    assert [request.headers["x-colour"] for request in server.requests] == ["blue", "blue"]
    everything = "".join(bench.watcher.notes)
    for folder, _, names in os.walk(bench.paths.cache):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                everything += file.read().decode("latin-1") if "sha256" not in folder else ""
    assert "secret" not in everything
    assert "hush" not in everything
    assert bench.get(secret, sha()).url == url


def test_copies_a_file_of_this_machine(bench, tmp_path):
    (tmp_path / "a b.tar").write_bytes(BODY)
    result = bench.get((tmp_path / "a b.tar").as_uri(), sha(), len(BODY))
    assert content(result) == BODY


def test_accepts_an_empty_file(bench, server):
    assert bench.get(server.add("/f", b""), sha(b""), 0).size == 0


def test_rejects_an_unrequested_range(bench, server):
    def act(exchange):
        exchange.send(206, {"Content-Range": "bytes 5-9/10"}, exchange.page.body)

    url = server.add("/f", BODY, fault=faults.fault(act))
    with pytest.raises(HttpError, match="206"):
        bench.get(url, sha())


def test_names_the_directory_it_cannot_write_to(bench, server):
    url = server.add("/f", BODY)
    os.makedirs(bench.paths.cache)
    with open(bench.paths.downloads, "wb"):
        pass  # a file stands where a directory must be
    with pytest.raises(StorageError, match="downloads"):
        bench.get(url, sha())


def test_partial_records_what_it_needs_to_go_on(bench, server):
    url = server.add("/f", BODY)
    break_off(bench, server, url, after=CUT // 3)
    with open(bench.partial(url).path + ".json", encoding="utf-8") as file:
        assert json.load(file) == {
            "url": url,
            "length": len(BODY),
            "etag": server.pages["/f"].tag,
            "modified": server.pages["/f"].modified,
        }


def test_every_failure_is_an_error_of_ours(bench, server):
    for fault in (faults.garbage(), faults.refuses_to_answer(), faults.redirect("/f"), faults.silent()):
        with pytest.raises(NetworkError):
            bench.get(server.add("/f", BODY, fault=fault), sha())
