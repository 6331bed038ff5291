"""The list of changes, and whole channels: exported, or wiped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import structlog

from bot import plain
from bot.control.authority import Access
from bot.control.place_settings import ACCESS
from bot.control.ports import Handler, PeopleStore, SettingStore
from bot.control.records import Change
from bot.control.response import Button, Call, File, Given, Response
from bot.control.scopes import channel_scope, spoken, visible
from bot.control.words import say

log = structlog.get_logger(__name__)

LINES = 20
LONGEST = 80
"""Characters of a value that one line shows."""

WIPED = "wiped"


class Archive:
    """Handlers of `audit` and `channel …`."""

    def __init__(self, store: SettingStore, people: PeopleStore) -> None:
        self._store = store
        self._people = people

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {
            ("audit",): self.audit,
            ("channel", "export"): self.export,
            ("channel", "wipe"): self.wipe,
        }

    async def audit(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """The changes here and in what this place inherits from, the newest on the first page."""
        page, scopes = int(arguments.get("page", 1)), visible(call.place)
        skip = (page - 1) * LINES
        found = await self._store.changes(scopes, limit=LINES + 1, skip=skip)
        changes = found[:LINES]
        if not changes:
            key = "control.no_changes" if page == 1 else "control.no_older"
            return Response(say(key, call.locale))
        title = say(
            "control.changes" if page == 1 else "control.changes_page", call.locale, page=page
        )
        older = Button(
            call.command, say("control.older", call.locale), arguments=(("page", str(page + 1)),)
        )
        text = "\n".join([title, *(_line(call, change) for change in changes)])
        return Response(text, (older,) if len(found) > LINES else ())

    async def export(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Everything that is kept of the channel and its threads, for the caller alone."""
        kept = await self._people.export_place(call.place, every_thread=call.every_thread)
        log.info("channel exported", place=call.place.id, author=call.author.id)
        text = await self._with_left(call, "export", say("control.exported", call.locale))
        return Response(text, file=File("channel.json", as_json(kept)))

    async def wipe(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Delete what was said in the channel and its threads; settings and personas stay."""
        every = call.every_thread
        count = await self._people.forget_place(call.place, every_thread=every)
        scope = channel_scope(call.place)
        now = datetime.now(UTC)
        await self._store.note(Change(now, call.author, scope, WIPED, str(count), None))
        log.warning("channel wiped", place=call.place.id, author=call.author.id, turns=count)
        wiped = say("control.wiped", call.locale, count=count)
        return Response(await self._with_left(call, "wipe", wiped))

    async def _with_left(self, call: Call, what: str, text: str) -> str:
        """The text, and what was left out or alone because the caller may not see it."""
        count = 0 if call.every_thread else await self._people.closed_threads(call.place)
        if not count:
            return text
        return f"{text}\n{say(f'control.left.{what}', call.locale, count=count)}"


def as_json(value: object) -> bytes:
    """For a file that people may look into."""
    return json.dumps(value, ensure_ascii=False, indent=2).encode()


def _line(call: Call, change: Change) -> str:
    at = f"{change.at.astimezone(UTC):%Y-%m-%d %H:%M}"
    where = spoken(call.place, change.scope, call.locale)
    what = _lists(change, call.locale) if change.what == ACCESS else ""
    what = what or f"{_short(change.before, call.locale)} → {_short(change.after, call.locale)}"
    who = plain.shown(change.author.name) or say("control.somebody", call.locale)
    return f"- {at} UTC · {who} · {where} · {change.what}: {what}"


def _lists(change: Change, locale: str) -> str:
    """Who came onto the lists and who went from them; empty where that cannot be read.

    The lists themselves are longer than a line, and what is new may stand at their end.
    """
    before, after = _access(change.before), _access(change.after)
    parts = []
    for key, old, new in (
        ("allowed", before.allow, after.allow),
        ("denied", before.deny, after.deny),
    ):
        names = [f"+ {_short(entry, locale)}" for entry in new if entry not in old]
        names += [f"− {_short(entry, locale)}" for entry in old if entry not in new]
        if names:
            parts.append(say(f"control.{key}", locale, names=", ".join(names)))
    return "; ".join(parts)


def _access(value: str | None) -> Access:
    try:
        return Access.read(json.loads(value or "null"))
    except ValueError:
        return Access()


def _short(value: str | None, locale: str) -> str:
    if value is None:
        return say("control.nothing", locale)
    line = plain.name(value.replace("`", "'"), LONGEST + 1)
    if not line:
        return say("control.nothing", locale)
    return f"`{line[:LONGEST]}{'…' if len(line) > LONGEST else ''}`"
