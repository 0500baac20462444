"""Client of the ALM API: documents in and out, with authentication and retries."""

from __future__ import annotations

import contextlib
import json

from envmgr.alm.client.fields import require_object
from envmgr.alm.client.transport import ApiRequest, encode_json, raise_for_status
from envmgr.kit.errors import AlmConflict, AlmError, HttpError, NetworkError, NotSignedIn
from envmgr.kit.frozen import replace
from envmgr.kit.http import urls
from envmgr.kit.http.client import Response
from envmgr.kit.http.streams import read_limited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.alm.client import sse
    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.tokens import TokenSource
    from envmgr.alm.client.transport import ApiResponse, Query, Transport
    from envmgr.kit.http.retry import RetryPolicy

_KEY_IN_USE_KIND = "idempotency-key-in-use"
_OK_STATUS = 200

STREAM_RECONNECT_SECONDS = 1.0
"""Delay before a stream that the server closed is opened again."""
MAX_ERROR_BYTES = 1 << 20


class Api:
    """Client of one server for one caller, whose methods raise subclasses of AlmError."""

    def __init__(self, transport: Transport, tokens: TokenSource) -> None:
        self._transport = transport
        self._tokens = tokens

    @property
    def url(self) -> str:
        """The URL of the server."""
        return self._transport.url

    def require_token(self) -> None:
        """Raise NotSignedIn without a token."""
        self._tokens.get()

    def get(self, path: str, query: Query | None = None) -> object:
        """Return a document."""
        return self._send_authenticated(ApiRequest("GET", path, query or {}, {})).document

    def post(self, path: str, body: object = None, *, key: str | None = None) -> object:
        """Create a resource idempotently; equal `key`s identify the same request."""
        if key is None:
            from uuid import uuid4

            key = str(uuid4())
        headers = {"idempotency-key": f'"{key}"'}
        return self._send_authenticated(
            ApiRequest("POST", path, {}, headers, None if body is None else encode_json(body))
        ).document

    def post_without_retry(self, path: str, body: object) -> object:
        """Send a change that must not be repeated, even if the response is lost."""
        request = ApiRequest("POST", path, {}, {}, encode_json(body), repeatable=False)
        return self._send_authenticated(request).document

    def put(self, path: str, body: object, *, etag: str | None = None) -> ApiResponse:
        """Replace a resource; with an ETag, only if it matches."""
        return self._send_authenticated(ApiRequest("PUT", path, {}, _condition(etag), encode_json(body)))

    def patch(self, path: str, change: object, *, etag: str | None = None) -> object:
        """Update a resource; with an ETag, only if it matches."""
        request = ApiRequest("PATCH", path, {}, _condition(etag), encode_json(change), repeatable=False)
        return self._send_authenticated(request).document

    def delete(self, path: str, query: Query | None = None, *, etag: str | None = None) -> None:
        """Delete a resource; with an ETag, only if it matches."""
        self._send_authenticated(ApiRequest("DELETE", path, query or {}, _condition(etag)))

    def pages(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Yield a list's pages, each fetched on demand."""
        from envmgr.alm.client import link_header

        page_query: Query | None = query or {}
        while page_query is not None:
            response = self._send_authenticated(ApiRequest("GET", path, page_query, {}))
            yield response.document
            page_query = link_header.next_query(response.headers.get("link", ""))

    def items(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Yield a list's items, page by page."""
        for page in self.pages(path, query):
            if not isinstance(page, list):
                raise AlmError(f"unexpected response from {urls.redact(self.url + path)}: expected a list")
            yield from page

    def follow(self, path: str, after: int | None = None, query: Query | None = None) -> Iterator[Document]:
        """Yield the documents of a stream as they arrive; resume after the last one on a lost connection.

        Starts after the number `after`, or with new documents only.
        """
        retry_policy, last_id = self._transport.http.retry_policy(), "" if after is None else str(after)
        while True:
            try:
                with self._open_stream(path, query or {}, last_id) as events:
                    retry_policy.reset()
                    for event in events:
                        last_id = event.id or last_id
                        yield _parse_event(event)
                retry_policy.sleep(STREAM_RECONNECT_SECONDS)
            except HttpError:
                raise
            except NetworkError as error:
                self._wait_before_retry(retry_policy, error)

    def _wait_before_retry(self, retry_policy: RetryPolicy, error: NetworkError) -> None:
        try:
            retry_policy.wait_or_raise(error)
        except NetworkError:
            raise self._transport.unreachable_error(error) from error

    @contextlib.contextmanager
    def _open_stream(self, path: str, query: Query, last_id: str) -> Iterator[Iterator[sse.Event]]:
        from envmgr.alm.client import sse

        headers = {"accept": "text/event-stream", **({"last-event-id": last_id} if last_id else {})}
        request = _with_token(ApiRequest("GET", path, query, headers), self._tokens.get())
        with self._transport.http.open(self._transport.build_request(request), endless=True) as stream:
            if stream.status != _OK_STATUS:
                body = read_limited(stream, MAX_ERROR_BYTES)
                raise_for_status(Response(stream.status, stream.url, stream.headers, body))
            yield sse.events(stream.chunks())

    def _send_authenticated(self, request: ApiRequest) -> ApiResponse:
        """Send a request; repeat it once with a refreshed token if the token was rejected."""
        token = self._tokens.get()
        try:
            return self._send_and_wait(_with_token(request, token))
        except NotSignedIn as error:
            refreshed = self._tokens.refresh(token)
            if refreshed is None:
                error.hint = self._tokens.hint or error.hint
                raise
            return self._send_and_wait(_with_token(request, refreshed))

    def _send_and_wait(self, request: ApiRequest) -> ApiResponse:
        """Send a request; wait while the server still processes an earlier attempt of it."""
        retry_policy = self._transport.http.retry_policy()
        while True:
            try:
                return self._transport.send(request)
            except AlmConflict as error:
                if error.kind != _KEY_IN_USE_KIND:
                    raise
                try:
                    retry_policy.wait_or_raise(NetworkError(error.message, passing=True))
                except NetworkError:
                    raise error from None


def _parse_event(event: sse.Event) -> Document:
    try:
        return require_object(json.loads(event.data))
    except (ValueError, RecursionError):
        raise AlmError(
            "invalid JSON in the event stream", "a proxy may have intercepted the request"
        ) from None


def _with_token(request: ApiRequest, token: str) -> ApiRequest:
    return replace(request, headers={**request.headers, "authorization": f"Bearer {token}"})


def _condition(etag: str | None) -> Mapping[str, str]:
    """Return the If-Match header of a change; `*` satisfies servers that require one."""
    return {"if-match": "*" if etag is None else f'"{etag}"'}
