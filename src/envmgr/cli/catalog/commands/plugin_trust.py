"""`envmgr plugin trust`: install scripts that may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_result, print_status
from envmgr.ops.catalog import plugin_trust

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.catalog.plugin_trust import TrustChange


def run(options: Options, name: str, *, revoke: bool) -> int:
    """Trust the install script of a manifest, or stop trusting it."""
    context = open_context(options)
    change = plugin_trust.revoke(context, name) if revoke else plugin_trust.trust(context, name)
    print_status(options, _message(change))
    if change.variable:
        print_status(options, f"warning: {change.variable} is set: it decides, and not config.toml")
    return print_result(
        options,
        "plugin-trust",
        lambda: {
            "name": change.manifest.name,
            "digest": change.manifest.digest,
            "has_script": change.manifest.has_script,
            "trusted": change.is_trusted,
            "changed": change.has_changed,
        },
        lambda _style, _width: [],
    )


def _message(change: TrustChange) -> str:
    name, digest = change.manifest.name, change.manifest.digest
    if not change.manifest.has_script:
        return f"{name} has no install script: it needs no trust"
    if change.manifest.builtin:
        return f"{name} is built in: its install script is trusted"
    if change.is_trusted:
        return f"{name} is trusted as it is now ({digest}); a change of it must be trusted again"
    return f"{name} is not trusted: its install script does not run ({digest})"
