"""The ports of sessions, users, API keys and CI bindings, over gRPC."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import asdict

from envmgr.server.contracts.identity_resources import ChangedUser
from envmgr.server.contracts.proto import identity_pb2 as pb
from envmgr.server.contracts.proto.identity_pb2_grpc import (
    ApiKeyServiceStub,
    BindingServiceStub,
    SessionServiceStub,
    UserServiceStub,
)
from envmgr.server.contracts.remote.calls import encode_conditions, encode_page
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
    PUBLIC_KEYS,
    TOKEN_EXCHANGE,
    TOKEN_EXCHANGE_RESULT,
    TOKEN_PAIR,
    USER,
    USER_CREATE,
    USER_PATCH,
)
from envmgr.server.kit.common.pages import Page
from envmgr.server.kit.common.results import Result

if TYPE_CHECKING:
    from envmgr.server.contracts.identity_requests import (
        BindingCreate,
        ClientInfo,
        KeyCreate,
        Login,
        Logout,
        PasswordChange,
        TokenExchangeRequest,
        UserCreate,
        UserPatch,
    )
    from envmgr.server.contracts.identity_resources import (
        ApiKey,
        Binding,
        CurrentPrincipal,
        KeyCounts,
        PublicKeys,
        TokenExchangeResponse,
        TokenPair,
        User,
    )
    from envmgr.server.kit.common.context import RequestContext
    from envmgr.server.kit.common.pages import PageRequest
    from envmgr.server.kit.grpc.channel import PeerChannel


class RemoteSessions:
    """Sessions of the gateway (implements `contracts.ports.Sessions`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = SessionServiceStub(peer.channel)

    async def login(self, client: ClientInfo, login: Login) -> TokenPair:
        """Start a session; raise InvalidCredentials, TooManyRequests."""
        response = await self._peer.call(
            self._stub.Login,
            lambda: pb.LoginRequest(client=CLIENT_INFO.encode(client), credentials=LOGIN.encode(login)),
        )
        return TOKEN_PAIR.decode(response.tokens)

    async def refresh(self, client: ClientInfo, token: str) -> TokenPair:
        """Exchange a refresh token for new tokens; raise Unauthenticated, RefreshTokenReused."""
        response = await self._peer.call(
            self._stub.Refresh,
            lambda: pb.RefreshRequest(client=CLIENT_INFO.encode(client), refresh_token=token),
        )
        return TOKEN_PAIR.decode(response.tokens)

    async def logout(self, context: RequestContext | None, logout: Logout) -> None:
        """End a session."""
        await self._peer.call(
            self._stub.Logout,
            lambda: pb.LogoutRequest(
                conditions=None if context is None else encode_conditions(context),
                logout=LOGOUT.encode(logout),
            ),
            context,
        )

    async def change_password(
        self, context: RequestContext, client: ClientInfo, change: PasswordChange
    ) -> KeyCounts:
        """Change the caller's password, and end all of their sessions."""
        response = await self._peer.call(
            self._stub.ChangePassword,
            lambda: pb.ChangePasswordRequest(
                conditions=encode_conditions(context),
                client=CLIENT_INFO.encode(client),
                change=PASSWORD_CHANGE.encode(change),
            ),
            context,
        )
        return KEY_COUNTS.decode(response.keys)

    async def current_principal(self, context: RequestContext) -> CurrentPrincipal:
        """Return the caller's identity and permissions."""
        response = await self._peer.call(
            self._stub.GetCurrentPrincipal, pb.GetCurrentPrincipalRequest, context
        )
        return CURRENT_PRINCIPAL.decode(response.principal)

    async def public_keys(self) -> PublicKeys:
        """Return the keys that verify access tokens."""
        response = await self._peer.call(self._stub.GetPublicKeys, pb.GetPublicKeysRequest)
        return PUBLIC_KEYS.decode(response.keys)


class RemoteUsers:
    """Users of the gateway (implements `contracts.ports.Users`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = UserServiceStub(peer.channel)

    async def create(self, context: RequestContext, new: UserCreate) -> Result[User]:
        """Create a user."""
        response = await self._peer.call(
            self._stub.CreateUser,
            lambda: pb.CreateUserRequest(conditions=encode_conditions(context), user=USER_CREATE.encode(new)),
            context,
        )
        return Result(USER.decode(response.user), created=response.created, replayed=response.replayed)

    async def get(self, context: RequestContext, ref: str) -> User:
        """Return a user."""
        response = await self._peer.call(self._stub.GetUser, lambda: pb.GetUserRequest(ref=ref), context)
        return USER.decode(response.user)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[User]:
        """Return a page of users."""
        response = await self._peer.call(
            self._stub.ListUsers, lambda: pb.ListUsersRequest(page=encode_page(paging)), context
        )
        return Page(
            [USER.decode(item) for item in response.users],
            response.next if response.HasField("next") else None,
        )

    async def update(self, context: RequestContext, ref: str, change: UserPatch) -> ChangedUser:
        """Update a user, and end their sessions; with a new password, count their API keys."""
        response = await self._peer.call(
            self._stub.UpdateUser,
            lambda: pb.UpdateUserRequest(
                conditions=encode_conditions(context), ref=ref, changes=USER_PATCH.encode(change)
            ),
            context,
        )
        keys = asdict(KEY_COUNTS.decode(response.keys)) if response.HasField("keys") else {}
        return ChangedUser(**asdict(USER.decode(response.user)), **keys)

    async def delete(self, context: RequestContext, ref: str) -> None:
        """Delete a user, and revoke their keys; raise LastAdmin."""
        await self._peer.call(
            self._stub.DeleteUser,
            lambda: pb.DeleteUserRequest(conditions=encode_conditions(context), ref=ref),
            context,
        )

    async def set_password(self, username: str, password: str, *, revoke_keys: bool = False) -> KeyCounts:
        """Set a user's password as the server's operator."""
        response = await self._peer.call(
            self._stub.SetPassword,
            lambda: pb.SetPasswordRequest(username=username, password=password, revoke_keys=revoke_keys),
        )
        return KEY_COUNTS.decode(response.keys)

    async def create_initial_admin(self, password: str) -> str | None:
        """Create the first admin if no user exists; return the generated password, if any."""
        response = await self._peer.call(
            self._stub.CreateInitialAdmin, lambda: pb.CreateInitialAdminRequest(password=password)
        )
        return response.password if response.HasField("password") else None


class RemoteApiKeys:
    """API keys of the gateway (implements `contracts.ports.ApiKeys`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = ApiKeyServiceStub(peer.channel)

    async def create(self, context: RequestContext, new: KeyCreate) -> Result[ApiKey]:
        """Create a key; only this result has its secret."""
        response = await self._peer.call(
            self._stub.CreateApiKey,
            lambda: pb.CreateApiKeyRequest(conditions=encode_conditions(context), key=KEY_CREATE.encode(new)),
            context,
        )
        return Result(API_KEY.decode(response.key), created=response.created, replayed=response.replayed)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[ApiKey]:
        """Return a page of the caller's keys; for admins, of all."""
        response = await self._peer.call(
            self._stub.ListApiKeys, lambda: pb.ListApiKeysRequest(page=encode_page(paging)), context
        )
        return Page(
            [API_KEY.decode(item) for item in response.keys],
            response.next if response.HasField("next") else None,
        )

    async def get(self, context: RequestContext, key_id: int) -> ApiKey:
        """Return a key without its secret."""
        response = await self._peer.call(
            self._stub.GetApiKey, lambda: pb.GetApiKeyRequest(key_id=key_id), context
        )
        return API_KEY.decode(response.key)

    async def revoke(self, context: RequestContext, key_id: int) -> None:
        """Revoke a key."""
        await self._peer.call(
            self._stub.RevokeApiKey,
            lambda: pb.RevokeApiKeyRequest(conditions=encode_conditions(context), key_id=key_id),
            context,
        )


class RemoteBindings:
    """CI bindings of the gateway (implements `contracts.ports.Bindings` and `TokenExchange`)."""

    def __init__(self, peer: PeerChannel) -> None:
        self._peer = peer
        self._stub = BindingServiceStub(peer.channel)

    async def create(self, context: RequestContext, new: BindingCreate) -> Result[Binding]:
        """Create a binding."""
        response = await self._peer.call(
            self._stub.CreateBinding,
            lambda: pb.CreateBindingRequest(
                conditions=encode_conditions(context), binding=BINDING_CREATE.encode(new)
            ),
            context,
        )
        return Result(BINDING.decode(response.binding), created=response.created, replayed=response.replayed)

    async def list(self, context: RequestContext, paging: PageRequest) -> Page[Binding]:
        """Return a page of bindings."""
        response = await self._peer.call(
            self._stub.ListBindings, lambda: pb.ListBindingsRequest(page=encode_page(paging)), context
        )
        return Page(
            [BINDING.decode(item) for item in response.bindings],
            response.next if response.HasField("next") else None,
        )

    async def get(self, context: RequestContext, binding_id: int) -> Binding:
        """Return a binding."""
        response = await self._peer.call(
            self._stub.GetBinding, lambda: pb.GetBindingRequest(binding_id=binding_id), context
        )
        return BINDING.decode(response.binding)

    async def delete(self, context: RequestContext, binding_id: int) -> None:
        """Delete a binding."""
        await self._peer.call(
            self._stub.DeleteBinding,
            lambda: pb.DeleteBindingRequest(conditions=encode_conditions(context), binding_id=binding_id),
            context,
        )

    async def exchange(self, client: ClientInfo, request: TokenExchangeRequest) -> TokenExchangeResponse:
        """Exchange a CI system's OIDC token; raise TokenRefused, IssuerUnavailable."""
        response = await self._peer.call(
            self._stub.ExchangeToken,
            lambda: pb.ExchangeTokenRequest(
                client=CLIENT_INFO.encode(client), request=TOKEN_EXCHANGE.encode(request)
            ),
        )
        return TOKEN_EXCHANGE_RESULT.decode(response.result)
