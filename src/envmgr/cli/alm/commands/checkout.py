"""`envmgr alm checkout`: restore the toolchain of a version."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.alm import refs
from envmgr.alm.client.fields import get_int, get_name
from envmgr.alm.refs import CurrentRef, EnvironmentRef
from envmgr.cli.alm.connection import alm_client
from envmgr.cli.console import display_path, open_context, print_outcome
from envmgr.kit.errors import AlmNotFound
from envmgr.ops.alm.checkout import checkout, current_app

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.alm.refs import IdRef, TagRef
    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.ops.alm.checkout import CheckoutResult
    from envmgr.resolve.context import Context


def run(options: Options, args: Sequence[str], app: str | None, *, force: bool) -> int:
    """Write a version's .envmgr and .envmgr.lock to the working directory."""
    context = open_context(options)
    ref = _parse_ref(args, app, context)
    try:
        with alm_client(options) as api:
            result = checkout(api, ref, context.environment.cwd, force=force)
    except AlmNotFound as error:
        inferred = ref.app if isinstance(ref, CurrentRef) and str(ref) not in args else None
        if inferred is not None and f"app {inferred!r}" in error.message:
            error.hint = f"app {inferred!r} was inferred from this project; pass --app NAME to override"
        raise
    return print_outcome(
        options, "alm-checkout", lambda: _to_json(result), lambda style, _: _lines(result, context, style)
    )


def _parse_ref(args: Sequence[str], app: str | None, context: Context) -> TagRef | IdRef | CurrentRef:
    """Parse the version; an environment alone refers to the given app, or to the project's."""
    ref = refs.parse(args[0]) if len(args) == 1 else refs.parse_version(tuple(args))
    if not isinstance(ref, EnvironmentRef):
        return ref
    return CurrentRef(refs.check_app(app) if app else current_app(context.environment), ref.environment)


def _to_json(result: CheckoutResult) -> dict[str, object]:
    return {
        "app": get_name(result.version, "app"),
        "tag": get_name(result.version, "tag"),
        "version_id": get_int(result.version, "id"),
        "lock_digest": result.lock_digest,
        "files": result.files,
        "changed": result.changed,
    }


def _lines(result: CheckoutResult, context: Context, style: Style) -> Iterator[str]:
    cwd = context.environment.cwd
    name = style.paint("bold", f"{get_name(result.version, 'app')}@{get_name(result.version, 'tag')}")
    if result.changed:
        files = " and ".join(display_path(path, cwd) for path in result.changed)
        yield f"wrote {files} from {name}"
    else:
        yield f"already up to date with {name}"
    if len(result.files) == 1:
        yield "no .envmgr was registered with it; create one from the versions in the lock"
    yield f"next: {style.paint('bold', 'envmgr install --locked')}"
