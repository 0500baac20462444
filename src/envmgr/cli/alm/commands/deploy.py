"""`envmgr alm deploy`: a version into an environment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import get_int, get_name, get_str
from envmgr.alm.client.next_steps import next_steps
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.alm.output.symbols import colour, symbols_for
from envmgr.cli.alm.output.text import escape_line
from envmgr.cli.console import print_outcome
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
class DeployOptions:
    """Where a version is to go, and how far at once; `new`: to where nothing went before."""

    environment: str
    status: str | None = None
    reason: str = ""
    new: bool = False


def run(options: Options, words: Sequence[str], wish: DeployOptions) -> int:
    """Ask for a version in an environment, and take it to a state where one is given."""
    named, where = refs.parse_version(tuple(words)), refs.check_environment(wish.environment)
    with alm_client(options) as api:
        done = deployments.deploy(api, named, where, wish.status, wish.reason, new_environment=wish.new)
    return print_outcome(
        options,
        "alm-deploy",
        lambda: {
            **deployment_json(done),
            "resumed": done.resumed,
            "environment_created": done.is_new_environment,
        },
        lambda style, width: deployed_lines(done, style, width),
    )


def deployment_json(done: Deployed) -> dict[str, object]:
    """Return what is to be told of a deployment that was taken further."""
    return {"deployment": done.deployment, "steps": done.steps}


def deployed_lines(done: Deployed, style: Style, width: int) -> Iterator[str]:
    """Say where a deployment stands, and what may come next."""
    one, marks = done.deployment, symbols_for(style)
    if done.is_new_environment:
        yield f"made the environment {style.paint('bold', get_name(one, 'environment'))}"
    if done.resumed:
        yield style.paint("dim", f"went on with deployment {get_int(one, 'id')}, which you began before")
    status = get_name(one, "status")
    yield (
        f"{style.paint(colour(status), marks.state(status))} "
        f"{get_name(one, 'app')}@{get_name(one, 'tag')} {marks.arrow} "
        f"{get_name(one, 'environment')}: {status} (deployment {get_int(one, 'id')})"
    )
    if status in _WAITS:
        if get_str(one, "reason"):
            yield f"  {escape_line(get_str(one, 'reason'))}"
        yield style.paint("dim", fill(f"next: {next_steps(get_int(one, 'id'), status)}", width))
    elif status in _NEXT:
        yield style.paint(
            "dim", f"next: envmgr alm deployments update {get_int(one, 'id')} --status {_NEXT[status]}"
        )
