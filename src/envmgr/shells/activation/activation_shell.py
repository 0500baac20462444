"""Values that describe how a shell is activated, and the table of these shells."""

from __future__ import annotations

from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.shells.activation.environment_plan import EnvironmentPlan


@frozen
class ActivationShell:
    """A shell: the templates of its script, and its syntax.

    Shells with the same `plan_name` share their plans.
    """

    name: str
    plan_name: str
    templates: tuple[str, ...]
    quote: Callable[[str], str]
    render: Callable[[EnvironmentPlan], str]


def bash() -> ActivationShell:
    """Return bash."""
    from envmgr.shells.activation import posix

    return ActivationShell("bash", "posix", ("activate.sh", "activate.bash"), posix.quote, posix.render)


def zsh() -> ActivationShell:
    """Return zsh."""
    from envmgr.shells.activation import posix

    return ActivationShell("zsh", "posix", ("activate.sh", "activate.zsh"), posix.quote, posix.render)


SHELLS: dict[str, Callable[[], ActivationShell]] = {"bash": bash, "zsh": zsh}
