"""Services with key pairs of their own, and mutual TLS between them: no secret is shared."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from envmgr.server.bootstrap.registry import SERVICE_NAMES
from envmgr.server.contracts.remote.apps import RemoteApps
from envmgr.server.contracts.remote.problem_messages import ProblemDetailMessages
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.grpc.channel import PeerChannel
from envmgr.server.kit.grpc.tls import read_identity
from envmgr.server.kit.security.service_keys import service_tokens
from envmgr.server.kit.security.tokens import public_jwk
from support.server.cluster import NEEDS_CLUSTER, Cluster
from support.services.nats_server import create_nats_server

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    NEEDS_CLUSTER,
]


class SecuredCluster(Cluster):
    """A cluster in which each service has a key pair and a certificate."""

    def __init__(self, root, bus_url):
        self.files = root / "keys"
        self.files.mkdir()
        self._authority = trustme.CA()
        self._authority.cert_pem.write_to_path(self.files / "ca.pem")
        keys = {service: Ed25519PrivateKey.generate() for service in (*SERVICE_NAMES, "access")}
        for name, key in keys.items():
            pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            (self.files / f"{name}-key.pem").write_bytes(pem)
        public = keys["access"].public_key()
        (self.files / "access.pem").write_bytes(
            public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        )
        self.jwks = msgspec.json.encode(
            {"keys": [{**public_jwk(keys[name].public_key()), "kid": name} for name in SERVICE_NAMES]}
        ).decode()
        super().__init__(root, bus_url)

    def environment(self, service):
        shared = {
            name: value.replace("grpc://127.0.0.1", "grpcs://localhost")
            for name, value in super().environment(service).items()
            if name != "JWT_SECRET"
        }
        access = "JWT_PRIVATE_KEY" if service == "gateway" else "JWT_JWKS"
        certificate = self._authority.issue_cert(service, "localhost")
        certificate.private_key_pem.write_to_path(self.files / f"{service}-tls.pem")
        (self.files / f"{service}.pem").write_bytes(
            b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
        )
        return {
            **shared,
            access: str(self.files / ("access-key.pem" if service == "gateway" else "access.pem")),
            "ALM_SERVICE_KEY": str(self.files / f"{service}-key.pem"),
            "ALM_SERVICE_JWKS": self.jwks,
            "GRPC_TLS_KEY": str(self.files / f"{service}-tls.pem"),
            "GRPC_TLS_CERT": str(self.files / f"{service}.pem"),
            "GRPC_TLS_CA": str(self.files / "ca.pem"),
        }

    def call_app(self, tls_of, key_of, caller):
        """Call the app service with a service's certificate and key, as another one."""

        async def call():
            tokens = service_tokens(
                key_of,
                secret="",
                private_key=str(self.files / f"{key_of}-key.pem"),
                jwks=self.jwks,
            )
            tokens.service = caller
            identity = tls_of and read_identity(
                str(self.files / f"{tls_of}-tls.pem"),
                str(self.files / f"{tls_of}.pem"),
                str(self.files / "ca.pem"),
            )
            address = f"localhost:{self.environment('app')['GRPC_PORT']}"
            channel = PeerChannel("app", address, tokens, ProblemDetailMessages(), identity=identity)
            try:
                return await RemoteApps(channel).find_ids(["secured"])
            finally:
                await channel.close()

        return asyncio.run(call())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    broker = create_nats_server().start()
    cluster = SecuredCluster(tmp_path_factory.mktemp("secured"), broker.url)
    try:
        yield cluster.start()
    finally:
        cluster.end()
        broker.close()


def test_requests_go_through_all_services(cluster):
    token = cluster.gateway.login()["access_token"]
    with cluster.gateway.wire(token) as wire:
        app = wire.ask("POST", "/apps", {"name": "secured", "version": "1.0.0"})
        assert (app.status, app.json["version"]["tag"]) == (201, "1.0.0")
        deployment = {"version_id": app.json["version"]["id"], "environment": "prod"}
        assert wire.ask("POST", "/deployments", deployment).status == 201
        assert wire.ask("GET", "/audits").status == 200
    with cluster.services["version"].wire(token) as wire:
        assert wire.ask("GET", "/versions").json[0]["tag"] == "1.0.0"


def test_a_service_is_who_its_certificate_and_its_key_say(cluster):
    assert isinstance(cluster.call_app("version", "version", "version"), dict)
    with pytest.raises(ServiceUnavailable, match="key of another service"):
        cluster.call_app("gateway", "version", "gateway")
    with pytest.raises(ServiceUnavailable, match="certificate is not one of service gateway"):
        cluster.call_app("version", "gateway", "gateway")
    with pytest.raises(ServiceUnavailable):
        cluster.call_app(None, "gateway", "gateway")
