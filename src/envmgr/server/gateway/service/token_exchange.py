"""Exchange of a CI system's OIDC token for one of this server (RFC 8693), where a binding allows it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from envmgr.server.contracts.events.identity import AccessDenied, TokenExchanged
from envmgr.server.contracts.identity_resources import TokenExchangeResponse
from envmgr.server.contracts.problems import TokenRefused
from envmgr.server.gateway.auth.authenticator import BINDING_PREFIX
from envmgr.server.gateway.domain import identity_model
from envmgr.server.gateway.store import oidc_bindings
from envmgr.server.kit.common.clock import now_ms
from envmgr.server.kit.common.events import DomainEvent
from envmgr.server.kit.common.ids import uuid7
from envmgr.server.kit.common.problems import ServiceUnavailable
from envmgr.server.kit.security import oidc
from envmgr.server.kit.security.redaction import redacted
from envmgr.server.kit.security.tokens import Claims, InvalidToken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.contracts.identity_requests import ClientInfo, TokenExchangeRequest
    from envmgr.server.contracts.identity_resources import Binding
    from envmgr.server.kit.db.sql import Database, Transaction
    from envmgr.server.kit.http.rate_limit import RateLimiter
    from envmgr.server.kit.security.jwks_cache import JwksCache
    from envmgr.server.kit.security.tokens import Keyring

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE = "urn:ietf:params:oauth:token-type:"
_SUBJECT_TOKEN_TYPES = frozenset({f"{_TYPE}jwt", f"{_TYPE}id_token"})
_REQUESTED_TOKEN_TYPES = frozenset({f"{_TYPE}access_token", f"{_TYPE}jwt"})
_RUN_CLAIMS = ("run_id", "pipeline_id", "job_id", "build_number", "oidc.circleci.com/workflow-id", "jti")
"""Claims that name the run of a job, in the order in which they are looked for."""
_AUDITED_CLAIMS = (
    "sub",
    "repository",
    "repository_id",
    "project_path",
    "project_id",
    "ref",
    "workflow",
    "run_id",
    "actor",
)
"""Claims that go into the event: what one would want to know of a job later."""
_MAX_FIELD_CHARS = 200


class ExchangeService:
    """Exchanges tokens."""

    def __init__(
        self, database: Database, keyring: Keyring, issuers: JwksCache, denial_limiter: RateLimiter
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._issuers = issuers
        self._denial_limiter = denial_limiter

    async def exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        """Give a token for a token. Raise TokenRefused, IssuerUnavailable."""
        try:
            return await self._exchange(client, request)
        except TokenRefused as refused:
            await self._record_refusal(client, request, refused)
            raise

    async def _exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        _require_kinds(request, self._keyring.audience)
        token = await self._verified(request.subject_token)
        binding, scopes = self._select_binding(await self._candidates(token), request)
        claims = self._claims(token, binding, scopes)
        try:
            access = self._keyring.sign(claims)
        except InvalidToken as error:
            raise ServiceUnavailable(str(error), retry_after=60) from None

        def unit(transaction: Transaction) -> None:
            if not oidc_bindings.mark_exchanged(transaction, token.token_id, token.expires * 1000):
                raise _refused("the token was exchanged before: each can be once")
            transaction.emit(_exchanged_event(claims, binding, token, client, scopes))

        await self._database.write(unit)
        return TokenExchangeResponse(access_token=access, expires_in=binding.lifetime, scope=" ".join(scopes))

    async def _verified(self, token: str) -> oidc.VerifiedToken:
        try:
            issuer = oidc.issuer_of(token)
            known = await self._database.read_inline(lambda reader: oidc_bindings.of_issuer(reader, issuer))
            # Nobody but those whom an admin named is ever asked for keys.
            if not known:
                raise _refused("no binding names the token's issuer")
            return await oidc.verify(token, self._issuers)
        except InvalidToken as error:
            raise _refused(str(error)) from None

    async def _candidates(self, token: oidc.VerifiedToken) -> Sequence[Binding]:
        issuer = str(token.claims["iss"])
        known = await self._database.read_inline(lambda reader: oidc_bindings.of_issuer(reader, issuer))
        return [binding for binding in known if _binding_matches(binding, token)]

    @staticmethod
    def _select_binding(
        candidates: Sequence[Binding], request: TokenExchangeRequest
    ) -> tuple[Binding, Sequence[str]]:
        """Choose the binding that says most of the job, and of its scopes those that are asked for."""
        if not candidates:
            raise _refused("no binding allows what the token says of its job")
        wanted = [] if request.scope is UNSET else request.scope.split()
        for binding in sorted(candidates, key=lambda each: (-len(each.claims), each.id)):
            if set(wanted) <= set(binding.scopes):
                return binding, sorted(set(wanted)) or binding.scopes
        raise _refused("no binding of this job gives all these scopes", "invalid_scope")

    def _claims(self, token: oidc.VerifiedToken, binding: Binding, scopes: Sequence[str]) -> Claims:
        now = now_ms() // 1000
        return Claims(
            sub=f"oidc:{binding.id}/{_run(token)}",
            sid=f"{BINDING_PREFIX}{binding.id}",
            jti=uuid7(),
            iss=self._keyring.issuer,
            aud=self._keyring.audience,
            iat=now,
            nbf=now,
            exp=now + binding.lifetime,
            scope=" ".join(scopes),
        )

    async def _record_refusal(
        self, client: ClientInfo, request: TokenExchangeRequest, refused: TokenRefused
    ) -> None:
        if not self._denial_limiter.allow(client.network):
            return
        try:
            issuer = oidc.issuer_of(request.subject_token)
        except InvalidToken:
            issuer = ""
        data = AccessDenied(
            method="POST",
            path="/auth/token",
            status=refused.status,
            problem=refused.slug,
            reason=refused.detail,
            issuer=redacted(issuer[:_MAX_FIELD_CHARS]),
            address=client.address,
        )
        happening = DomainEvent(
            subject=f"access/{identity_model.ANONYMOUS}",
            data=data,
            actor=identity_model.ANONYMOUS,
            traceparent=client.traceparent,
        )
        await self._database.write(lambda transaction: transaction.emit(happening))


def _require_kinds(request: TokenExchangeRequest, audience: str) -> None:
    if request.grant_type != GRANT_TYPE:
        raise _refused(f"the grant type is {GRANT_TYPE}", "unsupported_grant_type")
    if request.subject_token_type not in _SUBJECT_TOKEN_TYPES:
        raise _refused(f"the subject token's type is one of {', '.join(sorted(_SUBJECT_TOKEN_TYPES))}")
    if (
        request.requested_token_type is not UNSET
        and request.requested_token_type not in _REQUESTED_TOKEN_TYPES
    ):
        raise _refused("an access token is all that can be had")
    if request.audience is not UNSET and request.audience != audience:
        raise _refused(f"tokens are given for {audience} only", "invalid_target")


def _binding_matches(binding: Binding, token: oidc.VerifiedToken) -> bool:
    return binding.audience in token.audiences and all(
        _claim_text(token.claims.get(name)) == value for name, value in binding.claims.items()
    )


def _claim_text(claim: Any) -> str | None:
    """Spell a claim as a binding does; what is neither text nor integer is like nothing."""
    if isinstance(claim, bool):
        return str(claim).lower()
    return str(claim) if isinstance(claim, str | int) else None


def _run(token: oidc.VerifiedToken) -> str:
    """Name the run that a token was given to."""
    said = next(
        (found for name in _RUN_CLAIMS if (found := _claim_text(token.claims.get(name)))), token.token_id
    )
    return re.sub(r"[^A-Za-z0-9._-]", "-", said)[:64]


def _refused(detail: str, error: str = "invalid_request") -> TokenRefused:
    return TokenRefused(detail, error=error)


def _exchanged_event(
    claims: Claims, binding: Binding, token: oidc.VerifiedToken, client: ClientInfo, scopes: Sequence[str]
) -> DomainEvent:
    told = {
        name: found for name in _AUDITED_CLAIMS if (found := _claim_text(token.claims.get(name))) is not None
    }
    data = TokenExchanged(
        binding_id=binding.id,
        issuer=binding.issuer,
        claims={name: redacted(value[:_MAX_FIELD_CHARS]) for name, value in told.items()},
        scopes=tuple(scopes),
        apps=binding.apps,
        expires_in=binding.lifetime,
        address=client.address,
    )
    return DomainEvent(
        subject=f"binding/{binding.id}",
        data=data,
        actor=claims.sub,
        traceparent=client.traceparent,
    )
