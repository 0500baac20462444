"""A fake ALM server in memory, with the API that `login`, `push` and `flush` use."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from support.http.scripted_server import ALM, RecordedRequest, Scripted, ScriptedResponse, problem

PASSWORD = "correct horse battery staple"
LOCK = '{"alpha": "1.1.0"}\n'
KEY = "evm_k1_0123456789abcdef"


@dataclass
class FakeAlmServer:
    """Apps, versions and tokens; `down` causes 503, `lose` drops that many responses after the effect."""

    versions: dict[tuple[str, str], dict] = field(default_factory=dict)
    apps: set[str] = field(default_factory=set)
    access: set[str] = field(default_factory=lambda: {KEY})
    refresh: set[str] = field(default_factory=set)
    reused: list[str] = field(default_factory=list)
    seconds: int = 900
    down: bool = False
    lose: int = 0
    forbidden: set[str] = field(default_factory=set)
    _count: int = 0

    def run(self) -> Scripted:
        """Start the server."""
        return Scripted(self._respond, ALM)

    def _respond(self, request: RecordedRequest) -> ScriptedResponse | None:
        response = self._decide(request)
        if self.lose:
            self.lose -= 1
            return None
        return response

    def _decide(self, request: RecordedRequest) -> ScriptedResponse:
        if self.down:
            return problem(503, "service-unavailable", "the server is down")
        path = request.path.partition("?")[0]
        if path == "/auth/login":
            json_body = request.document
            if json_body != {"username": "admin", "password": PASSWORD}:
                return problem(401, "unauthenticated", "unknown user or wrong password")
            return self._tokens()
        if path == "/auth/refresh":
            return self._refresh(request.document["refresh_token"])
        if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            return problem(401, "unauthenticated", "unknown token")
        return self._script_response(request, path)

    def _script_response(self, request: RecordedRequest, path: str) -> ScriptedResponse:
        if path == "/auth/me":
            return ScriptedResponse(
                200, {"actor": "user:admin", "role": "admin", "scopes": ["*"], "apps": None, "user_id": 1}
            )
        if path == "/auth/logout":
            self.refresh.discard(request.document.get("refresh_token"))
            return ScriptedResponse(204)
        if (request.method, path) == ("POST", "/apps"):
            return self._register(request.document["name"])
        match = re.fullmatch("/apps/([^/]+)/versions/([^/]+)", path)
        if match and request.method == "PUT":
            return self._put(unquote(match[1]), unquote(match[2]), request.document)
        return problem(404, "not-found", f"not found: {path}")

    def _register(self, name: str) -> ScriptedResponse:
        if name in self.apps:
            return problem(409, "already-exists", f"app {name!r} already exists")
        self.apps.add(name)
        return ScriptedResponse(201, {"id": len(self.apps), "name": name})

    def _put(self, app: str, tag: str, body: dict) -> ScriptedResponse:
        if app in self.forbidden:
            return problem(403, "forbidden", f"your credential is not for {app}")
        if app not in self.apps:
            return problem(404, "not-found", f"app {app!r} not found")
        lasting = [body["commit"], body["artifacts"], body.get("toolchain")]
        digest = f"sha256:{hashlib.sha256(json.dumps(lasting).encode()).hexdigest()}"
        stored_version = self.versions.get((app, tag))
        if stored_version and stored_version["digest"] != digest:
            return problem(
                409,
                "version-content-mismatch",
                "other content",
                existing_digest=stored_version["digest"],
                submitted_digest=digest,
                differences=_differences(stored_version, body),
            )
        if stored_version:
            return ScriptedResponse(200, stored_version)
        version = {"id": len(self.versions) + 1, "app": app, "tag": tag, "digest": digest, **body}
        self.versions[app, tag] = version
        return ScriptedResponse(201, version)

    def _tokens(self) -> ScriptedResponse:
        self._count += 1
        access, refresh = f"access-{self._count}", f"refresh-{self._count}"
        self.access.add(access)
        self.refresh.add(refresh)
        return ScriptedResponse(
            200,
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": self.seconds,
                "refresh_token": refresh,
            },
        )

    def _refresh(self, token: str) -> ScriptedResponse:
        if token not in self.refresh:
            self.reused.append(token)
            self.refresh.clear()
            return problem(401, "unauthenticated", "the refresh token was used before")
        self.refresh.discard(token)
        return self._tokens()


def _differences(stored: dict, body: dict) -> list[dict]:
    """Compare commits and digests of locks, as the server does."""
    pairs = {
        "commit": (stored["commit"], body["commit"]),
        "toolchain/lock_digest": tuple(
            side.get("toolchain", {}).get("lock_digest") for side in (stored, body)
        ),
    }
    return [
        {"field": name, "existing": existing, "submitted": submitted}
        for name, (existing, submitted) in pairs.items()
        if existing != submitted
    ]
