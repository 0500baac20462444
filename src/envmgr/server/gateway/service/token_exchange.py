"""Exchange of CI OIDC tokens for access tokens (RFC 8693), allowed by bindings."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

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
from envmgr.server.kit.security.redaction import redact
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
"""Claims that identify a CI run, in order of preference."""
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
"""Claims copied to the audit event."""
_MAX_FIELD_CHARS = 200
_MAX_RUN_CHARS = 64


class ExchangeService:
    """Token exchange."""

    def __init__(
        self, database: Database, keyring: Keyring, issuers: JwksCache, denial_limiter: RateLimiter
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._issuers = issuers
        self._denial_limiter = denial_limiter

    async def exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        """Exchange a token; raise TokenRefused, IssuerUnavailable."""
        try:
            return await self._exchange(client, request)
        except TokenRefused as refused:
            await self._record_refusal(client, request, refused)
            raise

    async def _exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        _require_kinds(request, self._keyring.audience)
        token = await self._verify(request.subject_token)
        binding, scopes = self._select_binding(await self._candidates(token), request)
        claims = self._claims(token, binding, scopes)
        try:
            access = self._keyring.sign(claims)
        except InvalidToken as error:
            raise ServiceUnavailable(str(error), retry_after=60) from None

        def mark_exchanged(transaction: Transaction) -> None:
            if oidc_bindings.get(transaction, binding.id) != binding:
                raise _refused_error("the OIDC binding was removed")
            if not oidc_bindings.mark_exchanged(transaction, token.token_id, token.expires * 1000):
                raise _refused_error("token already exchanged")
            transaction.emit(_exchanged_event(claims, binding, token, client, scopes))

        await self._database.write(mark_exchanged)
        return TokenExchangeResponse(access_token=access, expires_in=binding.lifetime, scope=" ".join(scopes))

    async def _verify(self, token: str) -> oidc.VerifiedToken:
        try:
            issuer = oidc.issuer_of(token)
            bindings = await self._database.read_inline(
                lambda reader: oidc_bindings.of_issuer(reader, issuer)
            )
            # Keys are fetched only from issuers that an admin has bound.
            if not bindings:
                raise _refused_error("no binding for this issuer")
            return await oidc.verify(token, self._issuers)
        except InvalidToken as error:
            raise _refused_error(str(error)) from None

    async def _candidates(self, token: oidc.VerifiedToken) -> Sequence[Binding]:
        issuer = str(token.claims["iss"])
        bindings = await self._database.read_inline(lambda reader: oidc_bindings.of_issuer(reader, issuer))
        return [binding for binding in bindings if _is_binding_of_token(binding, token)]

    @staticmethod
    def _select_binding(
        candidates: Sequence[Binding], request: TokenExchangeRequest
    ) -> tuple[Binding, Sequence[str]]:
        """Return the matching binding with the most claims that grants the requested scopes, and the scopes."""
        if not candidates:
            raise _refused_error("no binding matches the token's claims")
        requested = [] if request.scope is UNSET else request.scope.split()
        for binding in sorted(candidates, key=lambda binding: (-len(binding.claims), binding.id)):
            if set(requested) <= set(binding.scopes):
                return binding, sorted(set(requested)) or binding.scopes
        raise _refused_error("no matching binding grants all requested scopes", "invalid_scope")

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
            issuer=redact(issuer[:_MAX_FIELD_CHARS]),
            address=client.address,
        )
        event = DomainEvent(
            subject=f"access/{identity_model.ANONYMOUS}",
            data=data,
            actor=identity_model.ANONYMOUS,
            traceparent=client.traceparent,
        )
        await self._database.write(lambda transaction: transaction.emit(event))


def _require_kinds(request: TokenExchangeRequest, audience: str) -> None:
    if request.grant_type != GRANT_TYPE:
        raise _refused_error(f"grant_type must be {GRANT_TYPE}", "unsupported_grant_type")
    if request.subject_token_type not in _SUBJECT_TOKEN_TYPES:
        raise _refused_error(f"subject_token_type must be one of {', '.join(sorted(_SUBJECT_TOKEN_TYPES))}")
    if (
        request.requested_token_type is not UNSET
        and request.requested_token_type not in _REQUESTED_TOKEN_TYPES
    ):
        raise _refused_error("requested_token_type must be access_token")
    if request.audience is not UNSET and request.audience != audience:
        raise _refused_error(f"audience must be {audience}", "invalid_target")


def _is_binding_of_token(binding: Binding, token: oidc.VerifiedToken) -> bool:
    return binding.audience in token.audiences and all(
        _claim_text(token.claims.get(name)) == value for name, value in binding.claims.items()
    )


def _claim_text(claim: Any) -> str | None:
    """Return a claim as text, as in bindings; empty for values that are neither text nor integer."""
    if isinstance(claim, bool):
        return str(claim).lower()
    return str(claim) if isinstance(claim, str | int) else None


def _run(token: oidc.VerifiedToken) -> str:
    """Return the ID of the CI run."""
    text = next(
        (result for name in _RUN_CLAIMS if (result := _claim_text(token.claims.get(name)))), token.token_id
    )
    return _escape_run(text)


def _escape_run(text: str) -> str:
    """Return the ID of a run in at most 64 URL-safe characters; different IDs stay different."""
    escaped = quote(text, safe="").replace("~", "%7E")
    if len(escaped) <= _MAX_RUN_CHARS:
        return escaped
    return f"~{hashlib.sha256(text.encode()).hexdigest()[: _MAX_RUN_CHARS - 1]}"


def _refused_error(detail: str, error: str = "invalid_request") -> TokenRefused:
    return TokenRefused(detail, error=error)


def _exchanged_event(
    claims: Claims, binding: Binding, token: oidc.VerifiedToken, client: ClientInfo, scopes: Sequence[str]
) -> DomainEvent:
    update = {
        name: result
        for name in _AUDITED_CLAIMS
        if (result := _claim_text(token.claims.get(name))) is not None
    }
    data = TokenExchanged(
        binding_id=binding.id,
        issuer=binding.issuer,
        claims={name: redact(value[:_MAX_FIELD_CHARS]) for name, value in update.items()},
        scopes=tuple(scopes),
        app_ids=binding.app_ids,
        expires_in=binding.lifetime,
        address=client.address,
    )
    return DomainEvent(
        subject=f"binding/{binding.id}",
        data=data,
        actor=claims.sub,
        traceparent=client.traceparent,
    )
