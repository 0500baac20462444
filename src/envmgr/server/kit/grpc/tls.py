"""Mutual TLS between services.

Each has a certificate of the same authority, with the name of the service among its DNS names.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NAMES, _INSECURE = "x509_subject_alternative_name", b"insecure"


@dataclass(frozen=True, slots=True)
class TlsIdentity:
    """A service's private key and certificate chain, and the authority of its peers; all PEM."""

    key: bytes
    certificates: bytes
    authority: bytes

    @property
    def server_credentials(self) -> grpc.ServerCredentials:
        """Return credentials of a server that requires a client certificate."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificates)], self.authority, require_client_auth=True
        )

    @property
    def channel_credentials(self) -> grpc.ChannelCredentials:
        """Return credentials of a channel."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificates)


def read_identity(key_path: str, certificates_path: str, authority_path: str) -> TlsIdentity:
    """Return the identity in files; raise OSError."""
    return TlsIdentity(_read(key_path), _read(certificates_path), _read(authority_path))


def certified_names(auth_context: Mapping[str, Iterable[bytes]]) -> frozenset[str] | None:
    """Return the names in the peer's certificate; None without TLS."""
    if _INSECURE in auth_context.get("transport_security_type", (_INSECURE,)):
        return None
    return frozenset(name.decode(errors="replace") for name in auth_context.get(_NAMES, ()))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
