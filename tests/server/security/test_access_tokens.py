"""Tokens that differ from a valid one in one respect are rejected."""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections import Counter

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from support.server.accounts import Accounts
from support.server.concurrent_writers import pages
from support.server.server_process import Daemon
from support.services.database_runners import reads_sqlite_file

SECRET = "a-shared-secret-that-is-long-enough-for-this-test-and-for-every-hash"
KINDS = ("hmac", "rsa", "eddsa")


class Mint:
    """A server, a valid token, and the means to create similar ones."""

    def __init__(self, people, signing, algorithm):
        self.people, self.daemon = people, people.daemon
        self.signing, self.algorithm = signing, algorithm
        self.person = people.new_user("user")
        self.good = self.person.token
        self.header = jwt.get_unverified_header(self.good)
        self.claims = jwt.decode(self.good, options={"verify_signature": False})

    def sign(self, *, header=None, drop=(), key=None, algorithm=None, **claims):
        """Sign a token like the valid one, with changes."""
        payload = {name: value for name, value in {**self.claims, **claims}.items() if name not in drop}
        headers = {"typ": self.header["typ"], "kid": self.header["kid"], **(header or {})}
        return jwt.encode(payload, key or self.signing, algorithm or self.algorithm, headers=headers)

    def status(self, token):
        with self.daemon.wire(token) as wire:
            return wire.ask("GET", "/apps").status


@pytest.fixture(scope="module", params=KINDS)
def mint(request, tmp_path_factory):
    root = tmp_path_factory.mktemp(request.param)
    signing, algorithm, variables = keys_of(request.param, root)
    daemon = Daemon(root, environment=variables)
    try:
        yield Mint(Accounts(daemon.start()), signing, algorithm)
    finally:
        daemon.end()


def keys_of(kind, root):
    if kind == "hmac":
        return SECRET, "HS256", {"JWT_SECRET": SECRET}
    private = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = root / "key.pem"
    path.write_bytes(pem)
    return private, "RS256" if kind == "rsa" else "EdDSA", {"JWT_PRIVATE_KEY": str(path)}


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


def wrong_claims(mint):
    now = int(time.time())
    other = mint.people.new_user("viewer")
    others = jwt.decode(other.token, options={"verify_signature": False})
    missing = {
        f"no {name}": mint.sign(drop=[name])
        for name in ("exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti")
    }
    return missing | {
        "over": mint.sign(exp=now - 1),
        "long over": mint.sign(exp=0),
        "not yet": mint.sign(nbf=now + 3600),
        "made in the future": mint.sign(iat=now + 3600),
        "without an audience": mint.sign(aud=""),
        "for others": mint.sign(aud="other"),
        "for others too": mint.sign(aud=["alm", "other"]),
        "by another": mint.sign(iss="https://evil.example"),
        "by a similar issuer": mint.sign(iss="ALM"),
        "a time in words": mint.sign(exp="tomorrow"),
        "an invalid time": mint.sign(exp=True),
        "another's name": mint.sign(sub="user:admin"),
        "another's session": mint.sign(sid=others["sid"]),
        "an unknown session": mint.sign(sid="999999"),
        "a session in words": mint.sign(sid="1 OR 1=1"),
        "a session of a binding": mint.sign(sid="binding:1", sub="oidc:1/1"),
        "the system's": mint.sign(sub="system:relay"),
    }


def wrong_headers(mint):
    _, claims, signature = mint.good.split(".")
    unsaid = {name: mint.header[name] for name in ("typ", "kid")}
    attacker = rsa.generate_private_key(65537, 2048)
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(attacker.public_key()))
    return {
        "no algorithm": f"{encoded({**mint.header, 'alg': 'none'})}.{claims}.",
        "no algorithm, signed": f"{encoded({**mint.header, 'alg': 'none'})}.{claims}.{signature}",
        "no algorithm, spelled": f"{encoded({**mint.header, 'alg': 'nOnE'})}.{claims}.",
        "an algorithm left out": f"{encoded(unsaid)}.{claims}.{signature}",
        "an algorithm of its own": f"{encoded({**mint.header, 'alg': 'HS1'})}.{claims}.{signature}",
        "another kind": mint.sign(header={"typ": "JWT"}),
        "an unknown key": mint.sign(header={"kid": "unknown"}),
        "a file for a key": mint.sign(header={"kid": "../../../../dev/null"}),
        "a query for a key": mint.sign(header={"kid": "' UNION SELECT 'a"}),
        "a key in hand": mint.sign(header={"jwk": jwk}, key=attacker, algorithm="RS256"),
        "a key elsewhere": mint.sign(
            header={"jku": "http://127.0.0.1:1/jwks"}, key=attacker, algorithm="RS256"
        ),
        "a certificate elsewhere": mint.sign(
            header={"x5u": "http://127.0.0.1:1/x"}, key=attacker, algorithm="RS256"
        ),
        "something critical": mint.sign(header={"crit": ["b64"], "b64": False}),
        "an unknown member": mint.sign(header={"zip": "DEF"}),
        "another key": mint.sign(key=attacker, algorithm="RS256"),
        "another secret": mint.sign(key="x" * 40, algorithm="HS256"),
        "no secret": mint.sign(key=b"\0" * 32, algorithm="HS256"),
    }


