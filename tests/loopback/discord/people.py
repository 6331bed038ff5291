"""The people of this Discord: what a test lets them say and do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.loopback.discord.drafts import Draft
from tests.loopback.discord.interactions import (
    COMMAND,
    COMPONENT,
    MODAL,
    Interaction,
    InteractionFailedError,
    filled,
)
from tests.loopback.discord.permissions import in_channel

if TYPE_CHECKING:
    from tests.loopback.discord.model import Channel, Json, Message, User
    from tests.loopback.discord.world import World

BOT = re.compile(r"@bot\b")
SUBCOMMAND, GROUP = 1, 2
OPTION_TYPES: dict[int, type | tuple[type, ...]] = {
    3: str,
    4: int,
    5: bool,
    10: (int, float),
}


class Person:
    """Somebody who uses Discord with a client like everybody's."""

    def __init__(self, world: World, user: User) -> None:
        self.user = user
        self._world = world

    @property
    def mention(self) -> str:
        """The markup that mentions this person."""
        return self.user.mention

    @property
    def dms(self) -> Channel:
        """Their conversation with the bot."""
        return self._world.direct(self.user)

    async def says(self, channel: Channel, text: str) -> Message:
        """Write a message; `@bot` in it mentions the bot."""
        return self._world.post(channel, self.user, Draft(self._written(text)))

    async def mentions(self, channel: Channel, text: str) -> Message:
        """Write a message that begins with a mention of the bot."""
        return await self.says(channel, f"@bot {text}")

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
        words = command.removeprefix("/").split()
        definition = self._command(words[0], channel)
        if not even_if_hidden:
            self._check_visible(definition, channel)
        data: Json = {
            "id": definition["id"],
            "name": definition["name"],
            "type": definition["type"],
            "options": _options(definition, words[1:], options or {}),
        }
        if "guild_id" in definition:
            data["guild_id"] = definition["guild_id"]
        return await self._begin(COMMAND, channel, data, name=command)

    async def submits_modal(self, shown: Interaction, values: dict[str, str]) -> Interaction:
        """Fill in a modal that the bot has shown; by field id or label."""
        if shown.modal is None:
            raise InteractionFailedError(f"no modal was shown: {shown}")
        data = filled(shown.modal, values)
        return await self._begin(MODAL, shown.channel, data, name=shown.name, source=shown.source)

    async def presses(self, message: Message, label: str) -> Interaction:
        """Press a button, by its label or custom id."""
        for button in _buttons(message.components):
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
        new.begin()
        return await new.wait_acknowledged()

    def _written(self, text: str) -> str:
        return BOT.sub(self._world.bot.mention, text)

    def _command(self, name: str, channel: Channel) -> Json:
        scopes = [channel.guild.id] if channel.guild else []
        for scope in [*scopes, 0]:
            for definition in self._world.commands.get(scope, []):
                if definition["name"] == name and definition["type"] == 1:
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


def _options(definition: Json, words: list[str], values: dict[str, Any]) -> list[Json]:
    offered = definition.get("options") or []
    if words:
        for option in offered:
            if option["name"] == words[0] and option["type"] in (SUBCOMMAND, GROUP):
                inner = _options(option, words[1:], values)
                return [{"name": words[0], "type": option["type"], "options": inner}]
        raise InteractionFailedError(f"no subcommand {words[0]!r} in {definition['name']}")
    _check(definition["name"], offered, values)
    kinds = {option["name"]: option["type"] for option in offered}
    return [{"name": n, "type": kinds[n], "value": value} for n, value in values.items()]


def _check(command: str, offered: list[Json], values: dict[str, Any]) -> None:
    """Discord's client lets nobody send what the definition does not allow."""
    names = {option["name"] for option in offered}
    if unknown := set(values) - names:
        raise InteractionFailedError(f"{command} has no option {unknown}")
    for option in offered:
        if option["type"] in (SUBCOMMAND, GROUP):
            raise InteractionFailedError(f"{command} needs a subcommand")
        if option["name"] not in values:
            if option.get("required"):
                raise InteractionFailedError(f"{command} needs {option['name']}")
            continue
        value = values[option["name"]]
        if not isinstance(value, OPTION_TYPES.get(option["type"], object)):
            raise InteractionFailedError(f"{command}: {option['name']} cannot be {value!r}")
        longest = option.get("max_length", 6000)
        if isinstance(value, str) and len(value) > longest:
            raise InteractionFailedError(f"{command}: {option['name']} is too long")


def _buttons(components: list[Json]) -> list[Json]:
    found = []
    for item in components:
        found += [item] if item.get("type") == 2 else _buttons(item.get("components", []))
    return found
