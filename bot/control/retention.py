"""What has been kept long enough is deleted, once a day."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from bot.control.bounds import Bounds
from bot.control.ports import PeopleStore, SettingStore
from bot.errors import QuipuError
from bot.values import Place

log = structlog.get_logger(__name__)

FIRST = 60.0
"""Seconds after the start until the first time, when the start's own work is done."""

DAILY = 86_400.0

TOGETHER = 100
"""Places in one transaction: messages that come meanwhile wait for it."""


class Retention:
    """Deletes by what each place, or what it inherits from, has set, within the bounds."""

    def __init__(
        self,
        settings: SettingStore,
        people: PeopleStore,
        bounds: Bounds,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._people = people
        self._bounds = bounds
        self._now = now

    async def run(self, *, first: float = FIRST, interval: float = DAILY) -> None:
        """For as long as the program runs; a day that fails is tried again the next day."""
        await asyncio.sleep(first)
        while True:
            try:
                await self.sweep()
            except QuipuError as error:
                log.error("nothing purged", reason=str(error))
            await asyncio.sleep(interval)

    async def sweep(self) -> tuple[int, int]:
        """Delete what is due now; how many turns and how many prompts that were."""
        turns = 0
        chosen = await self._settings.everywhere("retention")
        for days, places in _by_days(await self._people.places(), chosen, self._bounds).items():
            before = self._now() - timedelta(days=days)
            for some in _chunks(places):
                turns += await self._people.purge_places(some, before)
        prompts = 0
        if self._bounds.prompts:
            before = self._now() - timedelta(days=self._bounds.prompts)
            prompts = await self._people.forget_prompts(before)
        await self._people.settle_use(self._now().astimezone(UTC).date())
        if turns or prompts:
            log.info("purged", turns=turns, prompts=prompts)
        return turns, prompts


def _by_days(ids: Sequence[str], chosen: Mapping[str, Any], bounds: Bounds) -> dict[int, list[str]]:
    """The places that forget, by after how many days."""
    found = defaultdict[int, list[str]](list)
    for place_id in ids:
        scopes = Place.parse(place_id).scopes
        own = next((chosen[scope] for scope in scopes if _is_days(chosen.get(scope))), 0)
        if days := bounds.holds("retention", own):
            found[days].append(place_id)
    return found


def _is_days(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _chunks(places: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(places), TOGETHER):
        yield places[start : start + TOGETHER]
