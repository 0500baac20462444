"""AWS Signature Version 4 of a request to an S3-compatible store, in headers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Mapping

_ALGORITHM, _SERVICE = "AWS4-HMAC-SHA256", "s3"


class AwsCredentials(Struct, frozen=True, kw_only=True):
    """An access key and its region."""

    access_key_id: str
    secret_access_key: str
    region: str
    session_token: str = ""


def object_url(endpoint: str, bucket: str, key: str) -> str:
    """Return the URL of an object, with the bucket in the path, as every store accepts it."""
    return f"{endpoint}/{quote(bucket, safe='')}/{quote(key, safe='/-_.~')}"


def signed_headers(
    credentials: AwsCredentials,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now_ms: int,
) -> dict[str, str]:
    """Return headers with the signature of a request without a query; names are in lower case."""
    timestamp = datetime.fromtimestamp(now_ms // 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    parts = urlsplit(url)
    signed = {
        **headers,
        "host": parts.netloc,
        "x-amz-content-sha256": hashlib.sha256(body).hexdigest(),
        "x-amz-date": timestamp,
        **({"x-amz-security-token": credentials.session_token} if credentials.session_token else {}),
    }
    names = ";".join(sorted(signed))
    canonical = "\n".join(
        [
            method,
            parts.path,
            parts.query,
            *(f"{name}:{signed[name].strip()}" for name in sorted(signed)),
            "",
            names,
            signed["x-amz-content-sha256"],
        ]
    )
    scope = f"{timestamp[:8]}/{credentials.region}/{_SERVICE}/aws4_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    signature = _hmac(_signing_key(credentials, scope), f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}").hex()
    signed["authorization"] = (
        f"{_ALGORITHM} Credential={credentials.access_key_id}/{scope},"
        f"SignedHeaders={names},Signature={signature}"
    )
    return signed


def _signing_key(credentials: AwsCredentials, scope: str) -> bytes:
    key = f"AWS4{credentials.secret_access_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
