"""A fake API client: responses from a dictionary, and a record of the requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import AlmNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class FakeApiClient:
    """Replaces `alm.api.Api`; raises a response that is an error, calls one that is a function."""

    def __init__(self, responses: Mapping[str, object]) -> None:
        self.responses = dict(responses)
        self.requests: list[tuple[object, ...]] = []

    def get(self, path, query=None):
        return self._respond("GET", path, query)

    def post(self, path, body=None):
        return self._respond("POST", path, body)

    def patch(self, path, change, *, etag=None):
        return self._respond("PATCH", path, change, etag)

    def delete(self, path, query=None, *, etag=None):
        self._respond("DELETE", path, query or {}, etag)

    def pages(self, path, query=None) -> Iterator[object]:
        result = self._respond("GET", path, query)
        yield from result if isinstance(result, tuple) else (result,)

    def items(self, path, query=None) -> Iterator[object]:
        for page in self.pages(path, query):
            yield from page

    def follow(self, path, after=None):
        self.requests.append(("FOLLOW", path, after))
        return iter(self.responses[f"FOLLOW {path}"])

    def _respond(self, method, path, *content):
        self.requests.append((method, path, *content))
        if f"{method} {path}" not in self.responses:
            raise AlmNotFound(f"not found: {path}")
        result = self.responses[f"{method} {path}"]
        if isinstance(result, Exception):
            raise result
        return result(*content) if callable(result) else result
