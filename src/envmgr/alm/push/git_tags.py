"""Selection of the git tag that names a build, of several on its commit, without I/O."""

from __future__ import annotations

from envmgr import versions
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.versions import Version


@frozen
class GitTag:
    """A tag; `created` is the Unix time of an annotated tag, and None for a lightweight one."""

    name: str
    created: int | None = None


@frozen
class TagSelection:
    """The tags of a commit, best first; `winner` is None without tags, or if none is clearly the newest."""

    winner: str | None
    candidates: tuple[str, ...]


def select(tags: Sequence[GitTag]) -> TagSelection:
    """Return the tag with the highest version, if it is also the newest and all are versions of one line.

    Names that are not versions count only without any that is, and lightweight ones only without annotated ones.
    """
    ordered = sorted(tags, key=_sort_key, reverse=True)
    numbered = [tag for tag in ordered if not _version(tag).is_opaque]
    leading = _without_prefixes(numbered) or [tag for tag in ordered if tag.created is not None] or ordered
    winner = leading[0].name if leading and _is_clear(leading) else None
    return TagSelection(winner, tuple(tag.name for tag in ordered))


def _version(tag: GitTag) -> Version:
    return versions.parse(tag.name)


def _sort_key(tag: GitTag) -> tuple[object, int, str]:
    return _version(tag).key, _age_rank(tag), tag.name


def _age_rank(tag: GitTag) -> int:
    """Return the time of creation; lightweight tags, which have none, are lowest."""
    return -1 if tag.created is None else tag.created


def _without_prefixes(tags: Sequence[GitTag]) -> list[GitTag]:
    """Return the tags without those that are moved along with others: `v1` and `v1.2` beside `v1.2.3`."""
    return [tag for tag in tags if not any(_is_prefix(_version(tag), _version(other)) for other in tags)]


def _is_prefix(short: Version, full: Version) -> bool:
    length = len(short.numbers)
    return (
        short.vendor == full.vendor
        and not short.has_suffix
        and length < len(full.numbers)
        and full.numbers[:length] == short.numbers
    )


def _is_clear(tags: Sequence[GitTag]) -> bool:
    """Return whether the first of tags, in descending order, is above all others by version and by age."""
    if len(tags) == 1:
        return True
    best = tags[0]
    lines = {(_version(tag).vendor, _version(tag).is_opaque) for tag in tags}
    if len(lines) > 1 or _version(best).is_opaque:
        return False
    created = [tag.created for tag in tags if tag.created is not None]
    is_newest = best.created is None or best.created == max(created)
    return is_newest and _is_above(best, tags[1])


def _is_above(best: GitTag, second: GitTag) -> bool:
    """Return whether a tag is newer than the next; of equal versions, the later created."""
    return _version(best).key > _version(second).key or _age_rank(best) > _age_rank(second)
