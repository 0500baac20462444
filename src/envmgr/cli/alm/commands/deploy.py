"""`envmgr alm deploy`: record a deployment of a version."""

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

_NEXT_STATUS = {
    "pending": "in_progress",
    "queued": "in_progress",
    "in_progress": "successful",
}
_WAITING_STATUSES = frozenset({"awaiting_approval", "blocked"})
"""Statuses that wait for an approval or the end of a freeze."""


@frozen
class DeployOptions:
    """Target environment and status; `new` allows an environment that differs only in case."""

    environment: str
    status: str | None = None
    reason: str = ""
    new: bool = False


def run(options: Options, args: Sequence[str], deploy_options: DeployOptions) -> int:
    """Create a deployment, and set its status, if one is given."""
    ref, environment = refs.parse_version(tuple(args)), refs.check_environment(deploy_options.environment)
    with alm_client(options) as api:
        result = deployments.deploy(
            api,
            ref,
            environment,
            deploy_options.status,
            deploy_options.reason,
            new_environment=deploy_options.new,
        )
    return print_outcome(
        options,
        "alm-deploy",
        lambda: {
            **deployment_json(result),
            "resumed": result.resumed,
            "environment_created": result.is_new_environment,
        },
        lambda style, width: deployment_lines(result, style, width),
    )


def deployment_json(result: Deployed) -> dict[str, object]:
    """Return a deployment and its transitions as a JSON object."""
    return {"deployment": result.deployment, "steps": result.steps}


def deployment_lines(result: Deployed, style: Style, width: int) -> Iterator[str]:
    """Yield the status of a deployment, and the next steps."""
    deployment, symbols = result.deployment, symbols_for(style)
    if result.is_new_environment:
        yield f"created environment {style.paint('bold', get_name(deployment, 'environment'))}"
    if result.resumed:
        yield style.paint("dim", f"resumed deployment {get_int(deployment, 'id')}")
    status = get_name(deployment, "status")
    yield (
        f"{style.paint(colour(status), symbols.state(status))} "
        f"{get_name(deployment, 'app')}@{get_name(deployment, 'tag')} {symbols.arrow} "
        f"{get_name(deployment, 'environment')}: {status} (deployment {get_int(deployment, 'id')})"
    )
    if status in _WAITING_STATUSES:
        if get_str(deployment, "reason"):
            yield f"  {escape_line(get_str(deployment, 'reason'))}"
        yield style.paint("dim", fill(f"next: {next_steps(get_int(deployment, 'id'), status)}", width))
    elif status in _NEXT_STATUS:
        yield style.paint(
            "dim",
            f"next: envmgr alm deployments update {get_int(deployment, 'id')} --status {_NEXT_STATUS[status]}",
        )
