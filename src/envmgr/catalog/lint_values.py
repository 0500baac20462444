"""Checks of single values of a manifest: templates, expressions, patterns, ranges, paths."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.catalog import expression, template
from envmgr.catalog.manifest_fields import strings, table
from envmgr.kit.errors import NetworkError
from envmgr.kit.http import urls

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_MESSAGE_LENGTH = 300
"""Characters of a message; more would be a quotation."""

URL_NAMES = frozenset(
    {"version", "major", "minor", "patch", "tag", "os", "arch", "libc", "ext", "exe", "name"}
)
# A lock records no tag, so installation must not depend on one.
TREE_NAMES = URL_NAMES - {"tag"}
CHECKSUM_NAMES = URL_NAMES | {"url", "file"}
SIGNATURE_NAMES = TREE_NAMES | {"url", "file"}
ENV_NAMES = TREE_NAMES | {"home"}

_ADDRESSES = frozenset({"versions_url", "download_url_template", "url_template", "url", "api"})

# A repeated group that contains only a repetition matches in exponentially many ways: (a+)+
_NESTED = re.compile(r"\((?:\?:)?(?:\[[^\]]*\]|\\?.)[*+]\)[*+{]")


def layer(path: str, fields: Mapping[str, object]) -> Iterator[str]:
    """Check the fields that describe an archive."""
    for field in ("download_url_template", "asset"):
        yield from _template(path, fields, field, URL_NAMES)
        yield from _braces(f"{path}.{field}", fields.get(field))
    for field in ("ext", "format", "home", "bin_path_template"):
        yield from _template(path, fields, field, TREE_NAMES)
    yield from _url(f"{path}.download_url_template", fields.get("download_url_template"))
    yield from _tree_paths(path, fields)
    for name, value in table(fields, "env").items():
        yield from template_at(f"{path}.env.{name}", str(value or ""), ENV_NAMES)
    yield from _document(f"{path}.checksum", table(fields, "checksum"), CHECKSUM_NAMES)
    yield from _document(f"{path}.signature", table(fields, "signature"), SIGNATURE_NAMES)
    check = table(fields, "check")
    for number, argument in enumerate(strings(check.get("args"))):
        yield from template_at(f"{path}.check.args[{number}]", argument, TREE_NAMES)
    yield from _template(f"{path}.check", check, "expect", TREE_NAMES)


def invalid_unicode(path: str, value: object) -> Iterator[str]:
    """Check that texts are valid Unicode, as locks and requests hold them as UTF-8."""
    if isinstance(value, str):
        if not _is_unicode(value):
            yield f"{path}: invalid Unicode (lone surrogate, or bytes that are not UTF-8)"
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from invalid_unicode(path, str(name))
            yield from invalid_unicode(f"{path}.{name}", member)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from invalid_unicode(f"{path}[{number}]", item)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def template_at(path: str, text: str, allowed: frozenset[str]) -> Iterator[str]:
    """Check a template's placeholders."""
    for name in dict.fromkeys(template.names(text)):
        if name not in allowed:
            yield f"{path}: unknown placeholder {{{name}}}; available: {', '.join(sorted(allowed))}"


def literal_url_at(path: str, text: str) -> Iterator[str]:
    """Check that a URL has no placeholder: it is the same for all versions."""
    for name in dict.fromkeys(template.names(text)):
        yield f"{path}: unknown placeholder {{{name}}}: none is available, as this is the address of all versions"


def expression_at(path: str, text: str) -> Iterator[str]:
    """Check a JMESPath expression."""
    result = expression.problem(text)
    if result:
        yield f"{path}: invalid JMESPath: {result}"


def pattern_at(path: str, text: str) -> Iterator[str]:
    """Check a regular expression, nested quantifiers included."""
    try:
        re.compile(text)
    except re.error as error:
        yield f"{path}: invalid regular expression: {error}"
        return
    if _NESTED.search(text):
        yield f"{path}: nested quantifiers can take exponential time"


def version_range(path: str, text: str) -> Iterator[str]:
    """Check a range of versions."""
    from envmgr.versions import parse_spec

    try:
        parse_spec(text)
    except ValueError as error:
        yield f"{path}: {error}"


def plain_http(path: str, value: object) -> Iterator[str]:
    """Report every plain http URL below a value that is not on this machine."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from plain_http(f"{path}[{number}]", item)
    for name, item in value.items() if isinstance(value, dict) else ():
        if name == "env":  # a variable may be called as our fields are
            continue
        below = f"{path}.{name}" if str(name).replace("_", "").isalnum() else f"{path}['{name}']"
        if isinstance(item, dict | list):
            yield from plain_http(below, item)
        elif name in _ADDRESSES and str(item).startswith("http://") and not _is_here(str(item)):
            yield f"{below}: plain http is refused unless the setting allow_http is on"


def _is_here(url: str) -> bool:
    try:
        return urls.is_loopback(url)
    except NetworkError:  # for example with a placeholder instead of a port
        return False


def _template(path: str, fields: Mapping[str, object], field: str, allowed: frozenset[str]) -> Iterator[str]:
    if isinstance(fields.get(field), str):
        yield from template_at(f"{path}.{field}", str(fields[field]), allowed)


def _braces(path: str, text: object) -> Iterator[str]:
    """Check that a URL or path has no brace outside of placeholders; it would be taken literally."""
    literal = template.fill(text, dict.fromkeys(template.names(text), "")) if isinstance(text, str) else ""
    if "{" in literal or "}" in literal:
        yield f"{path}: invalid placeholder: write {{name}}, with a letter first and without blanks"


def _url(path: str, value: object) -> Iterator[str]:
    if value is not None and not re.match(r"(https?|file)://", str(value)):
        yield f"{path}: must begin with https://"


def _document(path: str, fields: Mapping[str, object], allowed: frozenset[str]) -> Iterator[str]:
    """Check a `checksum` or `signature`."""
    yield from _template(path, fields, "url_template", allowed)
    yield from _braces(f"{path}.url_template", fields.get("url_template"))
    url = fields.get("url_template")
    if url is not None and not str(url).startswith("{url}"):
        yield from _url(f"{path}.url_template", url)
    if "path" in fields:
        yield from expression_at(f"{path}.path", str(fields["path"]))


def _tree_paths(path: str, fields: Mapping[str, object]) -> Iterator[str]:
    entries = [(f"{path}.bin[{n}]", entry) for n, entry in enumerate(strings(fields.get("bin")))]
    for name, value in table(fields, "links").items():
        entries += [(f"{path}.links.{name}", entry) for entry in strings(value)]
    for before, after in table(fields, "rename").items():
        entries += [(f"{path}.rename", before), (f"{path}.rename.{before}", str(after))]
    entries += [
        (f"{path}.{field}", str(fields[field])) for field in ("home", "bin_path_template") if field in fields
    ]
    for where, entry in entries:
        yield from template_at(where, entry, TREE_NAMES)
        yield from _braces(where, entry)
        yield from _inside(where, entry)


def _inside(path: str, entry: str) -> Iterator[str]:
    """Check that a path stays inside the tree, on every system."""
    parts = entry.split("/")
    if entry.startswith("/") or "\\" in entry or ".." in parts or re.match(r"[A-Za-z]:", entry):
        yield f"{path}: must be a relative path with / that stays inside the tree"
