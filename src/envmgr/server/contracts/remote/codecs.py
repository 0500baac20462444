"""The messages of all structs that cross a port."""

from __future__ import annotations

from envmgr.server.contracts import identity_requests, identity_resources, requests, resources
from envmgr.server.contracts.ports.deployments import DeletionHold
from envmgr.server.contracts.ports.versions import ToolQuery
from envmgr.server.contracts.proto import (
    application_pb2,
    audit_pb2,
    common_pb2,
    deployment_pb2,
    event_state_pb2,
    identity_pb2,
    version_pb2,
)
from envmgr.server.kit.common import context
from envmgr.server.kit.grpc.codec import Codec
from envmgr.server.kit.messaging.event_state import EventState
from envmgr.server.kit.telemetry.request_info import RequestInfo

APP = Codec(resources.App, application_pb2.Application)
APP_CREATE = Codec(requests.AppCreate, application_pb2.ApplicationCreate)
APP_PUT = Codec(requests.AppPut, application_pb2.ApplicationPut)
APP_PATCH = Codec(requests.AppPatch, application_pb2.ApplicationPatch)

VERSION = Codec(resources.Version, version_pb2.Version)
VERSION_PUT = Codec(requests.VersionPut, version_pb2.VersionPut)
VERSION_PATCH = Codec(requests.VersionPatch, version_pb2.VersionPatch)
LOCK_FILE = Codec(resources.LockFile, version_pb2.LockFile)
TOOL_QUERY = Codec(ToolQuery, version_pb2.ToolQuery)
USAGE = Codec(resources.Usage, version_pb2.Usage)

DEPLOYMENT = Codec(resources.Deployment, deployment_pb2.Deployment)
DEPLOYMENT_CREATE = Codec(requests.DeploymentCreate, deployment_pb2.DeploymentCreate)
STATUS_ENTRY = Codec(resources.StatusEntry, deployment_pb2.StatusEntry)
STATUS_CREATE = Codec(requests.StatusCreate, deployment_pb2.StatusCreate)
DELETION_HOLD = Codec(DeletionHold, deployment_pb2.DeletionHold)
ENVIRONMENT = Codec(resources.Environment, deployment_pb2.Environment)
ENVIRONMENT_CREATE = Codec(requests.EnvironmentCreate, deployment_pb2.EnvironmentCreate)
ENVIRONMENT_PUT = Codec(requests.EnvironmentPut, deployment_pb2.EnvironmentPut)
ENVIRONMENT_PATCH = Codec(requests.EnvironmentPatch, deployment_pb2.EnvironmentPatch)
MATRIX = Codec(resources.Matrix, deployment_pb2.Matrix)

AUDIT_ENTRY = Codec(resources.AuditEntry, audit_pb2.AuditEntry)
CHECKPOINT = Codec(resources.Checkpoint, audit_pb2.Checkpoint)
LOG_STATS = Codec(resources.LogStats, audit_pb2.LogStats)

PRINCIPAL = Codec(context.Principal, identity_pb2.Principal)
PRINCIPAL_REF = Codec(context.PrincipalRef, identity_pb2.PrincipalRef)
REQUEST_INFO = Codec(RequestInfo, identity_pb2.RequestInfo)
CLIENT_INFO = Codec(identity_requests.ClientInfo, identity_pb2.ClientInfo)
LOGIN = Codec(identity_requests.Login, identity_pb2.Credentials)
LOGOUT = Codec(identity_requests.Logout, identity_pb2.Logout)
PASSWORD_CHANGE = Codec(identity_requests.PasswordChange, identity_pb2.PasswordChange)
TOKEN_PAIR = Codec(identity_resources.TokenPair, identity_pb2.TokenPair)
CURRENT_PRINCIPAL = Codec(identity_resources.CurrentPrincipal, identity_pb2.CurrentPrincipal)
PUBLIC_KEYS = Codec(identity_resources.PublicKeys, identity_pb2.PublicKeys)
USER = Codec(identity_resources.User, identity_pb2.User)
USER_CREATE = Codec(identity_requests.UserCreate, identity_pb2.UserCreate)
USER_PATCH = Codec(identity_requests.UserPatch, identity_pb2.UserPatch)
API_KEY = Codec(identity_resources.ApiKey, identity_pb2.ApiKey)
KEY_COUNTS = Codec(identity_resources.KeyCounts, identity_pb2.KeyCounts)
KEY_CREATE = Codec(identity_requests.KeyCreate, identity_pb2.ApiKeyCreate)
BINDING = Codec(identity_resources.Binding, identity_pb2.Binding)
BINDING_CREATE = Codec(identity_requests.BindingCreate, identity_pb2.BindingCreate)
TOKEN_EXCHANGE = Codec(identity_requests.TokenExchangeRequest, identity_pb2.TokenExchange)
TOKEN_EXCHANGE_RESULT = Codec(identity_resources.TokenExchangeResponse, identity_pb2.TokenExchangeResult)

EVENT_STATE = Codec(EventState, event_state_pb2.EventState)

IDEMPOTENCY = Codec(context.Idempotency, common_pb2.Idempotency)
