"""A small ALM server in memory, that keeps the contract of what `login`, `push` and `flush` ask of one."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from support.http.scripted_server import ALM, Asked, Said, Scripted, problem

PASSWORD = "correct horse battery staple"
LOCK = '{"alpha": "1.1.0"}\n'
KEY = "evm_k1_0123456789abcdef"


@dataclass
class AlmDouble:
    """Apps, versions and sign-ins; `down` makes it answer 503, `lose` swallows that many answers after the effect."""

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
        """Serve."""
        return Scripted(self._answer, ALM)

    def _answer(self, asked: Asked) -> Said | None:
        said = self._decide(asked)
        if self.lose:
            self.lose -= 1
            return None
        return said

    def _decide(self, asked: Asked) -> Said:
        if self.down:
            return problem(503, "service-unavailable", "somebody stumbled over the cable")
        path = asked.path.partition("?")[0]
        if path == "/auth/login":
            given = asked.document
            if given != {"username": "admin", "password": PASSWORD}:
                return problem(401, "unauthenticated", "no such user, or another password")
            return self._tokens()
        if path == "/auth/refresh":
            return self._refresh(asked.document["refresh_token"])
        if asked.headers.get("authorization", "").removeprefix("Bearer ") not in self.access:
            return problem(401, "unauthenticated", "the token is none of ours")
        return self._known(asked, path)

    def _known(self, asked: Asked, path: str) -> Said:
        if path == "/auth/me":
            return Said(
                200, {"actor": "user:admin", "role": "admin", "scopes": ["*"], "apps": None, "user_id": 1}
            )
        if path == "/auth/logout":
            self.refresh.discard(asked.document.get("refresh_token"))
            return Said(204)
        if (asked.method, path) == ("POST", "/apps"):
            return self._register(asked.document["name"])
        match = re.fullmatch("/apps/([^/]+)/versions/([^/]+)", path)
        if match and asked.method == "PUT":
            return self._put(unquote(match[1]), unquote(match[2]), asked.document)
        return problem(404, "not-found", f"not found: {path}")

    def _register(self, name: str) -> Said:
        if name in self.apps:
            return problem(409, "already-exists", f"app {name!r} already exists")
        self.apps.add(name)
        return Said(201, {"id": len(self.apps), "name": name})

    def _put(self, app: str, tag: str, body: dict) -> Said:
        if app in self.forbidden:
            return problem(403, "forbidden", f"your credential is not for {app}")
        if app not in self.apps:
            return problem(404, "not-found", f"app {app!r} not found")
        lasting = [body["commit"], body["artifacts"], body.get("toolchain")]
        digest = f"sha256:{hashlib.sha256(json.dumps(lasting).encode()).hexdigest()}"
        known = self.versions.get((app, tag))
        if known and known["digest"] != digest:
            return problem(
                409,
                "version-content-mismatch",
                "other content",
                existing_digest=known["digest"],
                submitted_digest=digest,
            )
        if known:
            return Said(200, known)
        version = {"id": len(self.versions) + 1, "app": app, "tag": tag, "digest": digest, **body}
        self.versions[app, tag] = version
        return Said(201, version)

    def _tokens(self) -> Said:
        self._count += 1
        access, refresh = f"access-{self._count}", f"refresh-{self._count}"
        self.access.add(access)
        self.refresh.add(refresh)
        return Said(
            200,
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": self.seconds,
                "refresh_token": refresh,
            },
        )

    def _refresh(self, token: str) -> Said:
        if token not in self.refresh:
            self.reused.append(token)
            self.refresh.clear()
            return problem(401, "unauthenticated", "the refresh token was used before")
        self.refresh.discard(token)
        return self._tokens()
