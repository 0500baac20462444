from __future__ import annotations

import json
import os
import stat
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from envmgr.server.kit.config.settings import SettingsError
from envmgr.server.kit.security.tokens import Claims, InvalidToken, keyring

SECRET = "a secret that is long enough to be one".replace(" ", "-")
RSA = rsa.generate_private_key(65537, 2048)
ED25519 = ed25519.Ed25519PrivateKey.generate()


def pem(key):
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def public_pem(key):
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


SETTINGS = {
    "HS256": {"secret": SECRET},
    "RS256": {"private_key": pem(RSA)},
    "EdDSA": {"private_key": pem(ED25519)},
}


def ring_of(path="unused", **settings):
    return keyring(**{"secret": "", "private_key": "", "jwks": "", **settings}, path=str(path))


def claims(**changed):
    now = int(time.time())
    payload = {"sub": "user:ada", "sid": "7", "jti": "j", "iss": "alm", "aud": "alm"}
    return Claims(**{**payload, "iat": now, "nbf": now, "exp": now + 900, **changed})


def part(data):
    return urlsafe_b64encode(json.dumps(data).encode()).decode().rstrip("=")


@pytest.fixture(params=SETTINGS)
def ring(request):
    return ring_of(**SETTINGS[request.param])


def sign(ring, payload=None, *, key=None, algorithm=None, header=()):
    """Sign a token as the ring does, with changes."""
    first = ring.keys[0]
    base = {"sub": "user:ada", "sid": "7", "jti": "j", "iss": "alm", "aud": "alm"}
    now = int(time.time())
    whole = {**base, "iat": now, "nbf": now, "exp": now + 900, **(payload or {})}
    return jwt.encode(
        {name: value for name, value in whole.items() if value is not None},
        key or first.signing,
        algorithm or first.algorithm,
        headers={"typ": "at+jwt", "kid": first.kid, **dict(header)},
    )


def test_a_token_contains_its_claims(ring):
    payload = claims()
    assert ring.verify(ring.sign(payload)) == payload
    assert ring.verify(sign(ring)).sub == "user:ada"


@pytest.mark.parametrize("missing", ["exp", "iat", "nbf", "iss", "aud", "sub", "sid", "jti"])
def test_a_token_without_a_claim_is_rejected(ring, missing):
    with pytest.raises(InvalidToken):
        ring.verify(sign(ring, {missing: None}))


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": 2**40},
        {"iat": 2**40},
        {"iss": "other"},
        {"aud": "other"},
        {"aud": ["alm", "other"]},
        {"aud": ["alm"]},
        {"sub": 7},
        {"sid": 7},
        {"jti": 7},
    ],
    ids=repr,
)
def test_a_token_with_another_claim_is_rejected(ring, changed):
    with pytest.raises(InvalidToken):
        ring.verify(sign(ring, changed))


def test_an_expired_token_is_reported_as_expired(ring):
    with pytest.raises(InvalidToken, match="expired"):
        ring.verify(ring.sign(claims(exp=int(time.time()) - 1)))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"kid": "another"},
        {"jku": "http://127.0.0.1/keys"},
        {"x5u": "http://127.0.0.1/keys"},
        {"jwk": {"kty": "oct", "k": "AAAA"}},
        {"crit": ["exp"]},
        {"cty": "JWT"},
    ],
    ids=repr,
)
def test_a_token_with_another_header_is_rejected(ring, header):
    with pytest.raises(InvalidToken):
        ring.verify(sign(ring, header=header.items()))


@pytest.mark.parametrize(
    "algorithm", ["none", "None", "NONE", "HS256", "HS512", "RS256", "ES256", "PS256", ""]
)
def test_the_algorithm_comes_from_the_key_not_the_token(ring, algorithm):
    key = ring.keys[0]
    if algorithm == key.algorithm:
        algorithm = "RS512"
    _, body, signature = sign(ring).split(".")
    header = part({"alg": algorithm, "typ": "at+jwt", "kid": key.kid})
    for end in (signature, ""):
        with pytest.raises(InvalidToken):
            ring.verify(f"{header}.{body}.{end}")


@pytest.mark.parametrize("private", [RSA, ED25519], ids=["RS256", "EdDSA"])
def test_a_public_key_is_not_accepted_as_a_shared_secret(private):
    """https://auth0.com/blog/critical-vulnerabilities-in-json-web-token-libraries/"""
    import hashlib
    import hmac

    ring = ring_of(private_key=pem(private))
    public_text = public_pem(private)
    header = part({"alg": "HS256", "typ": "at+jwt", "kid": ring.keys[0].kid})
    body = sign(ring).split(".")[1]
    for secret in (public_text, public_text.strip(), json.dumps(ring.jwks()["keys"][0])):
        mac = hmac.new(secret.encode(), f"{header}.{body}".encode(), hashlib.sha256).digest()
        with pytest.raises(InvalidToken):
            ring.verify(f"{header}.{body}.{urlsafe_b64encode(mac).decode().rstrip('=')}")


