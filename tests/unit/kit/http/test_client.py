"""Requests, redirects, credentials, proxies and errors of the HTTP client."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import threading
import time

import pytest

from envmgr.kit.config.settings import Settings
from envmgr.kit.environment import Environment
from envmgr.kit.errors import (
    ConfigError,
    HttpError,
    IncompleteDownload,
    InsecureUrl,
    NetworkError,
    Offline,
    RateLimited,
    StorageError,
)
from envmgr.kit.http import tls
from envmgr.kit.http.client import Http
from support.client_fakes import FakeClock, RecordingProgress
from support.closed_ports import refusing_port
from support.http import faults
from support.http.fault_server import Authority, Huge, Server

BASIC = "Basic bWU6c2VjcmV0"  # me:secret
FAR = "http://far.invalid"
PATIENCE_SECONDS = 60.0
"""The timeout of tests that are not about timeouts: a busy machine delays responses."""
SHORT_TIMEOUT_SECONDS = 0.3
MANY_RETRIES = 20
"""Of attempts with a short timeout, as a busy machine may delay several responses in turn."""


class Client:
    """An Http with a fast clock, and its messages."""

    def __init__(self, variables=None, extra_ca=None, monotonic=time.monotonic, **settings):
        self.watcher = RecordingProgress()
        self.time = FakeClock(monotonic=monotonic)
        self.http = Http(
            Settings(**{"http_timeout": PATIENCE_SECONDS, "http_retries": 2, **settings}),
            Environment({"HOME": os.environ["HOME"], **(variables or {})}, os.getcwd()),
            self.watcher,
            extra_ca,
            clock=self.time.clock,
        )
        self.get = self.http.get
        self.stream = self.http.stream


@pytest.fixture
def client():
    """Yield a function that creates clients, and close them."""
    created_items = []

    def make(*arguments, **settings):
        created_items.append(Client(*arguments, **settings))
        return created_items[-1]

    yield make
    for item in created_items:
        item.http.close()


@pytest.fixture
def proxied_client(client, server):
    """Return a client whose requests to other hosts all arrive at the local server, with their host."""
    return lambda **settings: client({"http_proxy": server.url}, allow_http=True, **settings)


class TestAnswers:
    def test_a_get_returns_the_body_and_the_final_url(self, client, server):
        response = client().get(server.add("/a", "hello", {"X-Colour": "Blue"}), {"X-Mine": "yes"})
        assert (response.status, response.body, response.url) == (200, b"hello", server.url + "/a")
        assert response.headers["x-colour"] == "Blue"
        assert server.requests[0].headers["x-mine"] == "yes"
        assert server.requests[0].headers["user-agent"].startswith("envmgr/")

    def test_gzip_is_decoded(self, client, server):
        url = server.add("/a", gzip.compress(b"hello"), {"Content-Encoding": "gzip"})
        assert client().get(url).body == b"hello"

    def test_a_stream_is_not_decoded(self, client, server):
        stored = gzip.compress(b"hello")
        url = server.add("/a.gz", stored, {"Content-Encoding": "gzip"})
        with client().stream(url) as response:
            assert b"".join(response.chunks()) == stored
        assert server.requests[0].headers["accept-encoding"] == "identity"

    def test_a_range_is_streamed_or_reported_as_unsatisfiable(self, client, server):
        url = server.add("/a", b"abcdef")
        with client().stream(url, {"Range": "bytes=4-"}) as response:
            assert (response.status, b"".join(response.chunks())) == (206, b"ef")
        with client().stream(url, {"Range": "bytes=6-"}) as response:
            assert response.status == 416

    def test_an_unchanged_document_is_reported(self, client, server):
        url = server.add("/a", b"abc")
        response = client().get(url, {"If-None-Match": server.pages["/a"].tag})
        assert (response.status, response.body) == (304, b"")

    @pytest.mark.parametrize("fault", [(), faults.chunked()], ids=["announced", "in chunks"])
    def test_a_body_over_the_limit_is_rejected(self, client, server, fault):
        url = server.add("/a", Huge(3_000_000), fault=fault)
        with pytest.raises(HttpError, match="exceeds 2 MiB"):
            client().get(url, limit=2 * 2**20)
        assert len(client().get(url, limit=3_000_000).body) == 3_000_000

    def test_a_body_that_decodes_to_more_than_the_limit_is_rejected(self, client, server):
        url = server.add("/a", gzip.compress(bytes(3_000_000)), {"Content-Encoding": "gzip"})
        with pytest.raises(HttpError, match="exceeds 2 MiB"):
            client().get(url, limit=2 * 2**20)

    def test_connections_are_reused_by_many_threads(self, client, server):
        url = server.add("/a", b"abc")
        item, bodies = client(), []
        threads = [threading.Thread(target=lambda: bodies.append(item.get(url).body)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert bodies == [b"abc"] * 20

    def test_file_urls_are_read(self, client, tmp_path):
        (tmp_path / "ä b").write_bytes(b"abc")
        url = (tmp_path / "ä b").as_uri()
        item = client(offline=True)
        assert item.get(url).body == b"abc"
        with item.stream(url) as response:
            assert (response.status, response.headers["content-length"]) == (200, "3")
            assert b"".join(response.chunks()) == b"abc"

    def test_a_missing_file_url_is_named(self, client, tmp_path):
        with pytest.raises(HttpError, match="none") as caught:
            client().get((tmp_path / "none").as_uri())
        assert caught.value.status == 404
        with pytest.raises(NetworkError, match="remote host"):
            client().get("file://elsewhere/etc/hosts")

    def test_an_unreadable_file_url_is_named(self, client, tmp_path):
        with pytest.raises(HttpError):
            client().get(tmp_path.as_uri())
        with pytest.raises(StorageError, match=r"cannot read .*aaa"):
            client().get((tmp_path / ("a" * 300)).as_uri())


class TestRefusals:
    def test_a_404_names_the_url(self, client, server):
        with pytest.raises(HttpError, match=f"{server.url}/none not found") as caught:
            client().get(server.url + "/none")
        assert caught.value.status == 404
        assert len(server.requests) == 1

    def test_a_401_names_the_place_of_credentials(self, client, server):
        with pytest.raises(HttpError, match="401") as caught:
            client().get(server.add("/a", auth="me:secret"))
        assert "netrc" in caught.value.hint
        with pytest.raises(HttpError) as caught:
            client().get(server.url + "/a", {"Authorization": "Basic eDp5"})
        assert "check the credentials" in caught.value.hint

    def test_an_exceeded_rate_limit_names_its_end_and_the_token(self, client, server):
        with pytest.raises(RateLimited, match="UTC") as caught:
            client().get(server.add("/a", fault=faults.rate_limited()))
        assert "GITHUB_TOKEN" in caught.value.hint
        with pytest.raises(RateLimited) as caught:
            client().get(server.url + "/a", {"Authorization": "Bearer x"})
        assert "another token" in caught.value.hint
        assert len(server.requests) == 2

    @pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
    def test_transient_failures_are_retried(self, client, server, status):
        item = client()
        assert item.get(server.add("/a", b"abc", fault=faults.status(status, times=2))).body == b"abc"
        assert item.time.slept == [0.5, 1.0]
        assert [note.rpartition(";")[2] for note in item.watcher.notes] == [
            " retrying in 0.5 s (attempt 2 of 3)",
            " retrying in 1.0 s (attempt 3 of 3)",
        ]

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 416, 501])
    def test_permanent_failures_are_not_retried(self, client, server, status):
        with pytest.raises(HttpError) as caught:
            client().get(server.add("/a", fault=faults.status(status)))
        assert caught.value.status == status
        assert len(server.requests) == 1

    def test_the_error_has_the_number_of_attempts(self, client, server):
        with pytest.raises(HttpError, match=r"500 Internal Server Error .*\(after 3 attempts\)"):
            client().get(server.add("/a", fault=faults.status(500)))
        with pytest.raises(HttpError) as caught:
            client(http_retries=0).get(server.url + "/a")
        assert "tried" not in caught.value.message

    def test_retry_after_is_respected(self, client, server):
        item = client()
        item.get(server.add("/a", fault=faults.too_many_requests("7")))
        item.get(server.add("/b", fault=faults.too_many_requests("Tue, 14 Nov 2023 22:13:40 GMT")))
        assert item.time.slept == [7.0, 20.0]

    @pytest.mark.parametrize("status", [429, 503])
    def test_a_retry_after_beyond_a_minute_is_an_error_with_the_time(self, client, server, status):
        url = server.add("/a", fault=faults.status(status, headers={"Retry-After": "3600"}))
        with pytest.raises(HttpError, match="retry after 2023-11-14 23:13 UTC"):
            client().get(url)
        assert len(server.requests) == 1


class TestBrokenAnswers:
    @pytest.mark.parametrize(
        "fault",
        [
            faults.truncated(2, 1),
            faults.truncated(2, 1, reset=True),
            faults.refuses_to_answer(1),
            faults.refuses_to_answer(1, reset=True),
            faults.chunked(1, cut=True),
        ],
        ids=["truncated", "reset", "no answer", "refused", "chunks cut"],
    )
    def test_a_broken_connection_is_retried(self, client, server, fault):
        item = client()
        assert item.get(server.add("/a", b"abcdefghij" * 5, fault=fault)).body == b"abcdefghij" * 5
        assert len(item.watcher.notes) == 1

    @pytest.mark.parametrize(
        "fault",
        [faults.stalled(2, 1), faults.silent(1), faults.slow(1, 0.1, 1)],
        ids=["stalled", "silent", "drip"],
    )
    def test_a_response_that_stalls_is_retried(self, client, server, fault):
        item = client(http_timeout=SHORT_TIMEOUT_SECONDS, http_retries=MANY_RETRIES)
        assert item.get(server.add("/a", b"abcdefghij" * 5, fault=fault)).body == b"abcdefghij" * 5
        assert "stalled" in item.watcher.notes[0]

    def test_an_incomplete_response_is_named(self, client, server):
        url = server.add("/a", b"abc", fault=faults.truncated(1))
        with pytest.raises(IncompleteDownload, match=f"closed the connection while sending {url}"):
            client().get(url)

    def test_a_silent_or_dripping_server_times_out(self, client, server):
        for fault in (faults.silent(), faults.slow(1, 0.05)):
            item = client(http_timeout=SHORT_TIMEOUT_SECONDS, http_retries=0)
            with pytest.raises(NetworkError, match=r"stalled: .* 0\.3 s"):
                item.get(server.add("/a", b"a" * 100, fault=fault))

    def test_a_slow_server_with_progress_does_not_time_out(self, client, server):
        url = server.add("/a", Huge(20_000), fault=faults.slow(2_000, 0.01))
        seconds = itertools.count(step=PATIENCE_SECONDS / 2)  # each look at the clock is that much later
        assert len(client(monotonic=lambda: next(seconds), http_retries=0).get(url).body) == 20_000

    def test_a_server_without_http_is_an_error(self, client, server):
        with pytest.raises(NetworkError, match="invalid HTTP response"):
            client().get(server.add("/a", fault=faults.garbage()))
        assert len(server.requests) == 1

    def test_an_undecodable_body_is_explained(self, client, server):
        url = server.add("/a", b"no gzip", {"Content-Encoding": "gzip"})
        with pytest.raises(NetworkError, match=f"cannot decode the response from {url}"):
            client().get(url)

    def test_a_stream_is_not_retried(self, client, server):
        url = server.add("/a", fault=faults.status(503))
        with pytest.raises(HttpError) as caught, client().stream(url):
            pass
        assert caught.value.passing
        assert len(server.requests) == 1


class TestUnreachable:
    def test_a_refused_connection_is_reported(self, client):
        with (
            refusing_port() as port,
            pytest.raises(
                NetworkError, match=rf"cannot reach 127\.0\.0\.1:{port}: connection refused"
            ) as caught,
        ):
            client().get(f"http://127.0.0.1:{port}/a")
        assert "--offline" in caught.value.hint

    @pytest.mark.parametrize(
        "url", ["nodejs", "ftp://x/y", "https://", "https://[::1", "http://x:99999/", "http://x:y/"]
    )
    def test_an_invalid_url_is_rejected(self, client, url):
        with pytest.raises(NetworkError, match="URL"):
            client().get(url)

    @pytest.mark.parametrize("token", ["hidden\n", "hidden\r\nX: y", "hidden\u00e9", "hidden\u4e16"])
    def test_an_invalid_token_is_rejected_and_not_displayed(self, client, server, token):
        with pytest.raises(
            NetworkError, match=r"cannot send the request .* characters in a request header"
        ) as caught:
            client().get(server.url + "/a", {"Authorization": token})
        assert "hidden" not in caught.value.message
        assert server.requests == []

    def test_nothing_is_sent_in_offline_mode(self, client, server):
        with pytest.raises(Offline, match="offline: cannot fetch") as caught:
            client(offline=True).get("https://me:secret@far.invalid/a?token=hidden")
        assert "secret" not in caught.value.message
        assert "hidden" not in caught.value.message
        with pytest.raises(Offline):
            client(offline=True).get(server.url)


class TestTls:
    def test_a_bundle_of_the_user_is_trusted(self, client, tls_server, authority):
        tls_server.add("/a", b"abc")
        assert client(ca_bundle=authority.pem).get(tls_server.url + "/a").body == b"abc"

    def test_a_bundle_of_the_package_client_is_trusted(self, client, tls_server, authority):
        tls_server.add("/a", b"abc")
        assert client(extra_ca=authority.pem).get(tls_server.url + "/a").body == b"abc"

    def test_an_added_bundle_is_trusted_from_the_next_connection_on(
        self, client, server, tls_server, authority
    ):
        tls_server.add("/a", b"abc")
        server.add("/b", b"abc")
        item = client()
        with item.stream(server.url + "/b") as under_way:
            with pytest.raises(NetworkError, match="certificate verification failed"):
                item.get(tls_server.url + "/a")
            item.http.trust(authority.pem)
            item.http.trust(authority.pem)
            assert item.get(tls_server.url + "/a").body == b"abc"
            assert b"".join(under_way.chunks()) == b"abc"

    def test_the_bundle_of_ssl_cert_file_is_trusted(self, client, tls_server, authority):
        tls_server.add("/a", b"abc")
        assert client({"SSL_CERT_FILE": authority.pem}).get(tls_server.url + "/a").body == b"abc"

    def test_an_untrusted_certificate_is_explained(self, client, tls_server):
        with pytest.raises(
            NetworkError, match=r"certificate verification failed for 127\.0\.0\.1:\d+"
        ) as caught:
            client().get(tls_server.url)
        assert "ca_bundle" in caught.value.hint
        assert tls_server.requests == []

    def test_authorities_are_loaded_only_for_encrypted_connections(
        self, client, server, tls_server, authority, monkeypatch
    ):
        load, contexts = tls.context, []
        monkeypatch.setattr(
            tls, "context", lambda *arguments: contexts.append(load(*arguments)) or contexts[-1]
        )
        server.add("/a", b"abc")
        tls_server.add("/a", b"abc")
        item = client(ca_bundle=authority.pem)
        assert [item.get(f"{server.url}/a").body for _ in range(2)] == [b"abc", b"abc"]
        assert contexts == []
        assert [item.get(f"{tls_server.url}/a").body for _ in range(2)] == [b"abc", b"abc"]
        assert len(contexts) == 1

    def test_a_certificate_for_another_name_is_explained(self, client, tmp_path):
        other = Authority(tmp_path, "other.invalid")
        with (
            Server(other) as server,
            pytest.raises(NetworkError, match=r"certificate verification failed .*mismatch"),
        ):
            client(ca_bundle=other.pem).get(server.url)

    def test_a_server_without_tls_is_explained(self, client, server):
        with pytest.raises(NetworkError, match="TLS handshake"):
            client().get(server.url.replace("http:", "https:"))

    @pytest.mark.parametrize("setting", ["ca_bundle", "SSL_CERT_FILE"])
    @pytest.mark.parametrize("content", [None, "no certificate"])
    def test_an_invalid_bundle_is_named(self, client, tls_server, tmp_path, setting, content):
        path = tmp_path / "bundle.pem"
        if content:
            path.write_text(content)
        item = client({setting: str(path)}) if setting.isupper() else client(**{setting: str(path)})
        with pytest.raises(ConfigError, match=rf"{setting}: .*bundle\.pem"):
            item.get(tls_server.url)


class TestRedirects:
    @pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
    def test_redirects_are_followed(self, client, server, code):
        server.add("/b", b"abc")
        response = client().get(server.add("/a", fault=faults.redirect("b?x=1", code)))
        assert (response.body, response.url) == (b"abc", server.url + "/b?x=1")

    def test_a_redirect_leaves_a_long_body_unread(self, client, server):
        server.add("/b", b"abc")
        long = faults.status(302, headers={"Location": "/b"}, body=bytes(2_000_000))
        assert client().get(server.add("/a", fault=long)).body == b"abc"

    def test_a_redirect_works_without_its_body(self, client, server):
        def act(exchange):
            exchange.head(302, {"Location": "/b", "Content-Length": "100"})
            exchange.hang_up()

        server.add("/b", b"abc")
        assert client().get(server.add("/a", fault=faults.fault(act))).body == b"abc"

    def test_a_redirect_loop_is_named(self, client, server):
        server.add("/a", fault=faults.redirect("/b"))
        server.add("/b", fault=faults.redirect("/a"))
        with pytest.raises(NetworkError, match=r"/a → .*/b → .*/a"):
            client().get(server.url + "/a")

    def test_more_than_ten_redirects_are_an_error(self, client, server):
        for number in range(12):
            server.add(f"/{number}", b"end", fault=faults.redirect(f"/{number + 1}"))
        server.pages["/10"].faults.clear()
        assert client().get(server.url + "/0").body == b"end"
        server.pages["/10"].faults.append(faults.redirect("/11"))
        with pytest.raises(NetworkError, match="more than 10 redirects"):
            client().get(server.url + "/0")

    @pytest.mark.parametrize("target", [f"{FAR}/a", "file:///etc/passwd"])
    def test_a_redirect_never_leaves_https(self, client, tls_server, authority, target):
        url = tls_server.add("/a", fault=faults.redirect(target))
        with pytest.raises(InsecureUrl, match="insecure redirect") as caught:
            client(ca_bundle=authority.pem).get(url)
        assert f"from {url} to {target}" in caught.value.message

    def test_a_redirect_may_leave_https_between_loopback_hosts(self, client, server, tls_server, authority):
        server.add("/b", b"abc")
        url = tls_server.add("/a", fault=faults.redirect(server.url + "/b"))
        assert client(ca_bundle=authority.pem).get(url).body == b"abc"

    def test_a_redirect_never_leads_to_a_file(self, client, server):
        with pytest.raises(InsecureUrl):
            client(allow_http=True).get(server.add("/a", fault=faults.redirect("file:///etc/passwd")))

    def test_a_redirect_keeps_credentials_on_the_same_host(self, client, server):
        server.add("/b", b"abc", auth="me:secret")
        server.add("/a", fault=faults.redirect("/b"))
        assert client().get(server.url.replace("//", "//me:secret@") + "/a").body == b"abc"
        server.add("/a", fault=faults.redirect(server.url + "/b"))
        assert client().get(server.url + "/a", {"Authorization": BASIC}).body == b"abc"

    @pytest.mark.parametrize(
        "mapping",
        [{"Authorization": BASIC}, {"Cookie": "a=b"}, {"X-Token": "hidden"}, {}],
        ids=["authorization", "cookie", "any other", "in the URL"],
    )
    def test_a_redirect_drops_credentials_for_another_host(self, proxied_client, server, mapping):
        server.add("/a", fault=faults.redirect("http://other.invalid/b"))
        server.add("/b", b"abc")
        url = f"{FAR}/a" if mapping else "http://me:secret@far.invalid/a"
        response = proxied_client().get(url, {**mapping, "Range": "bytes=0-"})
        assert response.url == "http://other.invalid/b"
        first, second = server.requests
        assert {name.lower() for name in mapping or {"Authorization": ""}} <= set(first.headers)
        assert set(second.headers) <= {
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "range",
            "connection",
        }
        assert second.headers["range"] == "bytes=0-"

    def test_a_redirect_sets_no_cookies(self, client, server):
        server.add("/a", fault=faults.status(302, headers={"Location": "/b", "Set-Cookie": "a=b"}))
        server.add("/b", b"abc")
        client().get(server.url + "/a")
        assert "cookie" not in server.requests[1].headers


class TestPlainHttp:
    def test_plain_http_is_rejected(self, client):
        with pytest.raises(
            InsecureUrl, match=r"insecure URL \(plain http\): http://far\.invalid/a"
        ) as caught:
            client().get(f"{FAR}/a")
        assert "allow_http" in caught.value.hint

    def test_plain_http_is_allowed_by_the_setting(self, proxied_client, server):
        server.add("/a", b"abc")
        assert proxied_client().get(f"{FAR}/a").body == b"abc"
        assert server.tunnels == ["far.invalid"]


class TestMirrors:
    def test_the_mirror_with_the_longest_prefix_is_used(self, client, server):
        server.add("/short/x", b"short")
        server.add("/long/x", b"long")
        item = client(
            mirrors=(
                ("https://far.invalid/", server.url + "/short/"),
                ("https://far.invalid/dist/", server.url + "/long/"),
            )
        )
        assert item.get("https://far.invalid/dist/x").body == b"long"
        assert item.get("https://far.invalid/x").body == b"short"

    def test_mirrors_apply_to_redirects(self, client, server):
        server.add("/a", fault=faults.redirect(f"{FAR}/b"))
        server.add("/mirror/b", b"abc")
        item = client(mirrors=((FAR, server.url + "/mirror"),))
        assert item.get(server.url + "/a").body == b"abc"

    def test_a_mirror_may_be_a_file_url(self, client, server, tmp_path):
        (tmp_path / "b").write_bytes(b"abc")
        item = client(mirrors=(("https://far.invalid", tmp_path.as_uri()),))
        assert item.get("https://far.invalid/b").body == b"abc"
        assert item.get(server.add("/a", fault=faults.redirect("https://far.invalid/b"))).body == b"abc"

    def test_a_mirror_does_not_receive_the_credentials_of_the_mirrored_host(self, client, server):
        server.add("/a", b"abc")
        client(mirrors=(("https://far.invalid", server.url),)).get(
            "https://far.invalid/a", {"Authorization": BASIC}
        )
        assert "authorization" not in server.requests[0].headers


class TestLogins:
    def test_logins_come_from_the_url(self, client, server):
        server.add("/a", b"abc", auth="me@home:sec:ret")
        url = server.url.replace("//", "//me%40home:sec%3Aret@") + "/a"
        response = client().get(url)
        assert response.body == b"abc"
        assert response.url == server.url + "/a"

    def test_logins_come_from_netrc_by_host(self, client, server):
        server.add("/a", b"abc", auth="me:secret")
        with open(os.path.join(os.environ["HOME"], ".netrc"), "w", encoding="utf-8") as file:
            file.write("machine 127.0.0.1 login me password secret\n")
        assert client().get(server.url + "/a").body == b"abc"

    def test_explicit_headers_override_logins(self, client, server, tmp_path):
        (tmp_path / "logins").write_text("default login x password y")
        server.add("/a", b"abc", auth="me:secret")
        item = client(netrc=str(tmp_path / "logins"))
        assert item.get(server.url + "/a", {"Authorization": BASIC}).body == b"abc"
        with pytest.raises(HttpError, match="401"):
            item.get(server.url + "/a")

    def test_a_redirect_uses_the_login_of_the_other_host(self, proxied_client, server, tmp_path):
        (tmp_path / "logins").write_text("machine other.invalid login me password secret")
        server.add("/a", fault=faults.redirect("http://other.invalid/b"))
        server.add("/b", b"abc", auth="me:secret")
        assert proxied_client(netrc=str(tmp_path / "logins")).get(f"{FAR}/a").body == b"abc"
        assert "authorization" not in server.requests[0].headers


class TestProxies:
    def test_a_proxy_tunnels_https(self, client, server, tmp_path):
        far = Authority(tmp_path, "far.invalid")
        with Server(far) as target:
            target.add("/a", b"abc")
            server.tunnel_to = ("127.0.0.1", target.port)
            item = client({"HTTPS_PROXY": server.url.replace("//", "//me:secret@")}, ca_bundle=far.pem)
            assert item.get("https://far.invalid/a").body == b"abc"
        assert server.tunnels == ["far.invalid:443"]

    def test_an_unreachable_proxy_is_named(self, client):
        with (
            refusing_port() as port,
            pytest.raises(NetworkError, match=rf"the proxy 127\.0\.0\.1:{port}: connection refused"),
        ):
            client({"HTTPS_PROXY": f"127.0.0.1:{port}"}).get("https://far.invalid/a")

    def test_a_proxy_is_not_used_for_excluded_requests(self, client, server):
        item = client({"http_proxy": "http://127.0.0.1:1", "no_proxy": "127.0.0.1"})
        assert item.get(server.add("/a", b"abc")).body == b"abc"


def test_the_http_libraries_do_not_read_the_environment(client, server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    assert client().get(server.add("/a", b"abc")).body == b"abc"


def test_invalid_json_is_returned_unparsed(client, server):
    body = client().get(server.add("/a", faults.BAD_JSON)).body
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_connections_are_closed_at_the_end_of_a_block(server):
    url = server.add("/a", b"abc")
    item = Client()
    with item.http as http:
        assert http.get(url).body == b"abc"
