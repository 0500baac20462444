from __future__ import annotations

import asyncio
import json

import pytest

from envmgr.server.bootstrap.registry import REQUEST_POLICY
from envmgr.server.kit.common.context import SCOPES_BY_ROLE, Principal
from envmgr.server.kit.common.problems import Forbidden, ServiceUnavailable, Unauthenticated
from envmgr.server.kit.db.sql import DamagedDatabase
from envmgr.server.kit.http import middleware as middleware_module
from envmgr.server.kit.http.asgi import SCOPE_CONTEXT, SCOPE_PROBLEM
from envmgr.server.kit.http.middleware import RequestMiddleware
from support.services.service_fixtures import UnchangedPermissions

GOOD = (b"authorization", b"Bearer good")
JSON = (b"content-type", b"application/json")
ADA = Principal(actor="user:ada", role="admin", scopes=SCOPES_BY_ROLE["admin"])


class Authenticator:
    async def authenticate(self, token):
        if token != "good":
            raise Unauthenticated("unknown token", error="invalid_token")
        return ADA

    def current_permissions(self):
        return UnchangedPermissions()


class RecordingObserver:
    def __init__(self):
        self.refused, self.responses, self.bugs = [], [], []

    async def on_denied(self, info, status):
        self.refused.append((info.actor, info.client, info.problem, status))

    def on_response(self, info, status, seconds):
        self.responses.append(status)

    def on_error(self, info, error):
        self.bugs.append(error)


class Application:
    """Responds with the body, and records its requests."""

    def __init__(self, status=200, problem=None, endless=False):
        self.status, self.problem, self.endless = status, problem, endless
        self.scopes, self.pieces = [], 0

    async def __call__(self, scope, receive, send):
        self.scopes.append(scope)
        if self.problem:
            scope[SCOPE_PROBLEM] = self.problem
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": self.status, "headers": [(b"etag", b'"1"')]})
        await send({"type": "http.response.body", "body": b"some", "more_body": True})
        while self.endless and (await receive())["type"] != "http.disconnect":
            self.pieces += 1
            await send({"type": "http.response.body", "body": b"more", "more_body": True})
        await send({"type": "http.response.body", "body": b"thing"})


class Answer:
    def __init__(self, messages):
        self.status = messages[0]["status"]
        self.headers = dict(messages[0]["headers"])
        self.pairs = messages[0]["headers"]
        self.body = b"".join(message["body"] for message in messages[1:])
        self.starts = sum(message["type"] == "http.response.start" for message in messages)

    @property
    def problem(self):
        return json.loads(self.body)


def visit(
    *headers,
    method="GET",
    path="/apps",
    body=b"",
    application=None,
    observer=None,
    client="1.2.3.4",
    **options,
):
    application = application or Application()
    middleware = options.pop("middleware", None) or RequestMiddleware(
        application, Authenticator(), observer or RecordingObserver(), policy=REQUEST_POLICY, **options
    )
    messages = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        messages.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "http_version": "1.0",
        "headers": list(headers),
        "client": (client, 5),
    }
    asyncio.run(middleware(scope, receive, send))
    return Answer(messages)


def test_an_authenticated_request_has_a_context():
    application = Application()
    response = visit(GOOD, (b"x-request-id", b"r-1"), application=application)
    assert (response.status, response.body) == (200, b"something")
    assert application.scopes[0][SCOPE_CONTEXT].principal == ADA
    assert response.headers[b"x-request-id"] == b"r-1"
    assert response.headers[b"alm-api"] == b"1"
    assert response.headers[b"x-content-type-options"] == b"nosniff"
    assert response.headers[b"cache-control"] == b"no-store"


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [(b"authorization", b"Bearer bad")],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Basic good")],
        [(b"authorization", b"good")],
        [(b"authorization", b"")],
        [(b"authorization", b"Bearer good good")],
        [(b"authorization", b"Bearer g\xc3\xb6\xc3\xb6d")],
        [(b"authorization", b"Bearer \x00")],
    ],
    ids=repr,
)
def test_an_unauthenticated_request_is_rejected_and_recorded_once(headers):
    application, observer = Application(), RecordingObserver()
    response = visit(*headers, application=application, observer=observer)
    assert response.status == 401
    assert response.headers[b"www-authenticate"].startswith(b'Bearer realm="alm"')
    assert response.problem["type"] == "/problems/unauthenticated"
    assert application.scopes == []
    assert observer.refused == [("", "1.2.3.4", "unauthenticated", 401)]


