"""Receipts: origin and content of an installation; written last."""

from __future__ import annotations

import os

from envmgr.kit import fast_json
from envmgr.kit.frozen import field_names, frozen
from envmgr.kit.fs import read_text, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

RECEIPT = ".envmgr-receipt.json"
FILES = ".envmgr-files"
FORMAT = 1


@frozen
class Receipt:
    """An installation; `bin_dirs` and `home` are relative to its tree, `env` values may contain `{home}`.

    `files`, `bytes` and `files_digest` summarize FILES, the list of the tree. `variants`, `default_vendor` and
    `requires` are the manifest's, so that selecting and running installed versions does not require it.
    `link` is the directory of an installation made elsewhere: `bin_dirs` and `home` are then absolute.
    """

    tool: str
    version: str
    url: str
    sha256: str
    size: int
    plugin: str
    platform: str
    installed_at: str
    bin_dirs: tuple[str, ...]
    home: str
    env: Mapping[str, str]
    files: int
    bytes: int
    files_digest: str
    variants: tuple[str, ...] = ()
    default_vendor: str | None = None
    requires: tuple[str, ...] = ()
    link: str = ""


def is_complete(directory: str) -> bool:
    """Return whether a directory is a complete installation."""
    return os.path.isfile(os.path.join(directory, RECEIPT))


def read(directory: str) -> Receipt | None:
    """Return a tree's receipt, or None if it is missing or invalid."""
    text = read_text(os.path.join(directory, RECEIPT))
    if text is None:
        return None
    try:
        return _from_json(fast_json.loads(text))  # type: ignore[arg-type] # invalid objects raise one of these
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def write(directory: str, receipt: Receipt) -> None:
    """Write a tree's receipt."""
    import json

    write_atomic(os.path.join(directory, RECEIPT), json.dumps(_to_json(receipt), indent=2) + "\n")


def _to_json(receipt: Receipt) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(receipt, name) for name in field_names(Receipt)}
    if not receipt.link:
        del fields["link"]
    listing = {
        "count": fields.pop("files"),
        "bytes": fields.pop("bytes"),
        "digest": fields.pop("files_digest"),
    }
    return {"receipt": FORMAT, **fields, "env": dict(receipt.env), "files": listing}


def _from_json(document: dict[str, object]) -> Receipt:
    if document.pop("receipt") != FORMAT:
        raise ValueError("a receipt of a newer version")
    listing = document.pop("files")
    if not isinstance(listing, dict):
        raise TypeError("expected files to be an object")
    values = {name: document[name] for name in field_names(Receipt) if name in document}
    values |= {"files": listing["count"], "bytes": listing["bytes"], "files_digest": listing["digest"]}
    values |= {"bin_dirs": _str_tuple(document["bin_dirs"]), "env": _table(document["env"])}
    values |= {name: _str_tuple(document.get(name, [])) for name in ("variants", "requires")}
    return Receipt(**values)  # type: ignore[arg-type] # a receipt is written by us; what is read is shown, not trusted


def _str_tuple(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("expected a list of strings")
    return tuple(value)


def _table(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise TypeError("expected an object of strings")
    return value
