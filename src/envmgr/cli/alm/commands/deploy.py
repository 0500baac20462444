"""`envmgr alm deploy`: a version into an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import number, text, word
from envmgr.alm.client.next_steps import ways
from envmgr.cli.alm.connection import connected
from envmgr.cli.alm.output.symbols import colour, marks_for
from envmgr.cli.alm.output.text import plain
from envmgr.cli.console import report
from envmgr.cli.output.wrap import fill
from envmgr.kit.frozen import frozen
from envmgr.ops.alm import deployments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.deployments import Deployed

_NEXT = {
    "pending": "in_progress",
    "queued": "in_progress",
    "in_progress": "successful",
}
_WAITS = frozenset({"awaiting_approval", "blocked"})
"""Where somebody else, or another time, decides how it goes on."""


@frozen
class Wish:
    """Where a version is to go, and how far at once; `new`: to where nothing went before."""

    environment: str
    status: str | None = None
    reason: str = ""
    new: bool = False


def run(options: Options, words: Sequence[str], wish: Wish) -> int:
    """Ask for a version in an environment, and take it to a state where one is given."""
    named, where = refs.parse_version(tuple(words)), refs.check_environment(wish.environment)
    with connected(options) as api:
        done = deployments.deploy(api, named, where, wish.status, wish.reason, new_environment=wish.new)
    return report(
        options,
        "alm-deploy",
        lambda: {**entry(done), "resumed": done.resumed, "environment_created": done.is_new_environment},
        lambda style, width: deployed_lines(done, style, width),
    )


def entry(done: Deployed) -> dict[str, object]:
    """Return what is to be told of a deployment that was taken further."""
    return {"deployment": done.deployment, "steps": done.steps}


def deployed_lines(done: Deployed, style: Style, width: int) -> Iterator[str]:
    """Say where a deployment stands, and what may come next."""
    one, marks = done.deployment, marks_for(style)
    if done.is_new_environment:
        yield f"made the environment {style.paint('bold', word(one, 'environment'))}"
    if done.resumed:
        yield style.paint("dim", f"went on with deployment {number(one, 'id')}, which you began before")
    status = word(one, "status")
    yield (
        f"{style.paint(colour(status), marks.state(status))} {word(one, 'app')}@{word(one, 'tag')} {marks.arrow} "
        f"{word(one, 'environment')}: {status} (deployment {number(one, 'id')})"
    )
    if status in _WAITS:
        if text(one, "reason"):
            yield f"  {plain(text(one, 'reason'))}"
        yield style.paint("dim", fill(f"next: {ways(number(one, 'id'), status)}", width))
    elif status in _NEXT:
        yield style.paint(
            "dim", f"next: envmgr alm deployments update {number(one, 'id')} --status {_NEXT[status]}"
        )
