"""OpenAPI document (https://spec.openapis.org/oas/v3.1.1), built from the route handlers.

The framework's document is completed with msgspec's resource schemas, headers common to responses and methods, required
scopes, and links from created resources to their operations.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from inspect import cleandoc
from itertools import count
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from litestar import Litestar, MediaType, Response, get
from litestar.openapi import OpenAPIConfig
from litestar.response import Redirect
from litestar.status_codes import HTTP_307_TEMPORARY_REDIRECT
from msgspec import Struct

from envmgr.server.kit.http.errors import PROBLEM_JSON, ProblemDocument
from envmgr.server.kit.http.request_policy import RequestPolicy
from envmgr.server.kit.http.requests import HttpRequest, require_known_params
from envmgr.server.kit.openapi import texts as words
from envmgr.server.kit.openapi.html import CONTENT_SECURITY_POLICY, page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from litestar.handlers import HTTPRouteHandler

Json = dict[str, Any]

_PROBLEM = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
_OPENAPI_DEFAULTS = {
    "deprecated": False,
    "allowEmptyValue": False,
    "allowReserved": False,
    "headers": {},
    "required": [],
}
_IMMUTABLE_RESOURCE_OPERATIONS = frozenset(
    {"createKey", "getKey", "createBinding", "getBinding", "getAudit", "getVersionLock", "getAppVersionLock"}
)
"""Operations on immutable resources: no conditional headers."""
_SESSION_ENDING_OPERATIONS = frozenset({"logout", "changePassword"})
"""Operations that end the caller's session, so a repetition with the same key is unauthenticated."""
_CREATED, _OK, _UNCHANGED = "201", "200", "304"
_FIRST_PROBLEM = 400
_OWN_HEADERS = {"401": ("Challenge",), "429": ("RetryAfter",), "503": ("RetryAfter",)}


def build(handlers: Sequence[Any], version: str, policy: RequestPolicy) -> Json:
    """Return the OpenAPI document of the handlers."""
    about = OpenAPIConfig(title="envmgr ALM", version=version, description=words.DESCRIPTION)
    application = Litestar(list(handlers), openapi_config=about, logging_config=None)
    described: Json = application.openapi_schema.to_schema()
    described["tags"] = [{"name": name, "description": text} for name, text in words.TAGS.items()]
    described["components"] = {
        "schemas": _schemas(application),
        "parameters": words.PARAMETERS,
        "headers": words.HEADERS,
        "responses": {},
        "securitySchemes": words.SECURITY,
    }
    operations = {
        operation["operationId"]: (path, method, operation)
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }
    for handler in _handlers(application):
        _complete_operation(described, *operations[str(handler.operation_id)], handler, policy)
    for path, method, operation in operations.values():
        if method == "post":
            _add_links(described, path, operation, operations)
    described["components"]["responses"] = dict(sorted(described["components"]["responses"].items()))
    cleaned: Json = _strip_defaults(described)
    return cleaned


def serialize(described: Json) -> bytes:
    """Return the document as the JSON that is committed and served."""
    return (json.dumps(described, indent=1, ensure_ascii=False) + "\n").encode()


POLICY = RequestPolicy(public_paths=frozenset({"/", "/openapi.json", "/docs"}))


def routes(described: bytes) -> list[Any]:
    """Create the routes that serve the document as JSON and as HTML, and lead to it."""
    opened: Json = {"tags": ["description"], "opt": {"scope": None}}
    etag = f'"{sha256(described).hexdigest()[:16]}"'
    written: list[bytes] = []

    @get(
        "/openapi.json",
        operation_id="getDescription",
        summary="OpenAPI document (JSON)",
        **opened,
    )
    async def machine(request: HttpRequest) -> Response[Json]:
        require_known_params(request)
        return Response(described, media_type="application/json", headers={"etag": etag})  # type: ignore[arg-type] # bytes: already encoded

    @get(
        "/docs",
        operation_id="getDocs",
        summary="API reference (HTML)",
        media_type=MediaType.HTML,
        **opened,
    )
    async def human(request: HttpRequest) -> Response[str]:
        require_known_params(request)
        if not written:
            written.append(page(json.loads(described)).encode())
        policy = {"content-security-policy": CONTENT_SECURITY_POLICY}
        return Response(written[0], media_type=MediaType.HTML, headers=policy)  # type: ignore[arg-type] # as above

    @get("/", status_code=HTTP_307_TEMPORARY_REDIRECT, include_in_schema=False, opt=opened["opt"])
    async def root(request: HttpRequest) -> Redirect:
        require_known_params(request)
        return Redirect("/docs", status_code=HTTP_307_TEMPORARY_REDIRECT)

    return [root, machine, human]


