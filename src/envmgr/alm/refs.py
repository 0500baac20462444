"""References to versions and environments: APP@TAG, APP:ENV, a version's ID, ENV."""

from __future__ import annotations

from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME_CHARACTERS = _ALNUM | frozenset("._-")
_TAG_CHARACTERS = _NAME_CHARACTERS | frozenset("+@:/")
_MAX_ID_DIGITS = 16
"""IDs are below 2^53."""
TAG_RULE = (
    "1 to 128 letters, digits and `._+@:-`, the first a letter or a digit; "
    "`/` between others, no part being `.` or `..`, nor the last one `lock`"
)
"""The rule of `is_tag` for messages."""
ENVIRONMENT_RULE = (
    "1 to 63 letters, digits, `.`, `_` and `-`, the first a letter or a digit, for example: --env staging"
)
"""The rule for environment names for messages."""


@frozen
class TagRef:
    """A version, by app and tag."""

    app: str
    tag: str

    def __str__(self) -> str:
        """Return the reference as the user writes it."""
        return f"{self.app}@{self.tag}"


@frozen
class IdRef:
    """A version, by ID."""

    id: int

    def __str__(self) -> str:
        """Return the reference as the user writes it."""
        return str(self.id)


@frozen
class CurrentRef:
    """The version of an app that is deployed in an environment."""

    app: str
    environment: str

    def __str__(self) -> str:
        """Return the reference as the user writes it."""
        return f"{self.app}:{self.environment}"


@frozen
class EnvironmentRef:
    """All versions that are deployed in an environment."""

    environment: str

    def __str__(self) -> str:
        """Return the reference as the user writes it."""
        return self.environment


VersionRef = TagRef | IdRef | CurrentRef | EnvironmentRef


def parse(arg: str) -> VersionRef:
    """Parse a reference, whose app has neither `@` nor `:`; raise UsageError if invalid."""
    if arg.isascii() and arg.isdigit() and len(arg) <= _MAX_ID_DIGITS:
        return IdRef(int(arg))
    at = next((index for index, character in enumerate(arg) if character in "@:"), None)
    if at is None:
        return EnvironmentRef(_environment(arg, arg))
    app, suffix = _app(arg[:at], arg), arg[at + 1 :]
    return TagRef(app, _tag(suffix, arg)) if arg[at] == "@" else CurrentRef(app, _environment(suffix, arg))


def tag_ref(app: str, tag: str) -> TagRef:
    """Parse a version from two arguments, APP TAG."""
    text = f"{app} {tag}"
    return TagRef(_app(app, text), _tag(tag, text))


def parse_version(args: tuple[str, ...]) -> TagRef | IdRef | CurrentRef:
    """Parse a reference to one version: APP@TAG, APP TAG, APP:ENV or an ID; raise UsageError if invalid."""
    if len(args) == 2:  # noqa: PLR2004 - APP TAG
        return tag_ref(*args)
    ref = parse(args[0])
    if len(args) != 1 or isinstance(ref, EnvironmentRef):
        raise _invalid_version(" ".join(args), "specify a version as APP@TAG, APP TAG, APP:ENV or ID")
    return ref


def is_tag(text: str) -> bool:
    """Return whether the server accepts a text as a tag; `/lock` at the end is the path of a lock."""
    first, *others = text.split("/")
    parts = {first, *others}
    return (
        _is_valid(text, _TAG_CHARACTERS, 128)
        and parts.isdisjoint({"", ".", ".."})
        and others[-1:] != ["lock"]
    )


def check_app(app: str) -> str:
    """Return an app's name or ID; raise UsageError if invalid."""
    return _app(app, app)


def check_environment(name: str) -> str:
    """Return an environment's name; raise UsageError if invalid."""
    if not _is_valid(name, _NAME_CHARACTERS, 63):
        raise UsageError(f"invalid environment name {name!r}", f"use {ENVIRONMENT_RULE}")
    return name


def _app(text: str, arg: str) -> str:
    if not _is_valid(text, _NAME_CHARACTERS, 100):
        raise _invalid_version(arg, f"invalid app name {text!r}: use letters, digits, `.`, `_` and `-`")
    return text


def _environment(text: str, arg: str) -> str:
    if not _is_valid(text, _NAME_CHARACTERS, 63):
        raise _invalid_version(
            arg, f"invalid environment name {text!r}: use letters, digits, `.`, `_` and `-`"
        )
    return text


def _tag(text: str, arg: str) -> str:
    if not is_tag(text):
        raise _invalid_version(arg, f"invalid tag {text!r}: use {TAG_RULE}")
    return text


def _is_valid(text: str, characters: frozenset[str], max_length: int) -> bool:
    return 0 < len(text) <= max_length and text[0] in _ALNUM and characters.issuperset(text)


def _invalid_version(arg: str, reason: str) -> UsageError:
    return UsageError(f"invalid version {arg!r}: {reason}", "for example: shop@1.4.0, or shop:prod")
