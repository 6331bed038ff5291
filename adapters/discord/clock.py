"""Discord's time: what it says is dated by its own clock, from which ours may be hours off."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog

log = structlog.get_logger(__name__)

WORTH_TELLING = timedelta(minutes=1)


class Clock:
    """Goes by the heads `Date` of Discord's answers; until one came, by the computer's clock."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)
        self._told = False

    def hear(self, date: str | None) -> None:
        """What the head `Date` of an answer says, to the second, which has just come."""
        with suppress(ValueError, TypeError):  # no date, or one of no zone
            self._ahead = parsedate_to_datetime(date or "") - datetime.now(UTC)
        if abs(self._ahead) > WORTH_TELLING and not self._told:
            self._told = True
            log.warning(
                "discord.clocks_differ",
                seconds=round(self._ahead.total_seconds()),
                mend="set this machine's clock",
            )

    def now(self) -> datetime:
        """The time at Discord."""
        return datetime.now(UTC) + self._ahead
