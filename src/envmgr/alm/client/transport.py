"""JSON requests to one ALM server; error responses become exceptions."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from envmgr.kit.http.client import Http, Response

    Query = Mapping[str, object]

MAX_RESPONSE_BYTES = 64 * 2**20
_FIRST_ERROR_STATUS = 400


class Transport:
    """Sends requests to one server; repeats safe ones up to `retries` times."""

    def __init__(self, url: str, http: Http, *, retries: int) -> None:
        self.url = url
        self.http = http
        self._retries = retries

    def send(self, request: ApiRequest) -> ApiResponse:
        """Return the response; raise a subclass of AlmError for an error response or none at all."""
        try:
            response = self.http.send(
                self.build_request(request),
                repeatable=request.repeatable,
                retries=self._retries,
                limit=MAX_RESPONSE_BYTES,
            )
        except NetworkError as error:
            raise self.unreachable_error(error) from error
        return raise_for_status(response)

    def build_request(self, request: ApiRequest) -> HttpRequest:
        """Return the HTTP request for an API request."""
        headers = {"accept": "application/json", **request.headers}
        if request.body is not None:
            headers["content-type"] = "application/json"
        return HttpRequest(
            request.method, self.url_for(request), headers, request.body, interactive=request.method == "GET"
        )

    def url_for(self, request: ApiRequest) -> str:
        """Return the URL of a request."""
        query = urlencode([(n, str(v)) for n, v in request.query.items()], errors="replace")
        return f"{self.url}{request.path}{f'?{query}' if query else ''}"

    def unreachable_error(self, error: NetworkError) -> EnvmgrError:
        """Return the error for an unreachable server; other HTTP errors are returned unchanged."""
        if isinstance(error, HttpError | InsecureUrl | Offline):
            return error
        default_hint = (
            f"is the server running? start one with `envmgr alm serve`; {urls.redact(self.url)} comes from "
            "--url, ENVMGR_ALM_URL or setting `alm_url`"
        )
        is_special = error.hint and not error.passing and error.hint != network_errors.ONLINE_HINT
        hint = error.hint if is_special else default_hint
        return AlmUnreachable(
            f"cannot reach the ALM server at {urls.redact(self.url)}: {error.message}", hint
        )


@frozen
class ApiResponse:
    """A successful response; header names are lower case, `document` is None without a body."""

    status: int
    url: str
    headers: Mapping[str, str]
    document: object


@frozen
class ApiRequest:
    """A request: its path below the server's URL, and its encoded body."""

    method: str
    path: str
    query: Query
    headers: Mapping[str, str]
    body: bytes | None = None
    repeatable: bool = True


def path_segment(name: str) -> str:
    """Return a name as a segment of a path; bytes that are not UTF-8 become `?`, which no name contains."""
    return quote(name, safe="", errors="replace")


def encode_json(document: object) -> bytes:
    """Return a document as UTF-8 JSON."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")


def raise_for_status(response: Response) -> ApiResponse:
    """Return a successful response; raise a subclass of AlmError for any other."""
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
            f"invalid JSON from {urls.redact(response.url)}",
            "check the URL: a proxy may have intercepted the request",
        ) from None
    return document
