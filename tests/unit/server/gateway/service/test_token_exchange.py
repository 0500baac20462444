from __future__ import annotations

import asyncio

import jwt
import pytest

from envmgr.server.contracts.identity_requests import BindingCreate, TokenExchangeRequest
from envmgr.server.contracts.problems import TokenRefused
from envmgr.server.gateway.domain.identity_model import subject_hint
from envmgr.server.gateway.service.token_exchange import GRANT_TYPE
from envmgr.server.kit.common.pages import PageRequest
from envmgr.server.kit.common.problems import Forbidden, InvalidFields, NotFound, Unauthenticated
from support.http.oidc_issuer import AUDIENCE, keys, running
from support.services.gateway_fixtures import HERE, run

JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


@pytest.fixture
def issuer():
    with running() as result:
        yield result


async def bound(gate, issuer, **values):
    fields = {"issuer": issuer.url, "audience": AUDIENCE, "claims": {"repository_id": "123"}}
    new = BindingCreate(**{**fields, "scopes": ("versions:write", "apps:read"), **values})
    return (await gate.gateway.bindings.create(await gate.admin(), new)).value


def exchange(gate, token, **fields):
    request = TokenExchangeRequest(
        **{"grant_type": GRANT_TYPE, "subject_token": token, "subject_token_type": JWT_TYPE, **fields}
    )
    return gate.gateway.exchange.exchange(HERE, request)


async def refusal(gate, token, **fields):
    with pytest.raises(TokenRefused) as caught:
        await exchange(gate, token, **fields)
    return caught.value


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_job_has_exactly_the_scopes_of_its_binding(tmp_path, issuer, algorithm):
    async def scenario(gate):
        await bound(gate, issuer, apps=("shop",), lifetime=300)
        fields = await exchange(gate, issuer.token(algorithm))
        assert (fields.expires_in, fields.scope) == (300, "apps:read versions:write")
        principal = await gate.principal_of(fields.access_token)
        assert (principal.actor, principal.role, principal.apps) == ("oidc:1/77", "ci", {1})
        assert principal.scopes == {"versions:write", "apps:read"}
        (event,) = await gate.emitted_events("TokenExchanged")
        assert (event.actor, event.subject) == ("oidc:1/77", "binding/1")
        assert event.data["claims"]["repository_id"] == "123"
        assert fields.access_token not in str(event)

    run(tmp_path, scenario)


def test_a_token_with_unstorable_claims_is_rejected(tmp_path, issuer):
    async def scenario(gate):
        await bound(gate, issuer)
        rejection = await refusal(gate, issuer.token(ref="refs/heads/\ud800"))
        assert "JWT lacks" in rejection.detail

    run(tmp_path, scenario)


@pytest.mark.parametrize("jti", ["always the same", None], ids=["by its id", "by its content"])
def test_each_token_is_exchanged_once(tmp_path, issuer, jti):
    async def scenario(gate):
        await bound(gate, issuer)
        token = issuer.token(jti=jti)
        result = await asyncio.gather(*(exchange(gate, token) for _ in range(4)), return_exceptions=True)
        assert sum(isinstance(item, TokenRefused) for item in result) == 3
        assert "already exchanged" in (await refusal(gate, token)).detail

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "other"},
        {"aud": ["other"]},
        {"aud": None},
        {"aud": 7},
        {"sub": None},
        {"iat": None},
        {"exp": None},
        {"exp": 1},
        {"exp": 2**40},
        {"nbf": 2**40},
        {"iat": 2**40},
        {"repository_id": "124"},
        {"repository_id": None},
        {"repository_id": ["123"]},
        {"repository_id": " 123"},
    ],
    ids=repr,
)
def test_a_token_with_other_claims_is_rejected_and_recorded(tmp_path, issuer, changed):
    async def scenario(gate):
        await bound(gate, issuer)
        rejection = await refusal(gate, issuer.token(**changed))
        assert rejection.document("")["error"] == "invalid_request"
        (event,) = await gate.emitted_events("AccessDenied")
        assert event.data["issuer"] == issuer.url
        assert await exchange(gate, issuer.token(aud=[AUDIENCE, "other"], repository_id=123))

    run(tmp_path, scenario)


