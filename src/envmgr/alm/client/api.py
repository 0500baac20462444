"""The ALM server's API: documents in, documents out, as whom the token says."""

from __future__ import annotations

import contextlib
import json
import uuid
from typing import TYPE_CHECKING

from envmgr.alm.client import link_header, sse
from envmgr.alm.client.fields import document
from envmgr.alm.client.transport import Asked, checked, encoded
from envmgr.kit.errors import AlmConflict, AlmError, HttpError, NetworkError, NotSignedIn
from envmgr.kit.frozen import replace
from envmgr.kit.http import urls
from envmgr.kit.http.client import Response
from envmgr.kit.http.streams import limited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.alm.client.fields import Document
    from envmgr.alm.client.tokens import Tokens
    from envmgr.alm.client.transport import Answer, Query, Wire
    from envmgr.kit.http.retry import Patience

_IN_USE = "idempotency-key-in-use"
_OK = 200

RESUME = 1.0
"""Seconds before a stream that the server has ended is opened again."""


class Api:
    """One server, as one caller. Every method raises leaves of AlmError for refusals, and where nobody answers."""

    def __init__(self, wire: Wire, tokens: Tokens) -> None:
        self._wire = wire
        self._tokens = tokens

    @property
    def url(self) -> str:
        """The server's address."""
        return self._wire.url

    def require_token(self) -> None:
        """Raise NotSignedIn where there is no token to send."""
        self._tokens.current()

    def get(self, path: str, query: Query | None = None) -> object:
        """Return a document."""
        return self._ask(Asked("GET", path, query or {}, {})).document

    def post(self, path: str, body: object = None, *, key: str | None = None) -> object:
        """Send a document to be done once, however often it is sent; `key` says what counts as the same."""
        headers = {"idempotency-key": f'"{key or uuid.uuid4()}"'}
        return self._ask(Asked("POST", path, {}, headers, None if body is None else encoded(body))).document

    def put(self, path: str, body: object, *, state: str | None = None) -> Answer:
        """Say all of a resource; with a state, only if that is what it is in."""
        return self._ask(Asked("PUT", path, {}, _condition(state), encoded(body)))

    def patch(self, path: str, change: object, *, state: str | None = None) -> object:
        """Say some of a resource; with a state, only if that is what it is in."""
        asked = Asked("PATCH", path, {}, _condition(state), encoded(change), repeatable=False)
        return self._ask(asked).document

    def delete(self, path: str, query: Query | None = None, *, state: str | None = None) -> None:
        """Remove a resource; with a state, only if that is what it is in."""
        self._ask(Asked("DELETE", path, query or {}, _condition(state)))

    def pages(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Give a list's pages, one after the other, as they are asked for."""
        asked: Query | None = query or {}
        while asked is not None:
            answer = self._ask(Asked("GET", path, asked, {}))
            yield answer.document
            asked = link_header.following(answer.headers.get("link", ""))

    def items(self, path: str, query: Query | None = None) -> Iterator[object]:
        """Give a list's items, one after the other, page by page."""
        for page in self.pages(path, query):
            if not isinstance(page, list):
                raise AlmError(f"{urls.shown(self.url + path)} answered what is no list")
            yield from page

    def follow(self, path: str, after: int | None = None, query: Query | None = None) -> Iterator[Document]:
        """Give what a stream of numbered documents says, as it comes, resuming after the last when it breaks off.

        Begins after the number `after`; without one, with what comes from now on.
        """
        patience, last = self._wire.http.patience(), "" if after is None else str(after)
        while True:
            try:
                with self._opened(path, query or {}, last) as coming:
                    patience.restore()
                    for event in coming:
                        last = event.id or last
                        yield _read(event)
                patience.rest(RESUME)
            except HttpError:
                raise
            except NetworkError as error:
                self._be_patient(patience, error)

    def _be_patient(self, patience: Patience, error: NetworkError) -> None:
        try:
            patience.wait(error)
        except NetworkError:
            raise self._wire.unreachable(error) from error

    @contextlib.contextmanager
    def _opened(self, path: str, query: Query, last: str) -> Iterator[Iterator[sse.Event]]:
        headers = {"accept": "text/event-stream", **({"last-event-id": last} if last else {})}
        asked = _signed(Asked("GET", path, query, headers), self._tokens.current())
        with self._wire.http.open(self._wire.question(asked), endless=True) as stream:
            if stream.status != _OK:
                body = limited(stream, 1 << 20)
                checked(Response(stream.status, stream.url, stream.headers, body))
            yield sse.events(stream.chunks())

    def _ask(self, asked: Asked) -> Answer:
        """Ask, once more with another token where this one has ended."""
        token = self._tokens.current()
        try:
            return self._finished(_signed(asked, token))
        except NotSignedIn as error:
            other = self._tokens.renewed(token)
            if other is None:
                error.hint = self._tokens.hint or error.hint
                raise
            return self._finished(_signed(asked, other))

    def _finished(self, asked: Asked) -> Answer:
        """Ask, and where the server is still at the same request (whose answer was lost), wait for its end."""
        patience = self._wire.http.patience()
        while True:
            try:
                return self._wire.ask(asked)
            except AlmConflict as error:
                if error.kind != _IN_USE:
                    raise
                try:
                    patience.wait(NetworkError(error.message, passing=True))
                except NetworkError:
                    raise error from None


def _read(event: sse.Event) -> Document:
    try:
        return document(json.loads(event.data))
    except (ValueError, RecursionError):
        raise AlmError(
            "the server's stream holds what is not JSON", "a proxy may have answered in the server's place"
        ) from None


def _signed(asked: Asked, token: str) -> Asked:
    return replace(asked, headers={**asked.headers, "authorization": f"Bearer {token}"})


def _condition(state: str | None) -> Mapping[str, str]:
    """Return the condition of a change; servers may insist on one, even on one that always holds."""
    return {"if-match": "*" if state is None else f'"{state}"'}
