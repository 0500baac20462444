"""`plugin trust`: manifests whose install scripts may run, by the digest of their content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.config import settings, settings_file
from envmgr.kit.errors import UntrustedScript
from envmgr.kit.file_locks import file_lock
from envmgr.kit.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.manifest import Manifest
    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context


@frozen
class TrustChange:
    """A manifest, whether its install script may run now, and whether the file changed.

    `variable` is the variable that decides instead of the file; empty if none is set.
    """

    manifest: Manifest
    is_trusted: bool
    has_changed: bool
    variable: str = ""


def trust(context: Context, name: str) -> TrustChange:
    """Trust the install script of a manifest as it is; one without a script needs no trust."""
    manifest = context.registry.check(name)
    if not manifest.has_script or manifest.builtin:
        return TrustChange(manifest, is_trusted=True, has_changed=False)
    return _change(context, manifest, has_changed=_add(context, manifest.digest))


def revoke(context: Context, name: str) -> TrustChange:
    """Stop trusting the install script of a manifest."""
    manifest = context.registry.check(name)
    with file_lock(context.paths, "settings"):
        others = [digest for digest in _read_recorded(context) if digest != manifest.digest]
        has_changed = len(others) < len(_read_recorded(context)) and _write(context, others)
    if not manifest.has_script or manifest.builtin:
        return TrustChange(manifest, is_trusted=True, has_changed=has_changed)
    return _change(context, manifest, has_changed=has_changed)


def _change(context: Context, manifest: Manifest, *, has_changed: bool) -> TrustChange:
    """Return a change of the file with what is in effect after it: a variable wins."""
    variable = settings.variable_of("trusted")
    effective = settings.load(context.environment, context.paths, context.flags).trusted
    return TrustChange(
        manifest,
        manifest.digest in effective,
        has_changed,
        variable if context.environment.get(variable) else "",
    )


def require_trust(context: Context, manifest: Manifest, may_trust: Confirm) -> None:
    """Record trust in a manifest's install script if `may_trust` confirms; else raise UntrustedScript."""
    if not manifest.has_script or manifest.digest in (*context.settings.trusted, *_read_recorded(context)):
        return
    danger = f"the manifest of {manifest.name} has an install script, which runs with your permissions"
    if not may_trust(f"{danger}. Trust it?"):
        raise UntrustedScript(danger, "review it, then pass --trust")
    _add(context, manifest.digest)


def _add(context: Context, digest: str) -> bool:
    with file_lock(context.paths, "settings"):
        recorded = _read_recorded(context)
        return digest not in recorded and _write(context, [*recorded, digest])


def _read_recorded(context: Context) -> list[str]:
    """Return the digests in the file, which may be newer than the settings of this run."""
    value = settings_file.read(context.paths.config_file).get("trusted")
    return [str(digest) for digest in value] if isinstance(value, list) else []


def _write(context: Context, digests: Sequence[str]) -> bool:
    path = context.paths.config_file
    if not digests:
        return settings_file.write(path, "trusted", None)
    return settings.set_value(path, "trusted", " ".join(digests))