def test_a_token_of_another_issuer_is_rejected(tmp_path, issuer):
    good = issuer.token()
    header, body, signature = good.split(".")
    public = issuer.jwk("RS256")["n"]
    bad = {
        "tampered": f"{header}.{issuer.token(repository_id='9').split('.')[1]}.{signature}",
        "unsigned": jwt.encode(issuer.claims(), "", "none", headers={"kid": "RS256"}),
        "by the public key": jwt.encode(issuer.claims(), public, "HS256", headers={"kid": "RS256"}),
        "by another key": issuer.token("ES256", header={"kid": "RS256"}),
        "by an unknown key": issuer.token(header={"kid": "unknown"}),
        "by no named key": issuer.token(header={"kid": ""}),
        "by another algorithm": jwt.encode(
            issuer.claims(), keys()["RS256"][0], "RS512", headers={"kid": "RS256"}
        ),
        "of another kind": issuer.token(header={"typ": "logout+jwt"}),
        "with conditions": issuer.token(header={"crit": ["x"], "x": 1}),
        "without an issuer": issuer.token(iss=None),
        "of an unknown issuer": issuer.token(iss="https://evil.example"),
        "no token": "x",
        "too long": "a." * 20_000,
        "empty": "",
        "half": f"{header}.{body}",
    }

    async def scenario(gate):
        await bound(gate, issuer)
        for token in bad.values():
            assert (await refusal(gate, token)).status == 400
        assert await exchange(gate, good)

    run(tmp_path, scenario)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_weak_key_of_an_issuer_is_rejected(tmp_path, issuer):
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    weak = rsa.generate_private_key(65537, 1024)
    issuer.jwks = [
        {**RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True), "kid": "weak"},
        {"kty": "oct", "k": "AAAA", "kid": "shared"},
        issuer.jwk("RS256", "mislabelled", alg="ES256"),
    ]

    async def scenario(gate):
        await bound(gate, issuer)
        for token in (
            jwt.encode(issuer.claims(), weak, "RS256", headers={"kid": "weak"}),
            jwt.encode(issuer.claims(), b"\0\0\0", "HS256", headers={"kid": "shared"}),
            issuer.token(header={"kid": "mislabelled"}),
        ):
            assert (
                "too weak" in (await refusal(gate, token)).detail
                or "algorithm" in (await refusal(gate, token)).detail
            )

    run(tmp_path, scenario)


def test_only_configured_issuers_are_queried_for_keys(tmp_path, issuer):
    async def scenario(gate):
        await refusal(gate, issuer.token())
        assert issuer.requests == []

    run(tmp_path, scenario)


def test_a_job_may_request_fewer_scopes_but_not_more(tmp_path, issuer):
    async def scenario(gate):
        await bound(gate, issuer)
        fields = await exchange(gate, issuer.token(), scope="apps:read")
        assert (await gate.principal_of(fields.access_token)).scopes == {"apps:read"}
        rejection = await refusal(gate, issuer.token(), scope="apps:read users:admin")
        assert rejection.document("")["error"] == "invalid_scope"

    run(tmp_path, scenario)


def test_the_most_specific_binding_is_used(tmp_path, issuer):
    async def scenario(gate):
        await bound(gate, issuer, scopes=("apps:read",))
        main = {"repository_id": "123", "ref": "refs/heads/main"}
        await bound(gate, issuer, claims=main, scopes=("versions:write",))
        assert (await exchange(gate, issuer.token())).scope == "versions:write"
        assert (await exchange(gate, issuer.token(ref="refs/heads/x"))).scope == "apps:read"
        assert (await exchange(gate, issuer.token(), scope="apps:read")).scope == "apps:read"

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"),
        ({"audience": "other"}, "invalid_target"),
    ],
)
def test_requested_scopes_and_apps_must_exist(tmp_path, issuer, fields, error):
    async def scenario(gate):
        await bound(gate, issuer)
        assert (await refusal(gate, issuer.token(), **fields)).document("")["error"] == error

    run(tmp_path, scenario)


