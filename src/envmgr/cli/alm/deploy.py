"""`envmgr alm deploy`: a version into an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import names
from envmgr.alm.documents import number, word
from envmgr.cli.alm.connection import connected
from envmgr.cli.alm.marks import colour, marks_for
from envmgr.cli.session import report
from envmgr.ops.alm import deployments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.style import Style
    from envmgr.ops.alm.deployments import Deployed

_NEXT = {
    "pending": "in_progress",
    "queued": "in_progress",
    "awaiting_approval": "in_progress",
    "blocked": "pending",
    "in_progress": "successful",
}


def run(options: Options, words: Sequence[str], environment: str, status: str | None, reason: str) -> int:
    """Ask for a version in an environment, and take it to a state where one is given."""
    named = names.parse_version(tuple(words))
    with connected(options) as api:
        done = deployments.deploy(api, named, names.check_environment(environment), status, reason)
    return report(
        options,
        "alm-deploy",
        lambda: {**entry(done), "resumed": done.resumed},
        lambda style, _: deployed_lines(done, style),
    )


def entry(done: Deployed) -> dict[str, object]:
    """Return what is to be told of a deployment that was taken further."""
    return {"deployment": done.deployment, "steps": done.steps}


def deployed_lines(done: Deployed, style: Style) -> Iterator[str]:
    """Say where a deployment stands, and what may come next."""
    one, marks = done.deployment, marks_for(style)
    if done.resumed:
        yield style.paint("dim", f"went on with deployment {number(one, 'id')}, which you began before")
    status = word(one, "status")
    yield (
        f"{style.paint(colour(status), marks.state(status))} {word(one, 'app')}@{word(one, 'tag')} {marks.arrow} "
        f"{word(one, 'environment')}: {status} (deployment {number(one, 'id')})"
    )
    following = _NEXT.get(status)
    if following:
        yield style.paint(
            "dim", f"next: envmgr alm deployments update {number(one, 'id')} --status {following}"
        )
