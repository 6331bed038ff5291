"""Interactions count once, and while they are young: what a gateway plays again does nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime

import structlog

from adapters.discord.calls import Interaction

log = structlog.get_logger(__name__)

MOST_REMEMBERED = 10_000


class Once:
    """Knows which interactions were seen. One that is expired could not even be answered.

    What Discord vouched for then, a role for instance, need not be true any more. `now` is the time
    at Discord, by which interactions are dated.
    """

    def __init__(self, now: Callable[[], datetime], most: int = MOST_REMEMBERED) -> None:
        self._now = now
        self._most = most
        self._seen: OrderedDict[int, None] = OrderedDict()

    def counts(self, interaction: Interaction) -> bool:
        """Whether to carry it out; the second time it does not count."""
        if self._now() >= interaction.expires_at:
            log.warning(
                "discord.interaction_expired",
                person=interaction.user.id,
                since=interaction.created_at.isoformat(),
            )
            return False
        if interaction.id in self._seen:
            log.warning("discord.interaction_repeated", person=interaction.user.id)
            return False
        self._seen[interaction.id] = None
        while len(self._seen) > self._most:
            self._seen.popitem(last=False)
        return True
