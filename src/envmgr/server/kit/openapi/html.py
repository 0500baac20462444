"""API reference as one HTML page, without scripts or external resources."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from typing import TYPE_CHECKING, Any

from envmgr.server.kit.openapi.css import CSS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    Json = Mapping[str, Any]

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(CSS.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: only its own style sheet."""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
"""


def page(document: Json) -> str:
    """Return the HTML page of an OpenAPI document."""
    about = document["info"]
    by_tag: dict[str, list[tuple[str, str, Json]]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            by_tag.setdefault(operation.get("tags", ["other"])[0], []).append((method, path, operation))
    return "".join(
        [
            _HEAD.format(title=escape(about["title"]), css=CSS),
            _navigation(about, by_tag),
            "<main>",
            f"<header><h1>{escape(about['title'])}</h1>{_prose(about['description'])}{_try_it()}</header>",
            *(_section(document, tag, operations) for tag, operations in by_tag.items()),
            _schemas(document),
            "</main></body></html>\n",
        ]
    )


def _navigation(about: Json, by_tag: Mapping[str, list[tuple[str, str, Json]]]) -> str:
    parts = [
        f'<nav><a class="brand" href="#">{escape(about["title"])} <small>{escape(about["version"])}</small></a>'
    ]
    for tag, operations in by_tag.items():
        links = "".join(
            f'<li><a href="#{operation["operationId"]}">{_badge(method)}<span>{escape(operation["summary"])}</span></a>'
            for method, _, operation in operations
        )
        parts.append(f"<h2>{escape(tag)}</h2><ul>{links}</ul>")
    parts.append(
        '<h2>schemas</h2><ul><li><a href="#schemas"><span>Request and response types</span></a></ul>'
    )
    return "".join([*parts, '<p><a href="/openapi.json">openapi.json</a></p></nav>'])


def _try_it() -> str:
    return (
        "<pre>envmgr alm login http://…            <i># or POST /auth/login, or an API key</i>\n"
        'curl -H "Authorization: Bearer $TOKEN" http://…/apps</pre>'
    )


def _section(document: Json, tag: str, operations: Iterable[tuple[str, str, Json]]) -> str:
    displayed = "".join(_operation(document, *operation) for operation in operations)
    return f"<section><h2>{escape(tag)}</h2>{displayed}</section>"


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    formatted = re.sub(r"{(\w+)}", r"<var>{\1}</var>", escape(path))
    needs = operation["security"][0]["bearer"] if operation["security"] else None
    scope = "".join(f"<span class=scope>{escape(name)}</span>" for name in needs or ())
    scope = scope or (
        "<span class=scope>any credential</span>" if needs is not None else "<span class=scope>open</span>"
    )
    return "".join(
        [
            f'<article id="{operation["operationId"]}"><h3>{_badge(method)}<code>{formatted}</code>{scope}</h3>',
            f"<p class=summary>{escape(operation['summary'])}</p>{_prose(operation.get('description', ''))}",
            _parameters(document, operation.get("parameters", [])),
            _body(document, operation.get("requestBody")),
            _responses(document, operation["responses"]),
            "</article>",
        ]
    )


def _parameters(document: Json, parameters: Iterable[Json]) -> str:
    rows = [
        _row(
            item["name"], item["in"], item["schema"], item.get("description", ""), item.get("required", False)
        )
        for item in (_resolve(document, parameter) for parameter in parameters)
    ]
    return _table("Parameters", rows)


def _body(document: Json, body: Json | None) -> str:
    if body is None:
        return ""
    kinds = {kind: _kind(content["schema"]) for kind, content in body["content"].items()}
    parts = " or ".join(f"{displayed} <small>{escape(kind)}</small>" for kind, displayed in kinds.items())
    schema = next(iter(body["content"].values()))["schema"]
    return f"<h4>Body</h4><p>{parts}</p>" + _table("", list(_fields(_resolve(document, schema))))


def _responses(document: Json, responses: Json) -> str:
    rows = []
    for status, response in responses.items():
        result = _resolve(document, response)
        kinds = [
            _kind(content["schema"]) for content in result.get("content", {}).values() if "schema" in content
        ]
        headers = ", ".join(
            escape(name) for name in result.get("headers", {}) if name not in {"ALM-API", "X-Request-ID"}
        )
        rows.append(
            f"<tr><td><b class=s{status[0]}>{escape(status)}</b><td>{_inline(result['description'])}"
            f"<td>{' or '.join(kinds)}<td>{headers}"
        )
    return f"<details><summary>Answers</summary><table>{''.join(rows)}</table></details>"


def _schemas(document: Json) -> str:
    displayed = []
    for name, schema in document["components"]["schemas"].items():
        about = _prose(schema.get("description", ""))
        table = _table("", list(_fields(schema)))
        displayed.append(
            f'<article id="schema-{escape(name)}"><h3><code>{escape(name)}</code></h3>{about}{table}</article>'
        )
    return f'<section id="schemas"><h2>schemas</h2>{"".join(displayed)}</section>'


def _fields(schema: Json) -> Iterator[str]:
    required = schema.get("required", [])
    for name, inner in schema.get("properties", {}).items():
        yield _row(name, "", inner, inner.get("description", ""), name in required)


def _row(name: str, where: str, schema: Json, about: str, required: bool) -> str:
    must = "<em>required</em>" if required else ""
    small = f" <small>{escape(where)}</small>" if where else ""
    return f"<tr><td><code>{escape(name)}</code>{small} {must}<td>{_kind(schema)}<td>{_inline(about)}{_bounds(schema)}"


def _table(title: str, rows: list[str]) -> str:
    if not rows:
        return ""
    heading = f"<h4>{title}</h4>" if title else ""
    return f"{heading}<table>{''.join(rows)}</table>"


def _kind(schema: Json) -> str:
    """Return a type as HTML, linked if it is a named schema."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    if "enum" in schema:
        return " | ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " | ".join(_kind(choice) for choice in schema[key])
    if schema.get("type") == "array":
        return f"{_kind(schema['items'])}[]" if schema.get("items") else "array"
    return escape(str(schema.get("type", "any")))


def _bounds(schema: Json) -> str:
    """Return the constraints of a value as HTML."""
    parts = [
        f"{label} {escape(str(schema[key]))}"
        for key, label in (
            ("default", "default"),
            ("minimum", "from"),
            ("maximum", "up to"),
            ("maxLength", "characters maximum"),
            ("format", "as"),
        )
        if isinstance(schema.get(key), str | int | float) and schema[key] != ""
    ]
    parts += [f"such as <code>{escape(str(example))}</code>" for example in schema.get("examples", ())]
    return f" <small>{'; '.join(parts)}</small>" if parts else ""


def _resolve(document: Json, value: Json) -> Json:
    if "$ref" not in value:
        return value
    result: Json = document
    for step in value["$ref"].removeprefix("#/").split("/"):
        result = result[step]
    return result


def _badge(method: str) -> str:
    return f'<b class="m {escape(method)}">{escape(method.upper())}</b>'


def _prose(text: str) -> str:
    return "".join(f"<p>{_inline(part)}</p>" for part in text.strip().split("\n\n") if part)


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
