"""The tree of errors that envmgr reports to users.

EnvmgrError                       exit 1
├── UsageError                    exit 2: the command line is invalid
├── ProjectError                  .envmgr, .envmgr.lock and their requests
│   ├── DotfileError              carries every invalid line
│   ├── LockfileError
│   └── LockOutOfDate
├── CatalogError                  manifests and lists of releases
│   ├── UnknownTool
│   ├── ManifestError             carries every issue with its JSON path
│   ├── SourceError               an upstream response is not a list of releases
│   ├── NoMatchingVersion
│   ├── InvalidRequest            the request is invalid for this tool
│   │   └── AmbiguousAsset        several files of a release fit a platform
│   └── UnsupportedPlatform
├── NetworkError
│   ├── Unreachable               unknown host, connection refused, no network
│   ├── HttpError                 carries the status
│   │   └── RateLimited
│   ├── Offline
│   ├── InsecureUrl
│   └── IncompleteDownload
├── InstallError
│   ├── DigestMismatch
│   ├── SignatureError            missing, or not made by a key of the manifest
│   ├── UnsafeArchive
│   ├── BadArchive
│   ├── ScriptError
│   ├── UntrustedScript
│   └── StorageError              disk full, read-only, no permission: names the directory
├── AlmError                      the ALM server
│   ├── AlmUnreachable            no response
│   ├── UnsupportedServer         not an ALM server, or another version of its API
│   ├── NotSignedIn               401
│   ├── Forbidden                 403
│   │   └── SelfApprovalForbidden another user must approve
│   ├── AlmNotFound               404
│   ├── AlmConflict               409, 412: carries the problem's slug and members
│   ├── AlmInvalidRequest         400, 413, 415, 422, 428: carries a line for each field
│   ├── AlmRateLimited            429, 503
│   └── MissingProvenance         the provenance of a build cannot be determined
├── ConfigError
├── NoVersionSet
│   └── CommandVersionNotSet      exit 126: of a command
├── CannotRun                     exit 126: the system refuses to run the command
├── NotInstalled
│   └── CommandNotInstalled       exit 127: of a command
└── CommandNotFound               exit 127

Foreign exceptions are translated where they enter (kit.http, kit.fs, install.archive.extract).
Only `cli` catches the root.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class EnvmgrError(Exception):
    """Create an error with its message and a hint."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(EnvmgrError):
    """The command line is invalid."""

    code = "usage"
    exit_code = 2


class ConfigError(EnvmgrError):
    """A setting is unknown or invalid."""

    code = "config"


class ProjectError(EnvmgrError):
    """The requests of a project are invalid."""

    code = "project"


class WorkingDirectoryMissing(ProjectError):
    """The working directory was removed."""

    code = "working-directory-missing"


class DotfileError(ProjectError):
    """An `.envmgr` has invalid lines; `issues` has each as `file:line:column: problem`."""

    code = "dotfile"

    def __init__(self, issues: Sequence[str], hint: str | None = None) -> None:
        super().__init__("\n".join(issues), hint)
        self.issues = tuple(issues)


class LockfileError(ProjectError):
    """An `.envmgr.lock` cannot be read."""

    code = "lockfile"


class LockOutOfDate(ProjectError):
    """The lock is missing or out of date."""

    code = "lock-out-of-date"


class CatalogError(EnvmgrError):
    """The available releases could not be determined."""

    code = "catalog"


class UnknownTool(CatalogError):
    """No manifest has this name."""

    code = "unknown-tool"


class AmbiguousTool(CatalogError):
    """Several packages in use have this short name."""

    code = "ambiguous-tool"


class ManifestError(CatalogError):
    """A manifest is invalid; `issues` has each as `JSON path: problem`."""

    code = "manifest"

    def __init__(self, name: str, issues: Sequence[str], hint: str | None = None) -> None:
        super().__init__(
            "\n".join([f"{name} is not a valid manifest", *(f"  {issue}" for issue in issues)]), hint
        )
        self.issues = tuple(issues)


class SourceError(CatalogError):
    """An upstream response is not a list of releases."""

    code = "source"


class NoMatchingVersion(CatalogError):
    """No release of the tool matches the request."""

    code = "no-matching-version"


class InvalidRequest(CatalogError):
    """The request is invalid, or unsupported by this tool."""

    code = "invalid-request"


