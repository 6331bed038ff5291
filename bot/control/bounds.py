"""What the operator's configuration allows at most, and offers: no admin gets beyond it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bot.control.authority import Access

KINDS = ("person", "role", "channel")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits count in one day; 0 is none. `retention` and `prompts` are days, 0 keeps for ever.

    Entries of the lists may begin with a platform's name, as in `slack:person:U0123`: then they
    hold there alone.
    """

    access: Access = field(default_factory=Access)
    limits: Mapping[str, int] = field(default_factory=dict)
    retention: int = 0
    prompts: int = 30
    presets: Mapping[str, str] = field(default_factory=dict)

    def access_on(self, platform: str) -> Access:
        """The lists as they hold on a platform."""
        access = self.access
        return replace(
            access, allow=_entries(access.allow, platform), deny=_entries(access.deny, platform)
        )

    def most(self, name: str) -> int:
        """The bound of a limit or of retention; 0 is none."""
        return self.retention if name == "retention" else self.limits.get(name, 0)

    def holds(self, name: str, value: int) -> int:
        """What a value comes to within the bound."""
        most = self.most(name)
        return min(value or most, most) if most else value


def beyond(value: int, most: int) -> bool:
    """Whether a value, of which 0 is none, goes beyond a bound, of which 0 is none as well."""
    return bool(most) and (not value or value > most)


def _entries(entries: tuple[str, ...], platform: str) -> tuple[str, ...]:
    found = []
    for entry in entries:
        before, _, rest = entry.partition(":")
        if before in KINDS:
            found.append(entry)
        elif before == platform:
            found.append(rest)
    return tuple(found)