def test_deleting_a_binding_revokes_its_jobs_at_once(tmp_path, issuer):
    async def scenario(gate):
        binding = await bound(gate, issuer)
        fields = await exchange(gate, issuer.token())
        assert await gate.principal_of(fields.access_token)
        admin = await gate.admin()
        await gate.gateway.bindings.delete(admin, binding.id)
        with pytest.raises(Unauthenticated):
            await gate.principal_of(fields.access_token)
        with pytest.raises(NotFound):
            await gate.gateway.bindings.delete(admin, binding.id)
        assert (await gate.gateway.bindings.list(admin, PageRequest())).items == []

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("issuer_url", "claims", "good"),
    [
        ("https://token.actions.githubusercontent.com", {"repository_id": "1"}, True),
        ("https://token.actions.githubusercontent.com", {"repository": "a/b"}, False),
        ("https://token.actions.githubusercontent.com", {"sub": "repo:a/b:ref:x"}, False),
        ("https://token.actions.githubusercontent.com/acme", {"sub": "repo:a/b:ref:x"}, False),
        ("https://gitlab.com", {"project_path": "a/b"}, False),
        ("https://gitlab.com", {"project_id": "1"}, True),
        ("https://ci.example", {"sub": "job"}, True),
        ("https://ci.example", {"project_id": "1", "ref": "main"}, True),
        ("https://ci.example", {"ref": "main"}, False),
        ("https://ci.example", {"sub": ""}, False),
        ("http://ci.example", {"sub": "job"}, False),
        ("http://127.0.0.1.ci.example", {"sub": "job"}, False),
    ],
)
def test_a_binding_requires_claims_that_are_never_reassigned(tmp_path, issuer_url, claims, good):
    async def scenario(gate):
        new = BindingCreate(issuer=issuer_url, audience="a", claims=claims, scopes=("apps:read",))
        call = await gate.admin()
        if good:
            assert (await gate.gateway.bindings.create(call, new)).value.created_by == "user:admin"
        else:
            with pytest.raises(InvalidFields):
                await gate.gateway.bindings.create(call, new)

    run(tmp_path, scenario)


def test_a_binding_cannot_exceed_the_scopes_of_its_creator(tmp_path, issuer):
    async def scenario(gate):
        call = await gate.call((await gate.key(await gate.admin(), ("users:admin",))).key)
        new = BindingCreate(
            issuer=issuer.url, audience="a", claims={"sub": "x"}, scopes=("users:admin", "versions:write")
        )
        with pytest.raises(Forbidden):
            await gate.gateway.bindings.create(call, new)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("first", "second"),
    [("a/b", "a?b"), ("a/b", "a-b"), ("x" * 65, "x" * 66), ("%2F", "/"), ("~", "%7E"), ("é", "e")],
)
def test_each_run_is_its_own_actor(tmp_path, issuer, first, second):
    async def scenario(gate):
        await bound(gate, issuer)
        tokens = [await exchange(gate, issuer.token(run_id=run_id)) for run_id in (first, second)]
        actors = [(await gate.principal_of(token.access_token)).actor for token in tokens]
        assert len(set(actors)) == 2
        assert all(len(actor) <= len("oidc:1/") + 64 for actor in actors)

    run(tmp_path, scenario)


@pytest.mark.parametrize(
    ("sub", "is_accepted"),
    [
        ("repo:octo@12/shop@34:ref:refs/heads/main", True),
        ("repo:octo@12/shop@34:environment:prod", True),
        ("repo:octo/shop:ref:refs/heads/main", False),
        ("repo:octo@12/shop:ref:refs/heads/main", False),
        ("environment:repo:octo@12/shop@34:x", False),
        ("repo:octo@x/shop@34:ref:refs/heads/main", False),
    ],
)
def test_a_github_binding_may_name_the_immutable_subject(tmp_path, sub, is_accepted):
    async def scenario(gate):
        new = BindingCreate(
            issuer="https://token.actions.githubusercontent.com",
            audience=AUDIENCE,
            claims={"sub": sub},
            scopes=("apps:read",),
        )
        if is_accepted:
            assert (await gate.gateway.bindings.create(await gate.admin(), new)).value.claims == {"sub": sub}
        else:
            with pytest.raises(InvalidFields, match="stable ID") as caught:
                await gate.gateway.bindings.create(await gate.admin(), new)
            ((pointer, detail),) = caught.value.errors
            assert pointer == "/claims"
            assert "repository_id, repository_owner_id; or a sub" in detail
            assert "repo:OWNER@ID/REPOSITORY@ID:" in detail

    run(tmp_path, scenario)


def test_only_bindings_for_github_may_name_an_immutable_subject():
    assert subject_hint("https://gitlab.com") == ""
    assert subject_hint("https://token.actions.githubusercontent.com/acme") != ""
