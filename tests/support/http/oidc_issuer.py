"""A local issuer of OIDC tokens, such as CI systems have."""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://alm.example"


@cache
def keys():
    """Return a private key of each kind by algorithm, with the parameters of its JWK."""
    return {
        "RS256": (rsa.generate_private_key(65537, 2048), RSAAlgorithm),
        "ES256": (ec.generate_private_key(ec.SECP256R1()), ECAlgorithm),
        "EdDSA": (ed25519.Ed25519PrivateKey.generate(), OKPAlgorithm),
    }


class Issuer:
    """Signs tokens and publishes its keys; the published keys can be changed."""

    def __init__(self, url):
        self.url = url
        self.requests = []
        self.jwks = [self.jwk(algorithm) for algorithm in keys()]
        self.discovery = {"issuer": url, "jwks_uri": f"{url}/keys"}
        self.responses = {}

    def jwk(self, algorithm, kid=None, **members):
        private, kind = keys()[algorithm]
        public = kind.to_jwk(private.public_key(), as_dict=True)
        return {**public, "kid": kid or algorithm, "use": "sig", "alg": algorithm, **members}

    def claims(self, **changed):
        now = int(time.time())
        payload = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "repo:acme/shop:ref:refs/heads/main",
            "repository": "acme/shop",
            "repository_id": "123",
            "ref": "refs/heads/main",
            "run_id": "77",
            "jti": uuid.uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        }
        return {name: value for name, value in {**payload, **changed}.items() if value is not None}

    def token(self, algorithm="RS256", *, key=None, header=None, **changed):
        headers = {"kid": algorithm, **(header or {})}
        return jwt.encode(self.claims(**changed), key or keys()[algorithm][0], algorithm, headers=headers)

    def respond(self, path):
        self.requests.append(path)
        if path in self.responses:
            return self.responses[path]
        result = {"/.well-known/openid-configuration": self.discovery, "/keys": {"keys": self.jwks}}.get(path)
        return (200, json.dumps(result).encode(), {}) if result else (404, b"", {})


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        status, body, headers = self.server.issuer.respond(self.path)
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Write no log."""


@contextmanager
def running():
    """Yield a running issuer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=lambda: server.serve_forever(0.01))
    thread.start()
    try:
        yield server.issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
