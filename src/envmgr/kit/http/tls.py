"""Trusted certificates: the operating system's store, or SSL_CERT_FILE and SSL_CERT_DIR; plus bundles."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from envmgr.kit.errors import ConfigError

if TYPE_CHECKING:
    from envmgr.kit.environment import Environment


def context(environment: Environment, ca_bundle: str = "", extra_ca: str | None = None) -> ssl.SSLContext:
    """Create the SSL context; raise ConfigError for an unusable bundle."""
    trusting = _from_variables(environment) or _from_system()
    if ca_bundle:
        _trust(trusting, "ca_bundle", _from(environment, ca_bundle))
    if extra_ca:
        add_trusted_ca(trusting, extra_ca, environment)
    return trusting


def add_trusted_ca(trusting: ssl.SSLContext, authorities: str, environment: Environment) -> None:
    """Trust the CA bundle that a package client is configured with."""
    _trust(trusting, "the package client's `cert`", _from(environment, authorities))


def _from(environment: Environment, path: str) -> str:
    return os.path.join(environment.cwd, os.path.expanduser(path))


def _from_variables(environment: Environment) -> ssl.SSLContext | None:
    """Load the default CAs: each variable replaces its own default, like OpenSSL."""
    file, directory = environment.get("SSL_CERT_FILE"), environment.get("SSL_CERT_DIR")
    if not file and not directory:
        return None
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    defaults = ssl.get_default_verify_paths()
    if file:
        _trust(trusting, "SSL_CERT_FILE", file)
    elif os.path.isfile(defaults.openssl_cafile):
        trusting.load_verify_locations(cafile=defaults.openssl_cafile)
    trusting.load_verify_locations(capath=directory or defaults.openssl_capath)
    return trusting


def _from_system() -> ssl.SSLContext:
    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _trust(trusting: ssl.SSLContext, name: str, path: str) -> None:
    try:
        if os.path.isdir(path):
            trusting.load_verify_locations(capath=path)
        else:
            trusting.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ConfigError(f"{name}: no certificate found in {path}", "use a PEM file") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot read {path}: {os.strerror(error.errno or 0)}") from None
