"""gRPC methods of identity: principals, sessions, users, API keys and CI bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from envmgr.server.contracts.identity_resources import KeyCounts
from envmgr.server.contracts.proto import identity_pb2 as pb
from envmgr.server.contracts.proto import identity_pb2_grpc as stubs
from envmgr.server.contracts.remote.calls import call_context, decode_page, optional_call_context
from envmgr.server.contracts.remote.codecs import (
    API_KEY,
    BINDING,
    BINDING_CREATE,
    CLIENT_INFO,
    CURRENT_PRINCIPAL,
    KEY_COUNTS,
    KEY_CREATE,
    LOGIN,
    LOGOUT,
    PASSWORD_CHANGE,
    PRINCIPAL,
    PRINCIPAL_REF,
    PUBLIC_KEYS,
    REQUEST_INFO,
    TOKEN_EXCHANGE,
    TOKEN_EXCHANGE_RESULT,
    TOKEN_PAIR,
    USER,
    USER_CREATE,
    USER_PATCH,
)
from envmgr.server.kit.grpc.call import OPERATOR, RpcService

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.server.contracts.identity_resources import ChangedUser
    from envmgr.server.contracts.ports.identity import ApiKeys, Bindings, Identity, Sessions, TokenExchange
    from envmgr.server.kit.grpc.call import AddToServer, MethodPolicy

_ADMIN: MethodPolicy = ("users:admin",)
POLICIES: dict[str, dict[str, MethodPolicy]] = {
    "PrincipalService": {"Authenticate": (), "ResolvePrincipal": (), "RecordDenial": ()},
    "SessionService": {
        "Login": (),
        "Refresh": (),
        "Logout": (),
        "ChangePassword": (),
        "GetCurrentPrincipal": (),
        "GetPublicKeys": (),
    },
    "UserService": {
        "CreateUser": _ADMIN,
        "GetUser": _ADMIN,
        "ListUsers": _ADMIN,
        "UpdateUser": _ADMIN,
        "DeleteUser": _ADMIN,
        "SetPassword": OPERATOR,
        "CreateInitialAdmin": OPERATOR,
    },
    "ApiKeyService": {
        "CreateApiKey": (),
        "ListApiKeys": (),
        "GetApiKey": (),
        "RevokeApiKey": (),
    },
    "BindingService": {
        "CreateBinding": _ADMIN,
        "ListBindings": _ADMIN,
        "GetBinding": _ADMIN,
        "DeleteBinding": _ADMIN,
        "ExchangeToken": (),
    },
}
"""A caller's own sessions and keys need no scope; the services check who owns them."""


def rpc_services(identity: Identity) -> Sequence[RpcService]:
    """Create the gRPC services."""
    additions: dict[str, AddToServer] = {
        "PrincipalService": lambda server: stubs.add_PrincipalServiceServicer_to_server(
            _PrincipalServicer(identity), server
        ),
        "SessionService": lambda server: stubs.add_SessionServiceServicer_to_server(
            _SessionServicer(identity.sessions), server
        ),
        "UserService": lambda server: stubs.add_UserServiceServicer_to_server(
            _UserServicer(identity), server
        ),
        "ApiKeyService": lambda server: stubs.add_ApiKeyServiceServicer_to_server(
            _ApiKeyServicer(identity.keys), server
        ),
        "BindingService": lambda server: stubs.add_BindingServiceServicer_to_server(
            _BindingServicer(identity.bindings, identity.exchange), server
        ),
    }
    return [
        RpcService(name=pb.DESCRIPTOR.services_by_name[name].full_name, policies=POLICIES[name], add=add)
        for name, add in additions.items()
    ]


