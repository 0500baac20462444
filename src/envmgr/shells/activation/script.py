"""The code that a shell's start file evaluates."""

from __future__ import annotations

from envmgr.shells import shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.shells.activation.activation_shell import ActivationShell
    from envmgr.shells.shim import ShimContext


def render_script(shell: ActivationShell, context: ShimContext) -> str:
    """Return the activation script of a shell."""
    templates = map(shim.read_template, shell.templates)
    return "".join(shim.fill(template, context, shell.quote, SHELL=shell.name) for template in templates)
