"""Choice of where checkpoints of the audit log are published."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envmgr.kit.http.client import Http
    from envmgr.server.audit.service.checkpoint_destinations import CheckpointDestination
    from envmgr.server.kit.config.checkpoint_settings import CheckpointSettings


def checkpoint_destination(settings: CheckpointSettings) -> CheckpointDestination | None:
    """Return the destination that settings name, or None; what it needs is imported only then."""
    if not settings.kind:
        return None
    from envmgr.server.audit.service import checkpoint_destinations as destinations
    from envmgr.server.kit.security.aws_signature import AwsCredentials

    if settings.kind == "file":
        return destinations.FileDestination(settings.path)
    if settings.kind == "http":
        return destinations.HttpDestination(_open_http, settings.url, settings.token)
    credentials = AwsCredentials(
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key,
        session_token=settings.session_token,
        region=settings.region,
    )
    return destinations.S3Destination(_open_http, settings.url, settings.bucket, settings.path, credentials)


def _open_http() -> Http:
    """Return a client with envmgr's settings for the network: proxies, certificates, timeouts."""
    from envmgr.kit import environment
    from envmgr.kit.config import settings
    from envmgr.kit.http.client import Http
    from envmgr.kit.paths import resolve_paths

    current = environment.current()
    return Http(settings.load(current, resolve_paths(current)), current)