def _handlers(application: Litestar) -> Iterator[HTTPRouteHandler]:
    for route in application.routes:
        for handler in getattr(route, "route_handlers", ()):
            if handler.operation_id:
                yield handler


def _schemas(application: Litestar) -> Json:
    """Return the schemas of all request and response types."""
    result: dict[str, type[Struct]] = {"ProblemDocument": ProblemDocument}
    for handler in _handlers(application):
        types = [handler.parsed_return_field.annotation]
        types += [handler.parsed_data_field.annotation] if handler.parsed_data_field else []
        types += [spec.data_container for spec in (handler.responses or {}).values()]
        for kind in {kind for annotation in types for kind in _structs(annotation)}:
            result[kind.__name__] = kind
    _, components = msgspec.json.schema_components(
        sorted(result.values(), key=lambda kind: kind.__name__),
        schema_hook=_any_schema,
        ref_template="#/components/schemas/{name}",
    )
    for schema in components.values():
        # Older versions of msgspec, and of Python, keep the indentation of docstrings.
        schema["description"] = cleandoc(schema["description"])
    return dict(sorted(components.items()))


def _structs(annotation: object) -> Iterator[type[Struct]]:
    if isinstance(annotation, type) and issubclass(annotation, Struct):
        yield annotation
    for part in get_args(annotation):
        yield from _structs(part)


def _any_schema(_kind: type) -> Json:
    return {"description": "Any JSON value."}


def _complete_operation(
    described: Json, path: str, method: str, operation: Json, handler: HTTPRouteHandler, policy: RequestPolicy
) -> None:
    parameters = operation.setdefault("parameters", [])
    for parameter in parameters:
        _fix_parameter(parameter, handler)
    if path in policy.public_paths:
        operation["security"] = []
    else:
        needs = handler.opt.get("scope")
        operation["security"] = [{"bearer": [needs] if needs else []}]
        if path in policy.optional_credential_paths:
            operation["security"].append({})
        parameters += _own_headers(method, operation)
    _complete_responses(described, method, operation)


def _fix_parameter(parameter: Json, handler: HTTPRouteHandler) -> None:
    """Add the constraints that msgspec checks; the framework drops patterns of nullable parameters."""
    for name, field in handler.parsed_fn_signature.parameters.items():
        alias = getattr(field.kwarg_definition, "name", None) or name
        if alias.lower() != parameter["name"].lower():
            continue
        exact = msgspec.json.schema(field.raw)
        choices = [choice for choice in exact.get("anyOf", [exact]) if choice != {"type": "null"}]
        schema = {key: value for key, value in parameter["schema"].items() if key not in {"oneOf", "type"}}
        parameter["schema"] = {**choices[0], **schema}
        if parameter["schema"].get("default", ...) is None:
            del parameter["schema"]["default"]
        parameter["schema"].pop("description", None)
        if parameter["in"] == "query" and parameter["schema"].get("type") == "string":
            parameter["schema"].setdefault("minLength", 1)


