"""The stores of the commands on a SQL database: every method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from bot.control.records import (
    Change,
    Example,
    Preference,
    Record,
    SettingValue,
    Stored,
    Use,
    Vote,
)
from bot.values import Author, Persona, Place, Reply
from storage import answers, archive, feedback, forgotten, people, settings
from storage.database import Database
from storage.opted_out import with_their_words
from storage.store import utc_now


class SqlRecords:
    """Implements SettingStore, ReplyStore, FeedbackStore and PeopleStore of `bot.control.ports`."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    async def settings(self, scopes: Sequence[str]) -> Mapping[str, SettingValue]:
        return await self._database.read(settings.effective, scopes)

    async def every(self, scopes: Sequence[str], key: str) -> list[SettingValue]:
        return await self._database.read(settings.every, scopes, key)

    async def set_settings(
        self, scope: str, values: Mapping[str, Any], author: Author
    ) -> tuple[Change, ...]:
        return await self._database.write(settings.change, scope, values, author, self._now())

    async def everywhere(self, key: str) -> Mapping[str, Any]:
        return await self._database.read(settings.everywhere, key)

    async def note(self, change: Change) -> None:
        await self._database.write(settings.note, change)

    async def changes(self, scopes: Sequence[str], *, limit: int, skip: int = 0) -> list[Change]:
        return await self._database.read(settings.changes, scopes, limit, skip)

    async def personas_within(self, scope: str) -> list[Persona]:
        return await self._database.read(settings.personas_within, scope)

    async def persona_versions(self, scope: str, *, limit: int) -> list[Persona]:
        return await self._database.read(settings.persona_versions, scope, limit)

    async def record(self, reply_id: int) -> Record | None:
        return await self._database.read(answers.record, reply_id)

    async def newest_record(self, place: Place) -> Record | None:
        return await self._database.read(answers.newest_record, place)

    async def record_of_message(self, place: Place, message_id: str) -> Record | None:
        return await self._database.read(answers.of_message, place, message_id)

    async def newest_place(self, channel: Place, person: str) -> Place | None:
        return await self._database.read(answers.newest_place, channel, person)

    async def reopen(self, reply_id: int, person: str) -> Reply | None:
        return await self._database.write(answers.reopen, reply_id, person, self._now())

    async def choose(self, reply_id: int, number: int) -> Reply | None:
        return await self._database.write(answers.choose, reply_id, number, self._now())

    async def undo(self, place: Place) -> Reply | None:
        return await self._database.write(answers.undo, place)

    async def reset(self, place: Place, waiting: int | None = None) -> int:
        return await self._database.write(answers.reset, place, waiting)

    async def vote(self, vote: Vote) -> bool:
        return await self._database.write(feedback.vote, vote, self._now())

    async def prefer(self, preference: Preference) -> bool:
        return await self._database.write(feedback.prefer, preference, self._now())

    async def opted_out(self) -> Mapping[str, int]:
        return await self._database.read_much(with_their_words)

    async def examples(
        self, *, after: int = 0, limit: int = 500, opted_out: Mapping[str, int] | None = None
    ) -> list[Example]:
        return await self._database.read_much(feedback.examples, after, limit, opted_out)

    async def stored(self, platform: str, person: str, *, presets: Collection[str] = ()) -> Stored:
        return await self._database.read_much(people.stored, platform, person, presets)

    async def export_person(self, platform: str, person: str) -> dict[str, Any]:
        return await self._database.read_much(people.export, platform, person)

    async def forget_person(
        self,
        platform: str,
        person: str,
        *,
        names: Collection[str] = (),
        presets: Collection[str] = (),
    ) -> Stored:
        forget = people.forget
        return await self._database.write_much(
            forget, platform, person, names, presets, self._now()
        )

    async def locale(self, platform: str, person: str) -> str:
        return await self._database.read(people.locale, platform, person)

    async def keep_locale(self, platform: str, person: str, locale: str) -> None:
        await self._database.write(people.keep_locale, platform, person, locale)

    async def use_feedback(self, platform: str, person: str, use: bool) -> None:
        await self._database.write(people.use_feedback, platform, person, use)

    async def export_place(self, place: Place, *, every_thread: bool = True) -> dict[str, Any]:
        return await self._database.read_much(archive.export, place, every_thread)

    async def forget_place(self, place: Place, *, every_thread: bool = True) -> int:
        return await self._database.write_much(archive.forget, place, every_thread)

    async def closed_threads(self, place: Place) -> int:
        return await self._database.read(archive.closed_threads, place)

    async def purge(self, scope: str, before: datetime) -> int:
        return await self._database.write_much(archive.purge, scope, before)

    async def places(self) -> list[str]:
        return await self._database.read_much(archive.every_place)

    async def purge_places(self, places: Sequence[str], before: datetime) -> int:
        return await self._database.write_much(archive.purge_places, places, before)

    async def forget_prompts(self, before: datetime) -> int:
        return await self._database.write_much(archive.forget_prompts, before)

    async def settle_use(self, today: date) -> None:
        await self._database.write_much(forgotten.settle_use, today)

    async def use(self, scope: str, person: str | None, day: date) -> Use:
        return await self._database.read(archive.use, scope, person, day)

    async def totals(self, since: date) -> dict[str, Any]:
        return await self._database.read_much(archive.totals, since)
