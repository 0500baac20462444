"""How versions and environments are named on the command line: APP@TAG, APP:ENV, a version's number, ENV."""

from __future__ import annotations

from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _ALNUM | frozenset("._-")
_TAG = _NAME | frozenset("+@:/")
_DIGITS = 17
"""No number of a version has that many (they stay below 2^53)."""
TAG_RULE = (
    "1 to 128 letters, digits and `._+@:-`, the first a letter or a digit; "
    "`/` between others, no part being `.` or `..`, nor the last one `lock`"
)
"""What `is_tag` holds, in words."""
ENVIRONMENT_RULE = (
    "1 to 63 letters, digits, `.`, `_` and `-`, the first a letter or a digit, for example: --env staging"
)
"""What the name of an environment can be, in words."""


@frozen
class TagRef:
    """A version of an app, by its tag."""

    app: str
    tag: str

    def __str__(self) -> str:
        """Spell it as it is written."""
        return f"{self.app}@{self.tag}"


@frozen
class IdRef:
    """A version, by its number."""

    id: int

    def __str__(self) -> str:
        """Spell it as it is written."""
        return str(self.id)


@frozen
class CurrentRef:
    """What stands of an app in an environment."""

    app: str
    environment: str

    def __str__(self) -> str:
        """Spell it as it is written."""
        return f"{self.app}:{self.environment}"


@frozen
class EnvironmentRef:
    """All that stands in an environment."""

    environment: str

    def __str__(self) -> str:
        """Spell it as it is written."""
        return self.environment


VersionRef = TagRef | IdRef | CurrentRef | EnvironmentRef


def parse(word: str) -> VersionRef:
    """Read a name; raise UsageError for what is none. An app's name has neither `@` nor `:`, a tag may have both."""
    if word.isascii() and word.isdigit() and len(word) < _DIGITS:
        return IdRef(int(word))
    at = next((place for place, character in enumerate(word) if character in "@:"), None)
    if at is None:
        return EnvironmentRef(_environment(word, word))
    app, rest = _app(word[:at], word), word[at + 1 :]
    return TagRef(app, _tag(rest, word)) if word[at] == "@" else CurrentRef(app, _environment(rest, word))


def tag_ref(app: str, rest: str) -> TagRef:
    """Read a version given as two words, APP TAG."""
    both = f"{app} {rest}"
    return TagRef(_app(app, both), _tag(rest, both))


def parse_version(words: tuple[str, ...]) -> TagRef | IdRef | CurrentRef:
    """Read what must mean one version: APP@TAG, APP TAG, APP:ENV or a number; raise UsageError for anything else."""
    if len(words) == 2:  # noqa: PLR2004 - APP TAG
        return tag_ref(*words)
    named = parse(words[0])
    if len(words) != 1 or isinstance(named, EnvironmentRef):
        raise _no_name(" ".join(words), "a version is named APP@TAG, APP TAG, APP:ENV or by its number")
    return named


def is_tag(text: str) -> bool:
    """Say whether a text can be a tag, as the server takes it: a last `/lock` is the lock of the rest."""
    first, *others = text.split("/")
    parts = {first, *others}
    return _is(text, _TAG, 128) and parts.isdisjoint({"", ".", ".."}) and others[-1:] != ["lock"]


def check_app(app: str) -> str:
    """Return an app's name or number; raise UsageError for what can be neither."""
    return _app(app, app)


def check_environment(name: str) -> str:
    """Return an environment's name; raise UsageError for what can be none."""
    if not _is(name, _NAME, 63):
        raise UsageError(f"{name!r} cannot be the name of an environment", ENVIRONMENT_RULE)
    return name


def _app(text: str, word: str) -> str:
    if not _is(text, _NAME, 100):
        raise _no_name(word, f"{text!r} cannot be the name of an app: letters, digits, `.`, `_` and `-`")
    return text


def _environment(text: str, word: str) -> str:
    if not _is(text, _NAME, 63):
        raise _no_name(
            word, f"{text!r} cannot be the name of an environment: letters, digits, `.`, `_` and `-`"
        )
    return text


def _tag(text: str, word: str) -> str:
    if not is_tag(text):
        raise _no_name(word, f"{text!r} cannot be a tag: {TAG_RULE}")
    return text


def _is(text: str, characters: frozenset[str], longest: int) -> bool:
    return 0 < len(text) <= longest and text[0] in _ALNUM and characters.issuperset(text)


def _no_name(word: str, why: str) -> UsageError:
    return UsageError(f"{word!r} names no version: {why}", "for example: shop@1.4.0, or shop:prod")
