"""Commands, presses, menus and windows as Calls: where, by whom, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from adapters.slack.blocks import thread_said
from adapters.slack.elements import LONGEST_INPUT
from adapters.slack.manifest import COMMAND
from adapters.slack.occasions import Occasion, Payload
from adapters.slack.places import (
    PLATFORM,
    channel_place,
    is_private,
    message_id,
    thread_of,
)
from adapters.slack.surroundings import Surroundings
from adapters.slack.typed import HELP, arguments_in, command_in
from adapters.slack.windows import Memo
from adapters.slack.workspaces import Workspace
from bot.control.commands import BY_PATH
from bot.control.declarations import Level, Target
from bot.control.ports import Control
from bot.control.response import Call, Given, pressed
from bot.control.words import say
from bot.errors import Refused
from bot.values import Place

PREFIX = f"{COMMAND} "
STOP = ("stop",)
CONVERSING = frozenset({STOP, ("undo",), ("reset",)})
"""Commands about a conversation; with those about replies they belong to threads."""


class Caller:
    """Makes Calls. Slack is asked anew who somebody is, whenever that can matter."""

    def __init__(self, around: Surroundings, control: Control) -> None:
        self._around = around
        self._control = control

    async def typed(self, occasion: Occasion, text: str) -> list[Call]:
        """A slash command; several Calls where it is not sure which conversation is meant.

        Slack knows no commands in threads, so one about a conversation is for the newest question.
        """
        command, rest = command_in(text.strip())
        base = await self._call(occasion, command.path, channel_place(*_where(occasion)))
        given: Mapping[str, Given] = {}
        if command.path == HELP:
            given = {"command": rest} if rest else {}
        elif rest:
            given = arguments_in(command, rest, base.locale)
        places = [base.place]
        if command.path in CONVERSING or command.target is Target.REPLY:
            places = await self._conversations(occasion, base)
        return [replace(base, place=place, arguments=given) for place in places]

    async def pressed(self, occasion: Occasion, body: Payload, action: Payload) -> Call:
        """A button, whichever run of the program showed it."""
        said = pressed(str(action.get("value") or ""))
        if said is None:
            locale = self._around.people.locale(occasion.workspace, occasion.user)
            raise Refused("not a button of ours", notice=say("slack.unknown_button", locale))
        view = body.get("view")
        memo = Memo.read(view) if view else None
        thread = thread_said(str(action.get("block_id") or ""))
        place = _place(
            occasion.workspace,
            memo.channel if memo else occasion.channel,
            occasion.thread if thread is None else thread,
        )
        call = await self._call(occasion, said.command, place)
        return replace(
            call, arguments=said.arguments, reply_id=said.reply_id, confirmed=said.confirmed
        )

    async def of_message(
        self, occasion: Occasion, command: tuple[str, ...], message: Payload
    ) -> Call:
        """A choice from the menu of a message: of an answer, or of what it answers."""
        workspace, channel = occasion.workspace, occasion.channel
        if message.get("user") == workspace.bot_user:
            place = _place(workspace, channel, thread_of(message))
            about = str(message["ts"])
        else:
            places = await self._around.places(workspace, channel, message)
            about = message_id(channel, message)
            place = await self._control.place_of_message(places, about) or places[0]
        return replace(await self._call(occasion, command, place), message_id=about)

    async def of_window(
        self,
        occasion: Occasion,
        memo: Memo,
        command: tuple[str, ...] = (),
        arguments: Mapping[str, Given] | None = None,
    ) -> Call:
        """A window that was sent; the command is the window's own unless one is given."""
        place = _place(occasion.workspace, memo.channel, memo.thread)
        call = await self._call(occasion, command or memo.command, place)
        given = {**dict(memo.arguments), **(arguments or {})}
        return replace(call, arguments=given, reply_id=memo.reply_id)

    async def locale(self, occasion: Occasion) -> str:
        """The person's language."""
        await self._around.people.person(occasion.workspace, occasion.user)
        return self._around.people.locale(occasion.workspace, occasion.user)

    async def _call(self, occasion: Occasion, path: tuple[str, ...], place: Place) -> Call:
        people, workspace = self._around.people, occasion.workspace
        command = BY_PATH.get(path)
        anew = command is None or command.level is not Level.EVERYONE
        author = await people.author(workspace, occasion.user, place.channel, anew=anew)
        return Call(
            path,
            place,
            author,
            locale=people.locale(workspace, occasion.user) or "en",
            prefix=PREFIX,
            field_characters=LONGEST_INPUT,
        )

    async def _conversations(self, occasion: Occasion, base: Call) -> list[Place]:
        """Where the command may belong; what was asked before the start only the store knows."""
        channel = base.place
        own, others = self._around.asked.places(*_where(occasion), occasion.user)
        if not own and (kept := await self._control.newest_place(channel, occasion.user)):
            own = [kept]
        if base.command == STOP:
            return list(dict.fromkeys([*own, *others, channel]))
        if own:
            return own[:1]
        if base.command in CONVERSING and await self._around.opens_threads(
            occasion.workspace, occasion.channel
        ):
            entry = say(f"slack.menu.{'.'.join(base.command)}")  # Slack shows it in no other words
            raise Refused(
                f"{occasion.user} asked nothing at {channel.id}",
                notice=say("slack.in_threads", base.locale, entry=entry),
            )
        return [channel]


def _where(occasion: Occasion) -> tuple[str, str]:
    return occasion.workspace.key, occasion.channel


def _place(workspace: Workspace, channel: str, thread: str) -> Place:
    private = is_private(channel)
    return Place(PLATFORM, workspace.key, channel, "" if private else thread, private)
