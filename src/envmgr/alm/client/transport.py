"""JSON to and from one ALM server: what it answers, or an error that says why there is nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from envmgr.alm.client import errors
from envmgr.kit.errors import (
    AlmError,
    AlmUnreachable,
    EnvmgrError,
    HttpError,
    InsecureUrl,
    NetworkError,
    Offline,
)
from envmgr.kit.frozen import frozen
from envmgr.kit.http import network_errors, urls
from envmgr.kit.http.client import HttpRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.http.client import Http, Response

    Query = Mapping[str, object]

LIMIT = 64 * 2**20
_FIRST_ERROR_STATUS = 400


class Transport:
    """Asks one server, `retries` times more at most where that is safe and may help."""

    def __init__(self, url: str, http: Http, *, retries: int) -> None:
        self.url = url
        self.http = http
        self._retries = retries

    def send(self, asked: ApiRequest) -> ApiResponse:
        """Return what the server answers; raise a leaf of AlmError for a refusal, and where there is no answer."""
        try:
            response = self.http.send(
                self.build_request(asked), repeatable=asked.repeatable, retries=self._retries, limit=LIMIT
            )
        except NetworkError as error:
            raise self.unreachable_error(error) from error
        return raise_for_status(response)

    def build_request(self, asked: ApiRequest) -> HttpRequest:
        """Spell a request."""
        headers = {"accept": "application/json", **asked.headers}
        if asked.body is not None:
            headers["content-type"] = "application/json"
        return HttpRequest(
            asked.method, self.url_for(asked), headers, asked.body, interactive=asked.method == "GET"
        )

    def url_for(self, asked: ApiRequest) -> str:
        """Return where a request goes."""
        query = f"?{urlencode([(n, str(v)) for n, v in asked.query.items()])}" if asked.query else ""
        return f"{self.url}{asked.path}{query}"

    def unreachable_error(self, error: NetworkError) -> EnvmgrError:
        """Say that the server is away; what we must not do, or where it sends us, is said as it is."""
        if isinstance(error, HttpError | InsecureUrl | Offline):
            return error
        own = (
            f"is the server there? `envmgr alm serve` runs one; {urls.redacted(self.url)} comes from "
            "--url, ENVMGR_ALM_URL or the setting `alm_url`"
        )
        is_special = error.hint and not error.passing and error.hint != network_errors.ONLINE_HINT
        hint = error.hint if is_special else own
        return AlmUnreachable(
            f"no answer from the ALM server at {urls.redacted(self.url)}: {error.message}", hint
        )


@frozen
class ApiResponse:
    """A success: its status, its headers (names in lower case) and its document; None without a body."""

    status: int
    url: str
    headers: Mapping[str, str]
    document: object


@frozen
class ApiRequest:
    """A request: its path below the server's address, and its body, encoded."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes | None = None
    repeatable: bool = True


def encode_json(document: object) -> bytes:
    """Spell a document as JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def raise_for_status(response: Response) -> ApiResponse:
    """Return a success; raise a leaf of AlmError for anything else."""
    errors.check_version(response)
    if response.status >= _FIRST_ERROR_STATUS:
        raise errors.to_error(response)
    return ApiResponse(response.status, response.url, response.headers, _document(response))


def _document(response: Response) -> object:
    if not response.body:
        return None
    try:
        document: object = json.loads(response.body)
    except (ValueError, RecursionError):
        raise AlmError(
            f"what {urls.redacted(response.url)} answered is not JSON",
            "look at that address: a proxy may have answered in the server's place",
        ) from None
    return document
