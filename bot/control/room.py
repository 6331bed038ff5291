"""The control room: every use of a command comes here, is checked, authorised and carried out."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from bot import plain
from bot.control.arguments import checked
from bot.control.authority import LEAVE, authorise
from bot.control.commands import BY_PATH
from bot.control.declarations import Command, Level, Target
from bot.control.limits import Doorkeeper
from bot.control.options import Options
from bot.control.ports import Handler, ReplyStore
from bot.control.records import Record
from bot.control.refusal import refusal
from bot.control.response import Button, Call, Given, Response
from bot.control.settings import SETTINGS
from bot.control.spelling import INHERIT
from bot.control.words import say
from bot.errors import Forbidden, Refused
from bot.values import Place

log = structlog.get_logger(__name__)

CANCEL = ("cancel",)
"""What the button beside a confirmation uses; it is no command that people can write."""

PATIENCE = 600.0
"""Seconds in which a confirmation must come; a later one is asked for again."""

SPENDING = frozenset({("regenerate",), ("continue",)})
"""Commands that make the model work, and so count against limits."""

Asked = tuple[tuple[str, ...], str, str]

Warn = Callable[[Call], Awaitable[str]]
"""What to add to the question whether a command is meant; an empty text is nothing."""


class ControlRoom:
    """Implements the Control port over the handlers of all commands."""

    def __init__(
        self,
        handlers: Mapping[tuple[str, ...], Handler],
        replies: ReplyStore,
        doorkeeper: Doorkeeper,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
        warnings: Mapping[tuple[str, ...], Warn] | None = None,
    ) -> None:
        self._handlers = handlers
        self._replies = replies
        self._doorkeeper = doorkeeper
        self._options = options
        self._clock = clock
        self._warnings = warnings or {}
        self._asked: dict[Asked, float] = {}

    async def carry_out(self, call: Call) -> Response:
        """Nothing in the call is trusted but its place and author."""
        if call.command == CANCEL:
            return Response(say("control.cancelled", call.locale))
        call = _readable(call)
        command, handler = BY_PATH.get(call.command), self._handlers.get(call.command)
        if command is None or handler is None:
            raise refusal("control.unknown", call.locale, prefix=call.prefix)
        record = await self._record(call, command)
        await self._authorise(call, command, record)
        arguments = _checked(command, call)
        if command.confirm and not self._confirmed(call):
            return await self._ask(call, command)
        if record is not None:
            call = replace(call, reply_id=record.reply_id)
        log.debug("command", command=command.name, place=call.place.id, person=call.author.id)
        return await handler(call, arguments)

    async def options(self, call: Call, argument: str, typed: str) -> list[tuple[str, str]]:
        """See `Options`."""
        return await self._options.of(call, argument, typed)

    async def newest_place(self, channel: Place, person: str) -> Place | None:
        """What a command means that comes from no conversation of its channel."""
        return await self._replies.newest_place(channel, person)

    async def place_of_message(self, places: Sequence[Place], message_id: str) -> Place | None:
        """For adapters that cannot tell from a message alone where it was kept."""
        for place in places:
            if await self._replies.record_of_message(place, message_id) is not None:
                return place
        return None

    def say(self, key: str, locale: str, **values: object) -> str:
        """Words of the catalogue."""
        return say(key, locale, **values)

    async def _record(self, call: Call, command: Command) -> Record | None:
        """The reply that is meant, which must be of this very place."""
        if command.target is not Target.REPLY:
            return None
        if call.reply_id is not None:
            record = await self._replies.record(call.reply_id)
        elif call.message_id is not None:
            record = await self._replies.record_of_message(call.place, call.message_id)
        else:
            record = await self._replies.newest_record(call.place)
        if record is None or record.place.id != call.place.id:
            raise refusal("control.no_reply", call.locale)
        return record

    async def _authorise(self, call: Call, command: Command, record: Record | None) -> None:
        authorise(call, command, record)
        if command.key in LEAVE:
            return
        place, author = call.place, call.author
        if not await self._doorkeeper.may_command(place, author):
            notice = say("limits.not_allowed", call.locale)
            raise Forbidden(f"{author.id} may not talk at {place.id}", notice=notice)
        used_up = ""
        if command.path in SPENDING:
            used_up = await self._doorkeeper.used_up(place, author, call.locale)
        if used_up:
            raise Refused(f"{author.id} has used up a limit", notice=used_up)

    async def _ask(self, call: Call, command: Command) -> Response:
        now = self._clock()
        self._asked = {key: at for key, at in self._asked.items() if now - at < PATIENCE}
        self._asked[_asked(call)] = now
        yes = say(f"control.confirm.{command.key}.yes", call.locale)
        text = say(f"control.confirm.{command.key}.text", call.locale)
        if warn := self._warnings.get(command.path):
            text = f"{text}\n{await warn(call)}".rstrip()
        return Response(
            text,
            (
                Button(command.path, yes, confirmed=True, danger=True),
                Button(CANCEL, say("control.cancel", call.locale)),
            ),
        )

    def _confirmed(self, call: Call) -> bool:
        """Whether the person was asked just now; each question is answered once."""
        if not call.confirmed:
            return False
        at = self._asked.pop(_asked(call), None)
        return at is not None and self._clock() - at < PATIENCE


def _readable(call: Call) -> Call:
    """The call with a name and texts that can be kept."""
    given = call.arguments.items()
    texts = {name: plain.text(value) if isinstance(value, str) else value for name, value in given}
    return replace(call, author=plain.author(call.author), arguments=texts)


def _asked(call: Call) -> Asked:
    return call.command, call.place.id, call.author.id


def _checked(command: Command, call: Call) -> dict[str, Given]:
    """The arguments with their types; an emptied or inherited setting is an empty text."""
    settable = {argument.name for argument in command.arguments} & SETTINGS.keys()
    inherited = {
        name: ""
        for name, value in call.arguments.items()
        if name in settable
        if isinstance(value, str) and value.strip().casefold() in {"", INHERIT}
    }
    given = {name: value for name, value in call.arguments.items() if name not in inherited}
    empty = command.level is Level.ADMIN
    return checked(command, given, call.locale, forms=empty) | inherited