def wrong_signatures(mint):
    header, claims, signature = mint.good.split(".")
    raised_claims = encoded({**mint.claims, "sub": "user:admin", "role": "admin", "scope": "users:admin"})
    flipped = ("A" if signature[0] != "A" else "B") + signature[1:]
    return {
        "other claims": f"{header}.{raised_claims}.{signature}",
        "another signature": f"{header}.{claims}.{flipped}",
        "half a signature": f"{header}.{claims}.{signature[: len(signature) // 2]}",
        "no signature": f"{header}.{claims}.",
        "two segments": f"{header}.{claims}",
        "four segments": f"{mint.good}.{signature}",
        "five segments": f"{header}.a.b.c.{signature}",
        "a segment that is not base64": f"{header}.{claims}.!!!!",
        "a header that is not JSON": f"e30x.{claims}.{signature}",
        "a deep header": f"{base64.urlsafe_b64encode(b'[' * 1000).decode()}.{claims}.{signature}",
        "a blank inside": f"{header}. {claims}.{signature}",
        "only dots": "..",
        "garbage": "garbage",
        "a megabyte less than the limit": "a" * 12_000,
    }


def confused_tokens(mint):
    """Sign with public parts of a key, as if they were a shared secret."""
    with mint.daemon.wire() as wire:
        published = wire.ask("GET", "/.well-known/jwks.json").json["keys"]
    if mint.algorithm == "HS256":
        assert published == []
        return {name: mint.sign(algorithm=name) for name in ("HS384", "HS512")}
    public = mint.signing.public_key()
    formats = {
        "PEM": (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo),
        "DER": (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo),
    }
    secrets = {name: public.public_bytes(*how) for name, how in formats.items()}
    secrets["PEM without its end"] = secrets["PEM"].rstrip()
    secrets["JWK"] = json.dumps(published[0]).encode()
    secrets["the modulus"] = base64.urlsafe_b64decode(published[0].get("n", published[0].get("x")) + "==")
    assert not {"d", "p", "q", "k"} & set(published[0])
    return {f"signed with {name}": by_secret(mint, secret) for name, secret in secrets.items()}


def by_secret(mint, secret):
    """Sign with HMAC directly, as the library refuses to use a public key."""
    import hashlib
    import hmac

    signed = f"{encoded({**mint.header, 'alg': 'HS256'})}.{encoded(mint.claims)}"
    signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.mark.parametrize("attack", [wrong_claims, wrong_headers, wrong_signatures, confused_tokens])
def test_a_modified_token_is_rejected(mint, attack):
    assert mint.status(mint.good) == 200
    assert (
        mint.status(mint.sign()) == 200
    )  # so that later tokens are rejected for their claims, not for their key
    let_in = {name: status for name, token in attack(mint).items() if (status := mint.status(token)) != 401}
    assert let_in == {}


def test_each_rejected_token_is_recorded_once_and_truncated(mint):
    statuses = {}
    with mint.daemon.wire() as wire:
        for name, token in (wrong_signatures(mint) | confused_tokens(mint)).items():
            request_id = f"asked-{uuid.uuid4().hex}"
            headers = {"X-Request-ID": request_id, "Authorization": f"Bearer {token}"}
            statuses[request_id] = (name, token)
            assert wire.ask("GET", "/apps", headers=headers).status == 401
    mint.daemon.settle(mint.people.admin)
    with mint.daemon.wire(mint.people.admin) as wire:
        denials = list(pages(wire, "/audits?event_type=AccessDenied&limit=200"))
    on_record = Counter(entry["payload"]["request_id"] for entry in denials)
    assert {request_id: on_record[request_id] for request_id in statuses} == dict.fromkeys(statuses, 1)
    signature = mint.good.split(".")[2]
    assert signature not in json.dumps(denials)
    assert signature not in mint.daemon.output


