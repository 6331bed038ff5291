"""What people do with commands, menus, buttons and forms, handed to the Control and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import discord
import structlog

from adapters.discord.attachments import MOST_BYTES, Attached, TooLargeError
from adapters.discord.calls import Interaction, is_slash, used
from adapters.discord.components import buttons_of, plain_button
from adapters.discord.declared import HOLD_CONVERSATIONS, MOST_CHOICES, menus
from adapters.discord.exchange import Answer, Exchange
from adapters.discord.forms import fields_of, id_of, modal_of, without_offset, written
from adapters.discord.once import Once
from adapters.discord.pages import CHOOSE, GROUP, Mark, controls_of, form_of, text_of
from adapters.discord.places import PLATFORM
from adapters.discord.threads import places_of
from bot.control.declarations import Command, Kind
from bot.control.response import Call, Form, Pressed, Response, pressed
from bot.control.words import say
from bot.errors import PlatformError, QuipuError, Refused

if TYPE_CHECKING:
    from adapters.discord.attachments import Attachments
    from adapters.discord.calls import Caller
    from bot.control.ports import Control, Locales

log = structlog.get_logger(__name__)

SUGGESTING_PATIENCE = 2.0
LONGEST_CHOICE = 100


@dataclass(frozen=True, slots=True)
class Showing:
    """How a response is to be shown: which group of a page, which fields of a form."""

    page: tuple[str, ...]
    group: int = 0
    offset: int = 0
    before: str = ""
    more: str = ""
    """The id that opens the next fields of the form that was just sent in."""


class Interactions:
    """Everything that people do with the bot other than writing messages."""

    def __init__(
        self,
        control: Control,
        caller: Caller,
        files: Attachments,
        commands: Sequence[Command],
        now: Callable[[], datetime],
        locales: Locales | None = None,
    ) -> None:
        self._control = control
        self._caller = caller
        self._files = files
        self._commands = {command.path: command for command in commands}
        self._menus = menus(commands)
        self._locales = locales
        self._once = Once(now)

    async def handle(self, interaction: Interaction) -> None:
        """Answer an interaction of any kind."""
        if interaction.type is discord.InteractionType.autocomplete:
            await self._suggest(interaction)
            return
        works = {
            discord.InteractionType.application_command: self._use,
            discord.InteractionType.component: self._press,
            discord.InteractionType.modal_submit: self._submit,
        }
        work = works.get(interaction.type)
        if work is not None and self._once.counts(interaction):
            await Exchange(interaction).answer(self._heard(interaction, work))

    async def _heard(
        self, interaction: Interaction, work: Callable[[Interaction], Awaitable[Answer]]
    ) -> Answer:
        """Messages do not tell a language: it is learned here, before the person may delete it."""
        if self._locales is not None:
            person, locale = str(interaction.user.id), str(interaction.locale)
            await self._locales.learn(PLATFORM, person, locale)
        return await work(interaction)

    async def _use(self, interaction: Interaction) -> Answer:
        data: Mapping[str, Any] = interaction.data or {}
        if not is_slash(data):
            command = self._menus.get(str(data["name"]))
            if command is None:
                raise _gone(interaction, "discord.unknown_command")
            return await self._carried_out(await self._chosen(interaction, command, data))
        typed = used(data)
        if typed.path not in self._commands:
            raise _gone(interaction, "discord.unknown_command")
        # Who last loaded the commands before a category was ruled out may still choose one.
        if not set(typed.channels) <= set(HOLD_CONVERSATIONS):
            raise _gone(interaction, "discord.no_conversations")
        call = await self._caller.call(interaction, typed.path, arguments=dict(typed.arguments))
        texts = {name: await self._text(file, call) for name, file in typed.files.items()}
        return await self._carried_out(replace(call, arguments={**call.arguments, **texts}))

    async def _chosen(
        self, interaction: Interaction, command: Command, data: Mapping[str, Any]
    ) -> Call:
        """A choice from a message's menu, at the Place where the message was kept."""
        message_id = str(data.get("target_id"))
        call = await self._caller.call(interaction, command.path, message_id=message_id)
        places = places_of(call.place, message_id)
        kept = await self._control.place_of_message(places, message_id)
        return replace(call, place=kept or call.place)

    async def _press(self, interaction: Interaction) -> Answer:
        data: Mapping[str, Any] = interaction.data or {}
        custom_id = str(data["custom_id"])
        if mark := Mark.read(custom_id):
            return await self._turn_page(interaction, mark, (data.get("values") or [""])[0])
        offset, rest = without_offset(custom_id)
        call = await self._pressed(interaction, pressed(rest))
        return await self._carried_out(call, Showing(call.command, offset=offset))

    async def _submit(self, interaction: Interaction) -> Answer:
        data: Mapping[str, Any] = interaction.data or {}
        custom_id, values = str(data["custom_id"]), written(data["components"])
        if mark := Mark.read(custom_id):
            return await self._change(interaction, mark, values.get(mark.argument, ""))
        offset, rest = without_offset(custom_id)
        call = await self._pressed(interaction, pressed(rest))
        call = replace(call, arguments={**call.arguments, **values})
        return await self._carried_out(
            call, Showing(call.command, more=custom_id if offset else "")
        )

    async def _pressed(self, interaction: Interaction, found: Pressed | None) -> Call:
        if found is None:
            raise _gone(interaction, "discord.unknown_button")
        return await self._caller.call(
            interaction,
            found.command,
            arguments=found.arguments,
            reply_id=found.reply_id,
            confirmed=found.confirmed,
        )

    async def _turn_page(self, interaction: Interaction, mark: Mark, value: str) -> Answer:
        if mark.action == CHOOSE:
            return await self._change(interaction, mark, value)
        call = await self._caller.call(interaction, mark.page)
        if mark.action == GROUP:
            group = int(value) if value.isdecimal() else 0
            return await self._carried_out(call, Showing(mark.page, group=group))
        response = await self._control.carry_out(call)
        found = form_of(response.page, mark, call.locale) if response.page else None
        if found is None:
            raise _gone(interaction, "discord.unknown_button")
        form, options = found
        modal = modal_of(form, call.locale, custom_id=mark.id, options=options)
        return self._opened(call.locale, form, modal, mark.id)

    async def _change(self, interaction: Interaction, mark: Mark, value: str) -> Answer:
        """Change one setting, which an empty value takes back, and show the page as it is then."""
        call = await self._caller.call(interaction, mark.command, arguments=mark.given(value))
        done = await self._control.carry_out(call)
        page = await self._caller.call(interaction, mark.page)
        showing = Showing(mark.page, group=mark.group, before=done.text)
        return await self._carried_out(page, showing)

    async def _carried_out(self, call: Call, showing: Showing | None = None) -> Answer:
        response = await self._control.carry_out(call)
        return self._answer(call, response, showing or Showing(call.command))

    def _answer(self, call: Call, response: Response, showing: Showing) -> Answer:
        if (form := response.form) is not None and fields_of(form):
            offset = showing.offset if showing.offset < len(fields_of(form)) else 0
            modal = modal_of(form, call.locale, offset=offset)
            return self._opened(call.locale, form, modal, id_of(form, offset))
        text = "\n\n".join(part for part in (showing.before, response.text) if part)
        items = buttons_of(response.buttons)
        if showing.more:
            items.append(plain_button(say("discord.more", call.locale), showing.more))
        if (page := response.page) is not None:
            text = f"{text}\n\n{text_of(page, showing.group)}".strip()
            items = controls_of(page, showing.page, showing.group, call.locale)
        return Answer(text, items, () if response.file is None else (response.file,))

    def _opened(self, locale: str, form: Form, modal: discord.ui.Modal, again: str) -> Answer:
        button = plain_button(say("discord.open", locale), again)
        return Answer(form.title, modal=modal, late=[button])

    async def _text(self, file: Attached, call: Call) -> str:
        """What an argument's file says, or a refusal in the person's language."""
        values = {"name": file.name, "most": MOST_BYTES // 1000}
        try:
            return await self._files.text(file, MOST_BYTES)
        except TooLargeError as error:
            words = say("discord.file_too_large", call.locale, **values)
            raise Refused(str(error), notice=words) from error
        except Refused as error:
            raise Refused(
                str(error), notice=say("discord.not_text", call.locale, **values)
            ) from error
        except PlatformError as error:
            words = say("discord.file_unreachable", call.locale, **values)
            raise PlatformError(str(error), notice=words) from error

    async def _suggest(self, interaction: Interaction) -> None:
        """Offer values for what is being typed; none, if they are not found in time."""
        typed = used(interaction.data or {})
        choices: list[discord.app_commands.Choice[Any]] = []
        try:
            call = await self._caller.call(interaction, typed.path, arguments=dict(typed.arguments))
            async with asyncio.timeout(SUGGESTING_PATIENCE):
                found = await self._control.options(call, typed.focused, typed.typed)
            choices = self._choices(typed.path, typed.focused, found)
        except (QuipuError, TimeoutError) as error:
            log.info("discord.no_suggestions", command=typed.path, reason=repr(error))
        try:
            await interaction.response.autocomplete(choices)
        except discord.HTTPException as error:
            log.info("discord.suggestions_came_late", command=typed.path, reason=str(error))

    def _choices(
        self, path: tuple[str, ...], name: str, found: Sequence[tuple[str, str]]
    ) -> list[discord.app_commands.Choice[Any]]:
        command = self._commands.get(path)
        kinds = {one.name: one.kind for one in command.arguments} if command else {}
        number = kinds.get(name) is Kind.INTEGER
        return [
            discord.app_commands.Choice(
                name=(label or value)[:LONGEST_CHOICE], value=int(value) if number else value
            )
            for value, label in found[:MOST_CHOICES]
            if 0 < len(value) <= LONGEST_CHOICE
        ]


def _gone(interaction: Interaction, key: str) -> Refused:
    return Refused(key, notice=say(key, str(interaction.locale)))
