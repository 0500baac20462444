"""Request policies of services: paths without a credential, with forms, or with large bodies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_BODY_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class RequestPolicy:
    """Exceptions to the rules for requests: bearer credential, JSON body, `MAX_BODY_BYTES`."""

    public_paths: frozenset[str] = frozenset()
    """Paths that need no credential."""
    optional_credential_paths: frozenset[str] = frozenset()
    """Paths that accept a credential, and requests without one."""
    form_paths: frozenset[str] = frozenset()
    """Paths that accept `application/x-www-form-urlencoded`, too."""
    body_limits: tuple[tuple[str, int], ...] = ()
    """Parts of paths, and the maximum body size in bytes of the paths that contain them."""

    def is_public(self, method: str, path: str, *, has_credential: bool) -> bool:
        """Return whether a request needs no credential."""
        if method == "OPTIONS" or path in self.public_paths:
            return True
        return path in self.optional_credential_paths and not has_credential

    def body_limit(self, path: str) -> int:
        """Return the maximum body size of a request, in bytes."""
        for part, limit in self.body_limits:
            if part in path:
                return limit
        return MAX_BODY_BYTES


def merge_policies(policies: Iterable[RequestPolicy]) -> RequestPolicy:
    """Return the policy of a process that serves the paths of all of these."""
    all_policies = tuple(policies)
    return RequestPolicy(
        public_paths=frozenset[str]().union(*(policy.public_paths for policy in all_policies)),
        optional_credential_paths=frozenset[str]().union(
            *(policy.optional_credential_paths for policy in all_policies)
        ),
        form_paths=frozenset[str]().union(*(policy.form_paths for policy in all_policies)),
        body_limits=tuple(limit for policy in all_policies for limit in policy.body_limits),
    )
