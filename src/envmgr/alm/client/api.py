"""The ALM server's API: documents in, documents out, as whom the token says."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING

from envmgr.alm.client import link_header, sse
from envmgr.alm.client.fields import require_object
from envmgr.alm.client.transport import ApiRequest, encode_json, raise_for_status
from envmgr.kit.errors import AlmConflict, AlmError, HttpError, NetworkError, NotSignedIn
from envmgr.kit.frozen import replace
from envmgr.kit.http import urls
from envmgr.kit.http.client import Response
from envmgr.kit.http.streams import read_limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.tokens import TokenSource
    from envmgr.alm.client.transport import ApiResponse, Query, Transport
    from envmgr.kit.http.retry import RetryPolicy

_IN_USE = "idempotency-key-in-use"
_OK = 200

STREAM_RECONNECT_SECONDS = 1.0
"""Seconds before a stream that the server has ended is opened again."""


class Api:
    """One server, as one caller. Every method raises leaves of AlmError for refusals, and where nobody answers."""

    def __init__(self, wire: Transport, tokens: TokenSource) -> None:
        self._transport = wire
        self._tokens = tokens

    @property
    def url(self) -> str:
        """The server's address."""
        return self._transport.url

    def require_token(self) -> None:
        """Raise NotSignedIn where there is no token to send."""
        self._tokens.get()

    def get(self, path: str, query: Query | None = None) -> object:
        """Return a document."""
        return self._send_authenticated(ApiRequest("GET", path, query or {}, {})).document

    def post(self, path: str, body: object = None, *, key: str | None = None) -> object:
        """Send a document to be done once, however often it is sent; `key` says what counts as the same."""
        headers = {"idempotency-key": f'"{key or uuid.uuid4()}"'}
        return self._send_authenticated(
            ApiRequest("POST", path, {}, headers, None if body is None else encode_json(body))
        ).document

    def put(self, path: str, body: object, *, etag: str | None = None) -> ApiResponse:
        """Say all of a resource; with a state, only if that is what it is in."""
        return self._send_authenticated(ApiRequest("PUT", path, {}, _condition(etag), encode_json(body)))

    def patch(self, path: str, change: object, *, etag: str | None = None) -> object:
        """Say some of a resource; with a state, only if that is what it is in."""
        asked = ApiRequest("PATCH", path, {}, _condition(etag), encode_json(change), repeatable=False)
        return self._send_authenticated(asked).document

    def delete(self, path: str, query: Query | None = None, *, etag: str | None = None) -> None:
        """Remove a resource; with a state, only if that is what it is in."""
        self._send_authenticated(ApiRequest("DELETE", path, query or {}, _condition(etag)))

    def pages(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Give a list's pages, one after the other, as they are asked for."""
        asked: Query | None = query or {}
        while asked is not None:
            answer = self._send_authenticated(ApiRequest("GET", path, asked, {}))
            yield answer.document
            asked = link_header.next_query(answer.headers.get("link", ""))

    def items(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Give a list's items, one after the other, page by page."""
        for page in self.pages(path, query):
            if not isinstance(page, list):
                raise AlmError(f"{urls.redacted(self.url + path)} answered what is no list")
            yield from page

    def follow(self, path: str, after: int | None = None, query: Query | None = None) -> Iterator[Document]:
        """Give what a stream of numbered documents says, as it comes, resuming after the last when it breaks off.

        Begins after the number `after`; without one, with what comes from now on.
        """
        patience, last = self._transport.http.retry_policy(), "" if after is None else str(after)
        while True:
            try:
                with self._open_stream(path, query or {}, last) as coming:
                    patience.reset()
                    for event in coming:
                        last = event.id or last
                        yield _read(event)
                patience.sleep(STREAM_RECONNECT_SECONDS)
            except HttpError:
                raise
            except NetworkError as error:
                self._wait_before_retry(patience, error)

    def _wait_before_retry(self, patience: RetryPolicy, error: NetworkError) -> None:
        try:
            patience.wait_or_raise(error)
        except NetworkError:
            raise self._transport.unreachable_error(error) from error

    @contextlib.contextmanager
    def _open_stream(self, path: str, query: Query, last: str) -> Iterator[Iterator[sse.Event]]:
        headers = {"accept": "text/event-stream", **({"last-event-id": last} if last else {})}
        asked = _with_token(ApiRequest("GET", path, query, headers), self._tokens.get())
        with self._transport.http.open(self._transport.build_request(asked), endless=True) as stream:
            if stream.status != _OK:
                body = read_limited(stream, 1 << 20)
                raise_for_status(Response(stream.status, stream.url, stream.headers, body))
            yield sse.events(stream.chunks())

    def _send_authenticated(self, asked: ApiRequest) -> ApiResponse:
        """Ask, once more with another token where this one has ended."""
        token = self._tokens.get()
        try:
            return self._send_and_wait(_with_token(asked, token))
        except NotSignedIn as error:
            other = self._tokens.refresh(token)
            if other is None:
                error.hint = self._tokens.hint or error.hint
                raise
            return self._send_and_wait(_with_token(asked, other))

    def _send_and_wait(self, asked: ApiRequest) -> ApiResponse:
        """Ask, and where the server is still at the same request (whose answer was lost), wait for its end."""
        patience = self._transport.http.retry_policy()
        while True:
            try:
                return self._transport.send(asked)
            except AlmConflict as error:
                if error.kind != _IN_USE:
                    raise
                try:
                    patience.wait_or_raise(NetworkError(error.message, passing=True))
                except NetworkError:
                    raise error from None


def _read(event: sse.Event) -> Document:
    try:
        return require_object(json.loads(event.data))
    except (ValueError, RecursionError):
        raise AlmError(
            "the server's stream holds what is not JSON", "a proxy may have answered in the server's place"
        ) from None


def _with_token(asked: ApiRequest, token: str) -> ApiRequest:
    return replace(asked, headers={**asked.headers, "authorization": f"Bearer {token}"})


def _condition(etag: str | None) -> Mapping[str, str]:
    """Return the condition of a change; servers may insist on one, even on one that always holds."""
    return {"if-match": "*" if etag is None else f'"{etag}"'}