def test_a_token_is_verified_only_with_the_key_that_it_names():
    both = ring_of(private_key=pem(RSA), secret=SECRET)
    rsa_key, hmac_key = both.keys
    token = sign(both, header={"kid": hmac_key.kid}.items())
    with pytest.raises(InvalidToken):
        both.verify(token)
    swapped = sign(both, key=hmac_key.signing, algorithm="HS256", header={"kid": rsa_key.kid}.items())
    with pytest.raises(InvalidToken):
        both.verify(swapped)


def test_any_change_of_a_token_is_detected(ring):
    header, body, signature = sign(ring).split(".")
    payload = json.loads(urlsafe_b64decode(body + "=="))
    other = part({**payload, "sub": "user:admin"})
    for token in (
        f"{header}.{other}.{signature}",
        f"{header}.{body}.{signature[::-1]}",
        f"{header}.{body}.",
        f"{header}.{body}",
        f"{header}.{body}.{signature}.{signature}",
        f"{header}.{body}.{signature[:20]}",
        "..",
        "",
        "a.b.c",
        "x" * 5000,
        f"{part([1])}.{body}.{signature}",
        "\x00.\x00.\x00",
    ):
        with pytest.raises(InvalidToken):
            ring.verify(token)


def test_of_several_secrets_the_first_signs_and_all_verify():
    new = "another secret that is long enough".replace(" ", "-")
    old, both = ring_of(secret=SECRET), ring_of(secret=f"{new} {SECRET}")
    assert both.verify(old.sign(claims())).sub == "user:ada"
    with pytest.raises(InvalidToken):
        old.verify(both.sign(claims()))


def test_a_server_with_only_public_keys_verifies_tokens_of_others():
    signing = ring_of(private_key=pem(RSA))
    document = json.dumps(signing.jwks())
    for jwks in (document, public_pem(RSA)):
        verifying = ring_of(jwks=jwks)
        assert verifying.verify(signing.sign(claims())).sub == "user:ada"
        with pytest.raises(InvalidToken):
            verifying.sign(claims())


def test_public_keys_are_listed_by_thumbprint_and_secrets_never():
    ring = ring_of(private_key=pem(RSA), secret=SECRET)
    (jwk,) = ring.jwks()["keys"]
    assert set(jwk) == {"kty", "n", "e", "kid", "alg", "use"}
    assert jwk["kid"] == ring.keys[0].kid
    assert ring_of(secret=SECRET).jwks() == {"keys": []}


def test_a_key_id_is_the_thumbprint_of_rfc_7638():
    """The example of its section 3.1."""
    from envmgr.server.kit.security.tokens import thumbprint

    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCi"
        "FV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnY"
        "b9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0"
        "Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "e": "AQAB", "n": n}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_a_key_may_be_in_a_file(tmp_path):
    file = tmp_path / "key.pem"
    file.write_text(pem(ED25519))
    assert ring_of(private_key=str(file)).keys[0].algorithm == "EdDSA"


def test_without_a_setting_a_secret_is_generated_and_readable_by_its_owner_only(tmp_path):
    file = tmp_path / "jwt.secret"
    first = ring_of(file)
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert ring_of(file).verify(first.sign(claims())).sub == "user:ada"
    assert [item.name for item in tmp_path.iterdir()] == ["jwt.secret"]


@pytest.mark.parametrize(
    ("settings", "payload"),
    [
        ({"secret": "short"}, "5 bytes"),
        ({"secret": f"{SECRET} short"}, "5 bytes"),
        ({"private_key": "/nowhere/at/all"}, "^cannot read the file in JWT_PRIVATE_KEY"),
        ({"jwks": "/nowhere/at/all"}, "^cannot read the file in JWT_JWKS"),
        (
            {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"},
            "not an unencrypted PEM private key",
        ),
        ({"private_key": pem(rsa.generate_private_key(65537, 1024))}, "1024 bits"),
        ({"private_key": pem(ec.generate_private_key(ec.SECP256R1()))}, "unsupported key type"),
        ({"jwks": "{]"}, "JWT_JWKS"),
        ({"jwks": '{"keys": [{"kty": "oct", "k": "AAAA"}]}'}, "unsupported key type"),
        ({"jwks": pem(RSA)}, "not a PEM public key"),
    ],
)
def test_an_invalid_or_weak_key_stops_the_server_and_is_not_printed(settings, payload):
    with pytest.raises(SettingsError, match=payload) as caught:
        ring_of(**settings)
    assert caught.value.hint
    assert all(
        value not in str(caught.value) for value in settings.values() if "BEGIN" in value or value == "short"
    )


def test_a_short_secret_in_the_file_stops_the_server(tmp_path):
    file = tmp_path / "jwt.secret"
    file.write_text("short")
    with pytest.raises(SettingsError, match=r"jwt\.secret"):
        ring_of(file)


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_stays_valid_when_the_clock_is_set_back(ring, claim):
    ahead = int(time.time()) + 30
    token = ring.sign(claims(**{claim: ahead}))
    assert getattr(ring.verify(token), claim) == ahead


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_of_the_far_future_is_not_valid_yet(ring, claim):
    token = ring.sign(claims(**{claim: int(time.time()) + 120}))
    with pytest.raises(InvalidToken, match="not valid yet"):
        ring.verify(token)