def test_a_token_is_accepted_only_in_the_authorization_header(mint):
    good = mint.good
    with mint.daemon.wire() as wire:
        assert wire.ask("GET", f"/apps?access_token={good}").status in {400, 401}
        assert wire.ask("GET", "/apps", headers={"Cookie": f"access_token={good}"}).status == 401
        assert wire.ask("GET", "/apps", headers={"X-API-Key": good}).status == 401
        for header in (
            good,
            f"Basic {good}",
            f"Token {good}",
            "Bearer",
            "Bearer ",
            f"Bearer {good} {good}",
            f"Bearer,{good}",
        ):
            assert wire.ask("GET", "/apps", headers={"Authorization": header}).status == 401, header
    with mint.daemon.wire() as wire:
        item, two = (f"Authorization: Bearer {token}\r\n" for token in (good, "garbage"))
        for lines in (item + two, two + item):
            wire.send(f"GET /apps HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())
            assert wire.reply().status in {400, 401}
            break
    basic = base64.b64encode(f"{mint.person.name}:{mint.person.password}".encode()).decode()
    with mint.daemon.wire() as wire:
        assert wire.ask("GET", "/apps", headers={"Authorization": f"Basic {basic}"}).status == 401


def test_a_refresh_token_is_valid_only_for_refresh(mint):
    assert mint.status(mint.person.refresh) == 401
    with mint.daemon.wire() as wire:
        assert wire.ask("POST", "/auth/refresh", {"refresh_token": mint.good}).status in {400, 401}


def test_a_reused_refresh_token_ends_the_session(mint):
    person = mint.people.new_user("viewer")
    with mint.daemon.wire() as wire:
        first = wire.ask("POST", "/auth/refresh", {"refresh_token": person.refresh})
        assert first.status == 200
        assert mint.status(first.json["access_token"]) == 200
        assert wire.ask("POST", "/auth/refresh", {"refresh_token": person.refresh}).status == 401
        assert wire.ask("POST", "/auth/refresh", {"refresh_token": first.json["refresh_token"]}).status == 401
    assert mint.status(first.json["access_token"]) == 401
    assert mint.status(person.token) == 401


def test_a_key_requires_its_id_and_its_secret(mint):
    item, two = mint.people.key(["apps:read"]), mint.people.key(["apps:read"])
    revoked = mint.people.revoked_key(["apps:read"])
    assert mint.status(item) == mint.status(two) == 200
    (kind, number, secret), (_, other, _) = item.split("_", 2), two.split("_", 2)
    wrong = [
        f"{kind}_{other}_{secret}",
        f"{kind}_{number}_{secret[:-1]}",
        f"{kind}_{number}_{secret}a",
        f"{kind}_{number}_{secret.swapcase()}",
        f"{kind}_{number}_",
        f"{kind}_{number}",
        f"{kind}__{secret}",
        f"{kind}_0{number}_{secret}",
        f"{kind}_-{number}_{secret}",
        f"{kind}_{2**64}_{secret}",
        f"{kind.upper()}_{number}_{secret}",
        f"evr_{number}_{secret}",
        f"{kind}_{number}' OR '1'='1_{secret}",
        secret,
        revoked,
    ]
    assert [key for key in wrong if mint.status(key) != 401] == []


@reads_sqlite_file
def test_secrets_are_stored_nowhere(mint):
    key = mint.people.key(["apps:read"])
    assert mint.status(key) == 200
    with mint.daemon.wire(mint.person.token) as wire:
        once = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        body = {"name": "a key", "scopes": ["apps:read"]}
        first, again = (wire.ask("POST", "/auth/keys", body, once) for _ in range(2))
    assert first.json == again.json
    mint.daemon.settle(mint.people.admin)
    secrets = [
        first.json["key"].split("_", 2)[2],
        key.split("_", 2)[2],
        mint.person.password,
        mint.person.refresh.split("_", 2)[2],
        mint.good.split(".")[2],
    ]
    files = [file for file in mint.daemon.data.rglob("*") if file.is_file()]
    assert len(files) > 5
    for secret in secrets:
        assert secret not in mint.daemon.output
        for file in files:
            assert secret.encode() not in file.read_bytes(), file.name
    assert mint.daemon.data.stat().st_mode & 0o077 == 0