class AmbiguousAsset(InvalidRequest):
    """Several files of a release fit a platform equally well."""

    code = "ambiguous-asset"


class UnsupportedPlatform(CatalogError):
    """Upstream publishes no archive for this platform."""

    code = "unsupported-platform"


class NetworkError(EnvmgrError):
    """A request failed.

    `passing`: a retry may succeed, after `retry_after` seconds if the server set that.
    """

    code = "network"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.passing = passing
        self.retry_after = retry_after


class Unreachable(NetworkError):
    """The name does not resolve, or connections are refused: a retry within seconds does not help."""


class ConnectTimedOut(NetworkError):
    """No connection within the timeout, as where a network drops packets."""


class HttpError(NetworkError):
    """A server responded with an error status."""

    code = "http"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        status: int = 0,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint, passing=passing, retry_after=retry_after)
        self.status = status


class RateLimited(HttpError):
    """The rate limit of a server is exceeded."""

    code = "rate-limited"


class Offline(NetworkError):
    """The network is required but disabled."""

    code = "offline"


class InsecureUrl(NetworkError):
    """Plain http, or a redirect to it, is not allowed."""

    code = "insecure-url"


class IncompleteDownload(NetworkError):
    """A response body is shorter or longer than announced."""

    code = "incomplete-download"


class InstallError(EnvmgrError):
    """An installation failed."""

    code = "install"


class DigestMismatch(InstallError):
    """A download does not match its digest."""

    code = "digest-mismatch"


class SignatureError(InstallError):
    """The signature of an archive is missing or invalid."""

    code = "bad-signature"


class UnsafeArchive(InstallError):
    """An archive has an entry that must not be unpacked."""

    code = "unsafe-archive"


class BadArchive(InstallError):
    """An archive is corrupt or does not match its manifest."""

    code = "bad-archive"


class ScriptError(InstallError):
    """An install script failed."""

    code = "script-failed"


class UntrustedScript(InstallError):
    """An install script is not trusted."""

    code = "untrusted-script"


class StorageError(EnvmgrError):
    """A file or directory cannot be written or read."""

    code = "storage"


class AlmError(EnvmgrError):
    """A request to the ALM server failed."""

    code = "alm"


class AlmUnreachable(AlmError):
    """The server did not respond."""

    code = "alm-unreachable"


class UnsupportedServer(AlmError):
    """The server is not an ALM server, or its API version is unsupported."""

    code = "alm-incompatible"


class NotSignedIn(AlmError):
    """Authentication failed."""

    code = "not-signed-in"


class Forbidden(AlmError):
    """The authenticated user lacks permission."""

    code = "forbidden"


class SelfApprovalForbidden(Forbidden):
    """The server requires approval by another user."""


class AlmNotFound(AlmError):
    """The resource was not found on the server."""

    code = "alm-not-found"


class AlmConflict(AlmError):
    """The request conflicts with the current state; `kind` and `members` are the problem's."""

    code = "alm-conflict"

    def __init__(
        self,
        message: str,
        hint: str | None = None,
        *,
        kind: str = "",
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, hint)
        self.kind = kind
        self.members = dict(members or {})


class AlmInvalidRequest(AlmError):
    """The request is invalid; `issues` has each as `pointer: problem`."""

    code = "alm-invalid-request"

    def __init__(self, message: str, hint: str | None = None, *, issues: Sequence[str] = ()) -> None:
        super().__init__("\n".join([message, *(f"  {issue}" for issue in issues)]), hint)
        self.issues = tuple(issues)


class AlmRateLimited(AlmError):
    """The server limits or rejects requests for now."""

    code = "alm-rate-limited"


class MissingProvenance(AlmError):
    """The provenance of a build cannot be determined."""

    code = "missing-provenance"


class NoVersionSet(EnvmgrError):
    """No version of the tool is set."""

    code = "no-version-set"


class CommandVersionNotSet(NoVersionSet):
    """No version is set for the command."""

    exit_code = 126


class CannotRun(EnvmgrError):
    """The system refuses to run the program."""

    code = "cannot-run"
    exit_code = 126


class NotInstalled(EnvmgrError):
    """The version is not installed."""

    code = "not-installed"


class CommandNotInstalled(NotInstalled):
    """The version set for the command is not installed."""

    exit_code = 127


class CommandNotFound(EnvmgrError):
    """The command was not found."""

    code = "command-not-found"
    exit_code = 127