class _PrincipalServicer(stubs.PrincipalServiceServicer):
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def Authenticate(self, request: pb.AuthenticateRequest, context: object) -> pb.AuthenticateResponse:
        principal = await self._identity.authenticator.authenticate(request.token)
        return pb.AuthenticateResponse(principal=PRINCIPAL.encode(principal))

    async def ResolvePrincipal(
        self, request: pb.ResolvePrincipalRequest, context: object
    ) -> pb.ResolvePrincipalResponse:
        principal = await self._identity.principals.resolve(PRINCIPAL_REF.decode_request(request.principal))
        return pb.ResolvePrincipalResponse(principal=PRINCIPAL.encode(principal))

    async def RecordDenial(self, request: pb.RecordDenialRequest, context: object) -> pb.RecordDenialResponse:
        await self._identity.denials.record_denial(
            REQUEST_INFO.decode_request(request.request), request.status
        )
        return pb.RecordDenialResponse()


class _SessionServicer(stubs.SessionServiceServicer):
    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    async def Login(self, request: pb.LoginRequest, context: object) -> pb.LoginResponse:
        value = await self._sessions.login(
            CLIENT_INFO.decode_request(request.client), LOGIN.decode_request(request.credentials)
        )
        return pb.LoginResponse(tokens=TOKEN_PAIR.encode(value))

    async def Refresh(self, request: pb.RefreshRequest, context: object) -> pb.RefreshResponse:
        value = await self._sessions.refresh(
            CLIENT_INFO.decode_request(request.client), request.refresh_token
        )
        return pb.RefreshResponse(tokens=TOKEN_PAIR.encode(value))

    async def Logout(self, request: pb.LogoutRequest, context: object) -> pb.LogoutResponse:
        await self._sessions.logout(
            optional_call_context(request.conditions), LOGOUT.decode_request(request.logout)
        )
        return pb.LogoutResponse()

    async def ChangePassword(
        self, request: pb.ChangePasswordRequest, context: object
    ) -> pb.ChangePasswordResponse:
        keys = await self._sessions.change_password(
            call_context(request.conditions),
            CLIENT_INFO.decode_request(request.client),
            PASSWORD_CHANGE.decode_request(request.change),
        )
        return pb.ChangePasswordResponse(keys=KEY_COUNTS.encode(keys))

    async def GetCurrentPrincipal(
        self, request: pb.GetCurrentPrincipalRequest, context: object
    ) -> pb.GetCurrentPrincipalResponse:
        value = await self._sessions.current_principal(call_context())
        return pb.GetCurrentPrincipalResponse(principal=CURRENT_PRINCIPAL.encode(value))

    async def GetPublicKeys(
        self, request: pb.GetPublicKeysRequest, context: object
    ) -> pb.GetPublicKeysResponse:
        value = await self._sessions.public_keys()
        return pb.GetPublicKeysResponse(keys=PUBLIC_KEYS.encode(value))


def _encode_keys(user: ChangedUser) -> pb.KeyCounts | None:
    if user.active_keys is UNSET or user.revoked_keys is UNSET:
        return None
    return KEY_COUNTS.encode(KeyCounts(active_keys=user.active_keys, revoked_keys=user.revoked_keys))


