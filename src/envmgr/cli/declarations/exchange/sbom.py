"""Declaration of `envmgr sbom`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from envmgr.cli.options import options_of

app = typer.Typer()


class SbomFormat(StrEnum):
    """Formats of a bill of materials."""

    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"


@app.command(epilog="Example: envmgr sbom --output toolchain.cdx.json")
def sbom(
    ctx: typer.Context,
    format_name: Annotated[
        SbomFormat,
        typer.Option("--format", metavar="FORMAT", help="cyclonedx (1.6) or spdx (3.0.1)."),
    ] = SbomFormat.CYCLONEDX,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write to this file.")
    ] = None,
) -> int:
    """Print the locked toolchain as a bill of materials.

    Lists the tools of .envmgr.lock with their archives and digests for all platforms. Reads only local files; the same
    lock gives the same bytes. SOURCE_DATE_EPOCH sets the time of creation.
    """
    from envmgr.cli.commands.exchange import sbom as command

    return command.run(options_of(ctx), format_name.value, output)
