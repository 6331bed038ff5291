"""The people of this Discord: what a test lets them say and do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tests.loopback.discord import payloads
from tests.loopback.discord.drafts import Draft
from tests.loopback.discord.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL,
    Interaction,
    InteractionFailedError,
    filled,
)
from tests.loopback.discord.options import focused, options_of, resolved
from tests.loopback.discord.permissions import in_channel

if TYPE_CHECKING:
    from tests.loopback.discord.model import Attachment, Channel, Json, Message, User
    from tests.loopback.discord.world import World

BOT = re.compile(r"@bot\b")
SLASH, MENU = 1, 3
BUTTON, SELECT = 2, 3


class Person:
    """Somebody who uses Discord with a client like everybody's."""

    def __init__(self, world: World, user: User) -> None:
        self.user = user
        self.locale = "en-GB"
        self._world = world

    @property
    def mention(self) -> str:
        """The markup that mentions this person."""
        return self.user.mention

    @property
    def dms(self) -> Channel:
        """Their conversation with the bot."""
        return self._world.direct(self.user)

    async def says(self, channel: Channel, text: str, files: Sequence[Attachment] = ()) -> Message:
        """Write a message, perhaps with files; `@bot` in it mentions the bot."""
        draft = Draft(self._written(text), attachments=[*files])
        return self._world.post(channel, self.user, draft)

    async def mentions(
        self, channel: Channel, text: str, files: Sequence[Attachment] = ()
    ) -> Message:
        """Write a message that begins with a mention of the bot."""
        return await self.says(channel, f"@bot {text}", files)

    def file(
        self, channel: Channel, name: str, content: bytes, kind: str | None = None
    ) -> Attachment:
        """A file to send with a message or a command."""
        return self._world.attach(channel, name, content, kind)

    async def replies_to(self, message: Message, text: str, *, ping: bool = True) -> Message:
        """Answer a message with Discord's reply function."""
        draft = Draft(self._written(text), reference=message, reference_id=message.id)
        if not ping:
            draft.allowed = draft.allowed.without_reply_ping()
        return self._world.post(message.channel, self.user, draft)

    async def dm(self, text: str) -> Message:
        """Write to the bot in private."""
        return await self.says(self.dms, text)

    async def types(self, channel: Channel) -> None:
        """Begin to write."""
        self._world.types(channel, self.user)

    async def edits(self, message: Message, text: str) -> None:
        """Change one of their messages."""
        self._world.rewrite(message, self._written(text))

    async def removes_file(self, message: Message) -> None:
        """Take the first file out of one of their messages, which is an edit."""
        message.attachments = message.attachments[1:]
        self._world.rewrite(message, message.content)

    async def deletes(self, *messages: Message) -> None:
        """Delete messages of one channel, all in one go."""
        self._world.remove(*messages)

    async def starts_thread(self, channel: Channel, name: str) -> Channel:
        """Open a public thread."""
        return channel.thread(name, owner=self.user)

    async def runs_command(
        self,
        command: str,
        channel: Channel,
        options: dict[str, Any] | None = None,
        *,
        even_if_hidden: bool = False,
    ) -> Interaction:
        """Use a slash command ("persona set") and wait for the bot's first answer.

        A command hidden from this person fails, unless an administrator has shown it to everybody.
        """
        data = self._used(command, channel, options or {}, even_if_hidden=even_if_hidden)
        return await self._begin(COMMAND, channel, data, name=command)

    async def types_option(
        self, command: str, channel: Channel, options: dict[str, Any], name: str
    ) -> list[Json]:
        """Type into one option of a slash command; the choices that the bot offers."""
        data = self._used(command, channel, options, even_if_hidden=False)
        focused(data["options"], name)
        typed = await self._begin(AUTOCOMPLETE, channel, data, name=command)
        return typed.choices or []

    async def uses_menu(self, message: Message, name: str) -> Interaction:
        """Use a command in the menu of a message."""
        definition = self._command(name, message.channel, kind=MENU)
        data: Json = {
            "id": definition["id"],
            "name": name,
            "type": MENU,
            "target_id": str(message.id),
            "resolved": {
                "messages": {str(message.id): payloads.message(message, reader=self.user)}
            },
        }
        return await self._begin(COMMAND, message.channel, data, name=name)

    async def selects(self, message: Message, name: str, value: str) -> Interaction:
        """Choose one option of a select, by its label or value; the select by id or placeholder."""
        for select in _components(message.components, SELECT):
            if name in (select.get("placeholder"), select["custom_id"]):
                for option in select["options"]:
                    if value in (option["label"], option["value"]):
                        chosen = {"component_type": SELECT, "values": [option["value"]]}
                        data = {"custom_id": select["custom_id"]} | chosen
                        return await self._begin(COMPONENT, message.channel, data, source=message)
        raise InteractionFailedError(f"no {value!r} in a select {name!r}: {message.components}")

    async def submits_modal(self, shown: Interaction, values: dict[str, str]) -> Interaction:
        """Fill in a modal that the bot has shown; by field id or label."""
        if shown.modal is None:
            raise InteractionFailedError(f"no modal was shown: {shown}")
        data = filled(shown.modal, values)
        return await self._begin(MODAL, shown.channel, data, name=shown.name, source=shown.source)

    async def presses(self, message: Message, label: str) -> Interaction:
        """Press a button, by its label or custom id."""
        for button in _components(message.components, BUTTON):
            if label in (button.get("label"), button.get("custom_id")):
                if button.get("disabled"):
                    raise InteractionFailedError(f"the button {label!r} is disabled")
                data = {"custom_id": button["custom_id"], "component_type": 2}
                return await self._begin(COMPONENT, message.channel, data, source=message)
        raise InteractionFailedError(f"no button {label!r} in {message.components}")

    async def _begin(
        self,
        kind: int,
        channel: Channel,
        data: Json,
        *,
        name: str = "",
        source: Message | None = None,
    ) -> Interaction:
        new = Interaction(self._world, kind, self.user, channel, data, name=name, source=source)
        new.locale = self.locale
        new.begin()
        return await new.wait_acknowledged()

    def _written(self, text: str) -> str:
        return BOT.sub(self._world.bot.mention, text)

    def _used(
        self, command: str, channel: Channel, options: dict[str, Any], *, even_if_hidden: bool
    ) -> Json:
        words = command.removeprefix("/").split()
        definition = self._command(words[0], channel)
        if not even_if_hidden:
            self._check_visible(definition, channel)
        given = options_of(definition, words[1:], options, self._world)
        data: Json = {
            "id": definition["id"],
            "name": definition["name"],
            "type": definition["type"],
            "options": given,
        }
        if "guild_id" in definition:
            data["guild_id"] = definition["guild_id"]
        if about := resolved(given, self._world):
            data["resolved"] = about
        return data

    def _command(self, name: str, channel: Channel, *, kind: int = SLASH) -> Json:
        scopes = [channel.guild.id] if channel.guild else []
        for scope in [*scopes, 0]:
            for definition in self._world.commands.get(scope, []):
                if definition["name"] == name and definition["type"] == kind:
                    return definition
        raise InteractionFailedError(f"no command /{name} is registered")

    def _check_visible(self, definition: Json, channel: Channel) -> None:
        contexts = definition.get("contexts")
        direct = channel.guild is None
        private = definition.get("dm_permission") is not False
        if direct and not (1 in contexts if contexts is not None else private):
            raise InteractionFailedError(f"/{definition['name']} is not offered in DMs")
        needed = int(definition.get("default_member_permissions") or 0)
        if not direct and needed & ~in_channel(channel, self.user):
            raise InteractionFailedError(f"/{definition['name']} is hidden from {self.user.name}")


def _components(components: list[Json], kind: int) -> list[Json]:
    found = []
    for item in components:
        inner = _components(item.get("components", []), kind)
        found += [item] if item.get("type") == kind else inner
    return found