def test_a_rejection_by_a_handler_is_logged_with_caller_and_reason():
    observer = RecordingObserver()
    application = Application(403, Forbidden("no"))
    assert visit(GOOD, application=application, observer=observer).status == 403
    assert observer.refused == [("user:ada", "1.2.3.4", "forbidden", 403)]


@pytest.mark.parametrize("path", sorted(REQUEST_POLICY.public_paths))
def test_public_paths_require_no_credential(path):
    application = Application()
    assert visit(path=path, application=application).status == 200
    assert SCOPE_CONTEXT not in application.scopes[0]


@pytest.mark.parametrize(
    "path", ["/healthz/", "//healthz", "/docs/", "/auth/login/", "/auth/keys", "/HEALTHZ", "//"]
)
def test_paths_similar_to_public_ones_require_a_credential(path):
    assert visit(path=path).status == 401


def test_logout_requires_a_credential_or_a_refresh_token():
    application = Application()
    assert visit(method="POST", path="/auth/logout", application=application).status == 200
    assert visit(GOOD, method="POST", path="/auth/logout", application=application).status == 200
    assert [SCOPE_CONTEXT in scope for scope in application.scopes] == [False, True]
    assert visit((b"authorization", b"Bearer bad"), method="POST", path="/auth/logout").status == 401


@pytest.mark.parametrize(
    "name", [b"authorization", b"content-length", b"content-type", b"host", b"idempotency-key", b"if-match"]
)
def test_contradictory_headers_are_rejected(name):
    response = visit(GOOD, (name, b"Bearer good"), (name, b"Bearer bad"))
    assert response.status == 400
    assert name.decode() in response.problem["detail"]


def test_repeatable_headers_are_accepted():
    assert visit(GOOD, (b"accept", b"a/b"), (b"accept", b"c/d")).status == 200


@pytest.mark.parametrize(
    "path", ["/apps/a\nb", "/versions/1\n", "/versions/\u0661", "/apps/a b", "/apps/\x00"]
)
def test_a_path_with_invalid_characters_is_not_found(path):
    assert visit(GOOD, path=path).status == 404


@pytest.mark.parametrize("length", [b"x", b"-1", b"1e3", b"", b"9" * 40, b"\xd9\xa1"])
def test_an_invalid_content_length_is_rejected(length):
    assert visit(GOOD, JSON, (b"content-length", length), method="POST").status in {400, 413}


@pytest.mark.parametrize(
    ("path", "length", "status"),
    [
        ("/apps", 2**20, 200),
        ("/apps", 2**20 + 1, 413),
        ("/versions", 7 * 2**20, 200),
        ("/apps/shop/versions/1", 7 * 2**20 + 1, 413),
    ],
)
def test_a_body_declared_too_large_is_not_read(path, length, status):
    headers = GOOD, JSON, (b"content-length", str(length).encode())
    application = Application()
    assert visit(*headers, method="POST", path=path, application=application).status == status
    assert bool(application.scopes) == (status == 200)


def test_reading_stops_at_the_body_limit():
    response = visit(GOOD, JSON, (b"transfer-encoding", b"chunked"), method="POST", body=b"x" * (2**20 + 1))
    assert response.status == 413
    assert response.headers[b"connection"] == b"close"


@pytest.mark.parametrize(
    ("media", "method", "path", "status"),
    [
        (b"application/json", "POST", "/apps", 200),
        (b"Application/JSON", "POST", "/apps", 200),
        (b"application/json; charset=utf-8", "POST", "/apps", 200),
        (b'application/json;charset="UTF-8"', "POST", "/apps", 200),
        (b"application/json; charset=utf-16", "POST", "/apps", 415),
        (b"application/json; charset=latin-1", "POST", "/apps", 415),
        (b"application/jsonx", "POST", "/apps", 415),
        (b"text/plain", "POST", "/apps", 415),
        (b"", "POST", "/apps", 415),
        (b"application/merge-patch+json", "PATCH", "/apps/a", 200),
        (b"application/merge-patch+json", "PUT", "/apps/a", 415),
        (b"application/x-www-form-urlencoded", "POST", "/apps", 415),
        (b"application/x-www-form-urlencoded", "POST", "/auth/token", 200),
        (b"multipart/form-data", "POST", "/auth/token", 415),
    ],
)
def test_a_body_must_be_json_in_utf8(media, method, path, status):
    headers = GOOD, (b"content-type", media), (b"content-length", b"4")
    assert visit(*headers, method=method, path=path, body=b"true").status == status


