"""Settings of where checkpoints of the audit log are published."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from envmgr.kit.http.urls import is_loopback
from envmgr.server.kit.config.bus_settings import SettingsError

if TYPE_CHECKING:
    from envmgr.kit.environment import Environment

DEFAULT_REGION = "us-east-1"
_HINT = "set it to file:///PATH, https://HOST/PATH or s3://BUCKET/PREFIX"


@dataclass(frozen=True, slots=True)
class CheckpointSettings:
    """Destination of checkpoints; without a kind none, and unused fields are empty."""

    kind: Literal["", "file", "http", "s3"] = ""
    path: str = ""
    """The file's path, or the prefix of objects."""
    url: str = ""
    """The endpoint that receives checkpoints, or that of the store."""
    token: str = ""
    bucket: str = ""
    access_key_id: str = ""
    secret_access_key: str = ""
    session_token: str = ""
    region: str = ""


def read(environment: Environment) -> CheckpointSettings:
    """Return the settings of an environment; raise SettingsError, which has no secret."""
    settings = _destination(environment)
    if environment.get("ALM_CHECKPOINT_TOKEN") and settings.kind != "http":
        raise SettingsError(
            "ALM_CHECKPOINT_TOKEN has no effect: it is for a destination over HTTP",
            "set ALM_CHECKPOINT_URL to https://HOST/PATH, or unset ALM_CHECKPOINT_TOKEN",
        )
    return settings


def _destination(environment: Environment) -> CheckpointSettings:
    text = environment.get("ALM_CHECKPOINT_URL")
    if not text:
        return CheckpointSettings()
    try:
        parts = urlsplit(text)
    except ValueError:
        raise SettingsError("invalid ALM_CHECKPOINT_URL: not a URL", _HINT) from None
    if parts.username or parts.password or parts.fragment:
        raise SettingsError(
            "invalid ALM_CHECKPOINT_URL: credentials or a fragment in a URL",
            "set ALM_CHECKPOINT_TOKEN instead",
        )
    if parts.scheme == "file" and not parts.netloc and os.path.isabs(parts.path):
        return CheckpointSettings(kind="file", path=unquote(parts.path))
    if parts.scheme in {"http", "https"} and parts.hostname:
        return CheckpointSettings(
            kind="http",
            url=_require_secure("ALM_CHECKPOINT_URL", text),
            token=environment.get("ALM_CHECKPOINT_TOKEN"),
        )
    if parts.scheme == "s3" and parts.netloc and not parts.query:
        return _s3(environment, parts.netloc, parts.path.strip("/"))
    raise SettingsError(f"invalid ALM_CHECKPOINT_URL: unsupported {parts.scheme or 'path'}", _HINT)


def _s3(environment: Environment, bucket: str, prefix: str) -> CheckpointSettings:
    key_id, secret = environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY")
    if not key_id or not secret:
        raise SettingsError(
            "ALM_CHECKPOINT_URL requires the credentials of the store",
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    endpoint = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    return CheckpointSettings(
        kind="s3",
        path=prefix,
        url=_require_secure("AWS_ENDPOINT_URL", endpoint or f"https://s3.{region}.amazonaws.com").rstrip("/"),
        bucket=bucket,
        access_key_id=key_id,
        secret_access_key=secret,
        session_token=environment.get("AWS_SESSION_TOKEN"),
        region=region,
    )


def _require_secure(name: str, url: str) -> str:
    """Return a URL; raise SettingsError unless it is of https, or of this machine."""
    parts = urlsplit(url)
    if not (parts.scheme == "https" and parts.hostname) and not is_loopback(url):
        raise SettingsError(
            f"invalid {name}: requires https, except on this machine", f"set {name} to https://…"
        )
    return url