class _UserServicer(stubs.UserServiceServicer):
    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    async def CreateUser(self, request: pb.CreateUserRequest, context: object) -> pb.CreateUserResponse:
        result = await self._identity.users.create(
            call_context(request.conditions), USER_CREATE.decode_request(request.user)
        )
        return pb.CreateUserResponse(
            user=USER.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def GetUser(self, request: pb.GetUserRequest, context: object) -> pb.GetUserResponse:
        value = await self._identity.users.get(call_context(), request.ref)
        return pb.GetUserResponse(user=USER.encode(value))

    async def ListUsers(self, request: pb.ListUsersRequest, context: object) -> pb.ListUsersResponse:
        page = await self._identity.users.list(call_context(), decode_page(request.page))
        return pb.ListUsersResponse(users=map(USER.encode, page.items), next=page.next)

    async def UpdateUser(self, request: pb.UpdateUserRequest, context: object) -> pb.UpdateUserResponse:
        value = await self._identity.users.update(
            call_context(request.conditions), request.ref, USER_PATCH.decode_request(request.changes)
        )
        return pb.UpdateUserResponse(user=USER.encode(value), keys=_encode_keys(value))

    async def DeleteUser(self, request: pb.DeleteUserRequest, context: object) -> pb.DeleteUserResponse:
        await self._identity.users.delete(call_context(request.conditions), request.ref)
        return pb.DeleteUserResponse()

    async def SetPassword(self, request: pb.SetPasswordRequest, context: object) -> pb.SetPasswordResponse:
        keys = await self._identity.users.set_password(
            request.username, request.password, revoke_keys=request.revoke_keys
        )
        return pb.SetPasswordResponse(keys=KEY_COUNTS.encode(keys))

    async def CreateInitialAdmin(
        self, request: pb.CreateInitialAdminRequest, context: object
    ) -> pb.CreateInitialAdminResponse:
        password = await self._identity.create_initial_admin(request.password)
        return pb.CreateInitialAdminResponse(password=password)


class _ApiKeyServicer(stubs.ApiKeyServiceServicer):
    def __init__(self, keys: ApiKeys) -> None:
        self._keys = keys

    async def CreateApiKey(self, request: pb.CreateApiKeyRequest, context: object) -> pb.CreateApiKeyResponse:
        result = await self._keys.create(
            call_context(request.conditions), KEY_CREATE.decode_request(request.key)
        )
        return pb.CreateApiKeyResponse(
            key=API_KEY.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def ListApiKeys(self, request: pb.ListApiKeysRequest, context: object) -> pb.ListApiKeysResponse:
        page = await self._keys.list(call_context(), decode_page(request.page))
        return pb.ListApiKeysResponse(keys=map(API_KEY.encode, page.items), next=page.next)

    async def GetApiKey(self, request: pb.GetApiKeyRequest, context: object) -> pb.GetApiKeyResponse:
        value = await self._keys.get(call_context(), request.key_id)
        return pb.GetApiKeyResponse(key=API_KEY.encode(value))

    async def RevokeApiKey(self, request: pb.RevokeApiKeyRequest, context: object) -> pb.RevokeApiKeyResponse:
        await self._keys.revoke(call_context(request.conditions), request.key_id)
        return pb.RevokeApiKeyResponse()


class _BindingServicer(stubs.BindingServiceServicer):
    def __init__(self, bindings: Bindings, exchange: TokenExchange) -> None:
        self._bindings = bindings
        self._exchange = exchange

    async def CreateBinding(
        self, request: pb.CreateBindingRequest, context: object
    ) -> pb.CreateBindingResponse:
        result = await self._bindings.create(
            call_context(request.conditions), BINDING_CREATE.decode_request(request.binding)
        )
        return pb.CreateBindingResponse(
            binding=BINDING.encode(result.value), created=result.created, replayed=result.replayed
        )

    async def ListBindings(self, request: pb.ListBindingsRequest, context: object) -> pb.ListBindingsResponse:
        page = await self._bindings.list(call_context(), decode_page(request.page))
        return pb.ListBindingsResponse(bindings=map(BINDING.encode, page.items), next=page.next)

    async def GetBinding(self, request: pb.GetBindingRequest, context: object) -> pb.GetBindingResponse:
        value = await self._bindings.get(call_context(), request.binding_id)
        return pb.GetBindingResponse(binding=BINDING.encode(value))

    async def DeleteBinding(
        self, request: pb.DeleteBindingRequest, context: object
    ) -> pb.DeleteBindingResponse:
        await self._bindings.delete(call_context(request.conditions), request.binding_id)
        return pb.DeleteBindingResponse()

    async def ExchangeToken(
        self, request: pb.ExchangeTokenRequest, context: object
    ) -> pb.ExchangeTokenResponse:
        value = await self._exchange.exchange(
            CLIENT_INFO.decode_request(request.client), TOKEN_EXCHANGE.decode_request(request.request)
        )
        return pb.ExchangeTokenResponse(result=TOKEN_EXCHANGE_RESULT.encode(value))