def test_a_credential_in_a_path_is_redacted_and_routed_unchanged():
    paths = []

    class Curious(RecordingObserver):
        def on_response(self, info, status, seconds):
            paths.append(info.path)

    application = Application()
    for path in ("/apps/evm_1_secret", "/apps/eyJhbGciOiJ.eyJzdWIi.c2ln/x", "/apps/shop"):
        assert visit(GOOD, path=path, application=application, observer=Curious()).status == 200
    assert application.scopes[0]["path"] == "/apps/evm_1_secret"
    assert paths == ["/apps/…", "/apps/…/x", "/apps/shop"]


def test_head_is_get_without_the_body():
    application = Application()
    response = visit(GOOD, method="HEAD", application=application)
    assert application.scopes[0]["method"] == "GET"
    assert (response.status, response.body, response.headers[b"etag"]) == (200, b"", b'"1"')


def test_head_of_an_endless_stream_ends():
    application = Application(endless=True)
    assert visit(GOOD, method="HEAD", application=application).body == b""
    assert application.pieces == 0


def test_head_without_a_credential_is_rejected_without_a_body():
    response = visit(method="HEAD")
    assert (response.status, response.body) == (401, b"")


def test_changes_may_require_a_precondition():
    assert visit(GOOD, method="DELETE", require_if_match=True).status == 428
    assert visit(GOOD, (b"if-match", b'"1"'), method="DELETE", require_if_match=True).status == 200
    assert visit(GOOD, require_if_match=True).status == 200


def test_no_origin_is_allowed_by_default():
    response = visit(GOOD, (b"origin", b"https://evil.example"))
    assert not any(name.startswith(b"access-control") for name in response.headers)


def test_only_configured_origins_are_allowed():
    options = {"allowed_origins": ["https://ui.example"]}
    preflight = (b"access-control-request-method", b"POST")
    response = visit((b"origin", b"https://ui.example"), preflight, method="OPTIONS", **options)
    assert response.status == 204
    assert response.headers[b"access-control-allow-origin"] == b"https://ui.example"
    assert b"authorization" in response.headers[b"access-control-allow-headers"]
    assert visit(GOOD, (b"origin", b"https://ui.example"), **options).headers[b"vary"] == b"Origin"
    for origin in (b"https://evil.example", b"https://ui.example.evil.example", b"null"):
        other = visit((b"origin", origin), preflight, method="OPTIONS", **options)
        assert b"access-control-allow-origin" not in other.headers
        assert b"access-control-allow-methods" not in other.headers


def test_a_rejection_is_readable_for_an_allowed_origin():
    response = visit((b"origin", b"https://ui.example"), allowed_origins=["https://ui.example"])
    assert response.status == 401
    assert response.headers[b"access-control-allow-origin"] == b"https://ui.example"


def test_only_trusted_proxies_are_honoured():
    header = (b"x-forwarded-for", b"9.9.9.9")
    for trusted, client in (([], "1.2.3.4"), (["1.2.3.4"], "9.9.9.9")):
        application = Application()
        visit(GOOD, header, application=application, trusted_proxies=trusted)
        assert application.scopes[0]["client"] == (client, 5)