def _own_headers(method: str, operation: Json) -> list[Json]:
    names = (
        ["IdempotencyKey"]
        if method == "post" and operation["operationId"] not in _SESSION_ENDING_OPERATIONS
        else []
    )
    if "412" in operation["responses"]:
        names.append("IfMatch")
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _complete_responses(described: Json, method: str, operation: Json) -> None:
    responses: Json = operation["responses"]
    schemas, shared = described["components"]["schemas"], described["components"]["responses"]
    for status, response in list(responses.items()):
        if int(status) >= _FIRST_PROBLEM and list(response.get("content", ())) == [PROBLEM_JSON]:
            response["headers"] = _headers("ApiVersion", "RequestId", *_OWN_HEADERS.get(status, ()))
            responses[status] = {
                "$ref": f"#/components/responses/{_share_response(shared, status, response)}"
            }
        elif int(status) < _FIRST_PROBLEM:
            response["description"] = words.STATUS_DESCRIPTIONS.get(
                response["description"], response["description"]
            )
            response["headers"] = _headers(*_names_of_headers(schemas, method, status, operation, response))
    if method == "get" and "ETag" in responses[_OK]["headers"]:
        described_tag = _headers("ApiVersion", "RequestId", "ETag")
        responses[_UNCHANGED] = {"description": "Not modified.", "headers": described_tag}
        operation["parameters"].append({"$ref": "#/components/parameters/IfNoneMatch"})
    operation["responses"] = dict(sorted(responses.items()))
    operation["responses"]["default"] = {"$ref": "#/components/responses/Problem"}
    shared["Problem"] = {
        "description": "Any other error.",
        "headers": _headers("ApiVersion", "RequestId"),
        "content": {PROBLEM_JSON: _PROBLEM},
    }


def _share_response(shared: Json, status: str, response: Json) -> str:
    """Register a response as a shared component, and return its name."""
    for number in count(1):
        name = f"Problem{status}" + (f"-{number}" if number > 1 else "")
        if shared.setdefault(name, response) == response:
            return name
    raise AssertionError  # itertools.count never ends


def _names_of_headers(
    schemas: Json, method: str, status: str, operation: Json, response: Json
) -> Iterator[str]:
    yield from ("ApiVersion", "RequestId")
    if operation["operationId"] in _IMMUTABLE_RESOURCE_OPERATIONS or "rev" in schemas.get(
        _resource_schema(response), {}
    ).get("properties", {}):
        yield "ETag"
    if status == _CREATED:
        yield "Location"
    if any(parameter.get("name") == "cursor" for parameter in operation["parameters"]):
        yield "Link"
    if (
        method == "post"
        and operation["security"]
        and operation["operationId"] not in _SESSION_ENDING_OPERATIONS
    ):
        yield "Replayed"


def _headers(*names: str) -> Json:
    return {header_name(name): {"$ref": f"#/components/headers/{name}"} for name in names}


def header_name(name: str) -> str:
    """Return a header name as sent in responses."""
    return words.HEADER_NAMES.get(name, name)


def _resource_schema(response: Json) -> str:
    """Return the schema name of a response with a single resource."""
    schema: Json = response.get("content", {}).get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rpartition("/")[2]


def _add_links(
    described: Json, path: str, operation: Json, operations: Mapping[str, tuple[str, str, Json]]
) -> None:
    """Add links from a created resource to the operations below its collection."""
    response = operation["responses"].get(_CREATED)
    properties = (
        described["components"]["schemas"].get(_resource_schema(response or {}), {}).get("properties", {})
    )
    if not properties:
        return
    path_parameters = re.findall(r"{(\w+)}", path)
    links = {}
    for target, (other, _, _) in sorted(operations.items()):
        below = other.removeprefix(path)
        new = re.findall(r"{(\w+)}", below)
        if below == other or not below.startswith("/{") or len(new) != 1:
            continue
        member = new[0] if new[0] in properties else "id" if "id" in properties else "name"
        parameters = {name: f"$request.path.{name}" for name in path_parameters}
        links[target] = {
            "operationId": target,
            "parameters": {**parameters, new[0]: f"$response.body#/{member}"},
        }
    if links:
        response["links"] = links


def _portable_pattern(pattern: str) -> str:
    """Return a pattern in the JSON Schema dialect, where `$` matches only at the end.

    Surrogates are removed: UTF-8 text cannot contain them, and most dialects cannot express them.
    """
    return pattern.replace(r"\ud800-\udfff", "").replace(r"$(?!\n)", "$")


def _strip_defaults(value: Any) -> Any:
    """Remove defaults and write integral floats as integers."""
    if isinstance(value, dict):
        return {
            key: _portable_pattern(inner)
            if key == "pattern" and isinstance(inner, str)
            else _strip_defaults(inner)
            for key, inner in value.items()
            if not (key in _OPENAPI_DEFAULTS and inner == _OPENAPI_DEFAULTS[key])
        }
    if isinstance(value, list):
        return [_strip_defaults(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
