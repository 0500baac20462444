"""Names on the broker: `<prefix>.<service>` for topics, `<prefix>.<consumer>` for consumer groups."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one installation, all with its prefix."""

    prefix: str

    def topic(self, service: str) -> str:
        """Return the topic of a service's events."""
        return f"{self.prefix}.{service}"

    def group(self, consumer: str) -> str:
        """Return the group of a consumer, which its processes are members of."""
        return f"{self.prefix}.{consumer}"