def test_a_caller_rejected_too_often_is_limited_and_an_authenticated_one_is_not(monkeypatch):
    monkeypatch.setattr(middleware_module, "DENIAL_BURST", 3)
    monkeypatch.setattr(middleware_module, "DENIAL_RATE_PER_SECOND", 0)
    observer = RecordingObserver()
    middleware = RequestMiddleware(Application(), Authenticator(), observer, policy=REQUEST_POLICY)
    statuses = [visit(middleware=middleware).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert len(observer.refused) == 3
    assert visit(GOOD, middleware=middleware).status == 200
    assert visit(middleware=middleware, client="4.3.2.1").status == 401


def test_rejections_by_handlers_are_rate_limited(monkeypatch):
    monkeypatch.setattr(middleware_module, "DENIAL_BURST", 1)
    monkeypatch.setattr(middleware_module, "DENIAL_RATE_PER_SECOND", 0)
    observer = RecordingObserver()
    middleware = RequestMiddleware(
        Application(401, Unauthenticated("no")), Authenticator(), observer, policy=REQUEST_POLICY
    )
    responses = [visit(middleware=middleware, path="/auth/refresh", method="POST") for _ in range(2)]
    assert [response.status for response in responses] == [401, 429]
    assert responses[1].starts == 1
    assert responses[1].problem["status"] == 429
    assert len(observer.refused) == 1


def test_an_internal_error_is_logged_and_hidden_from_the_caller():
    async def broken(_scope, _receive, _send):
        raise RuntimeError("a secret")

    observer = RecordingObserver()
    response = visit(GOOD, application=broken, observer=observer)
    assert response.status == 500
    assert b"secret" not in response.body
    assert [str(error) for error in observer.bugs] == ["a secret"]


def test_a_damaged_database_is_unavailable_and_reported_to_the_observer():
    damage = DamagedDatabase("/srv/alm/app.db", "malformed page 7")

    async def broken(_scope, _receive, _send):
        raise damage

    observer = RecordingObserver()
    response = visit(GOOD, application=broken, observer=observer)
    assert response.status == 503
    assert "restore" in response.problem["detail"]
    assert b"app.db" not in response.body
    assert b"page 7" not in response.body
    assert observer.bugs == [damage]


def test_the_connection_is_closed_after_an_unread_body():
    rejection = visit(JSON, (b"content-length", b"4"), method="POST", body=b"true")
    assert rejection.headers[b"connection"] == b"close"
    assert b"connection" not in visit().headers


class Failing(RecordingObserver):
    """Fails at the step that a test names."""

    def __init__(self, **errors):
        super().__init__()
        self.errors = errors

    def _fail(self, name):
        if name in self.errors:
            raise self.errors[name]

    async def on_denied(self, info, status):
        self._fail("on_denied")

    def on_response(self, info, status, seconds):
        self._fail("on_response")

    def on_error(self, info, error):
        super().on_error(info, error)
        self._fail("on_error")


FULL = ServiceUnavailable("database or disk is full", retry_after=5)


@pytest.mark.parametrize(
    "application", [Application(), Application(403, Forbidden("no"))], ids=["middleware", "application"]
)
@pytest.mark.parametrize(("error", "status"), [(FULL, 503), (OSError(28, "no space"), 500)], ids=repr)
def test_a_denial_that_cannot_be_recorded_is_a_problem(application, error, status):
    observer = Failing(on_denied=error)
    credential = [GOOD] if application.problem else []
    response = visit(*credential, application=application, observer=observer)
    assert (response.status, response.starts) == (status, 1)
    assert response.headers[b"content-type"] == b"application/problem+json"
    assert response.problem["status"] == status
    assert response.headers.get(b"retry-after") == (b"5" if status == 503 else None)
    assert len(observer.bugs) == (status == 500)


class Broken:
    async def __call__(self, scope, receive, send):
        raise ZeroDivisionError


def assert_internal_error(response):
    assert (response.status, response.starts) == (500, 1)
    assert response.headers[b"content-type"] == b"application/problem+json"
    assert response.problem["type"] == "/problems/internal-error"


@pytest.mark.parametrize("errors", [{}, {"on_error": OSError()}, {"on_response": OSError()}], ids=repr)
def test_an_internal_error_is_a_problem_even_if_it_cannot_be_logged(errors):
    assert_internal_error(visit(GOOD, application=Broken(), observer=Failing(**errors)))


def test_a_failure_before_and_after_the_request_is_a_problem(monkeypatch):
    def fail(*_):
        raise ZeroDivisionError

    monkeypatch.setattr(middleware_module, "client_network", fail)
    assert_internal_error(visit())
    monkeypatch.setattr(middleware_module, "RequestInfo", fail)
    assert_internal_error(visit(GOOD))


def test_a_header_that_cannot_be_sent_is_a_problem(monkeypatch):
    def fail(_headers):
        raise ZeroDivisionError

    monkeypatch.setattr(middleware_module.headers, "with_defaults", fail)
    assert_internal_error(visit(GOOD))


def test_a_sent_response_is_unaffected_by_a_failing_log():
    response = visit(GOOD, observer=Failing(on_response=OSError()))
    assert (response.status, response.starts) == (200, 1)


def test_a_span_that_cannot_be_started_is_a_problem():
    class Tracing:
        def request(self, scope):
            raise ZeroDivisionError

    assert_internal_error(visit(GOOD, tracing=Tracing()))
