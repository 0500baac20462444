"""Message of a tag that is registered with different content: every field with both values."""

from __future__ import annotations

from envmgr.alm.client.errors import escape_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_LABELS = {
    "artifacts/": "artifact ",
    "toolchain/tools/": "tool ",
    "toolchain/lock/": "lock: ",
    "toolchain/lock_digest": "lock digest",
    "toolchain/dotfile": ".envmgr",
}
"""Names for people, by the beginning of a field."""


def message(name: str, members: Mapping[str, object]) -> str:
    """Return the message of a conflict about a version, from the members of the problem document."""
    lines = list(_lines(members))
    return "\n  ".join([f"{name} already exists with different content", *lines])


def _lines(members: Mapping[str, object]) -> Iterator[str]:
    differences = members.get("differences")
    items = [item for item in differences if isinstance(item, dict)] if isinstance(differences, list) else []
    for item in items:
        yield _line(_label(str(item.get("field", "?"))), item)
    if not items:  # an earlier server sends digests of the whole content only
        digests = {"existing": members.get("existing_digest"), "submitted": members.get("submitted_digest")}
        yield _line("content", digests)


def _line(label: str, difference: Mapping[str, object]) -> str:
    if "existing" not in difference and "submitted" not in difference:
        return f"{escape_line(label)} differs"
    existing, submitted = (
        escape_line(str(difference.get(side) or "none")) for side in ("existing", "submitted")
    )
    return f"{escape_line(label)}: server {existing}, local {submitted}"


def _label(field: str) -> str:
    for prefix, label in _LABELS.items():
        if field.startswith(prefix):
            return label + field.removeprefix(prefix)
    return field
