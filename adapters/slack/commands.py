"""The slash command: `/quipu persona show|set|clear`, `/quipu stop` and `/quipu help`.

Slack tells us nothing of what a person may do, so we ask who they are: admins and owners of the
workspace, and those whom the configuration lists, manage personas. In a direct message everybody
does. All answers are for the person alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import VIEW
from adapters.slack.listener import Surroundings
from adapters.slack.manifest import COMMAND
from adapters.slack.markup import escaped, unescaped
from adapters.slack.modal import CALLBACK, done, persona_modal, refused, submitted
from adapters.slack.places import channel_place
from adapters.slack.workspaces import Workspace
from bot.errors import Busy, Forbidden, PlatformError, QuipuError, Refused
from bot.values import Author, Persona, Place, Standing

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncAck, AsyncApp
    from slack_bolt.context.async_context import AsyncBoltContext

    from bot.ports import Inbox, Personas

log = structlog.get_logger(__name__)

PATIENCE = 2.5
"""Seconds; Slack waits three for the answer, and its modals open within three."""
LONGEST_SHOWN = 10_000
HELP = (
    f"*{COMMAND} persona show* – the persona that I have in this channel\n"
    f"*{COMMAND} persona set* _text_ – give me a persona here; without text a window opens\n"
    f"*{COMMAND} persona clear* – take back the persona set here\n"
    f"*{COMMAND} stop* – stop the answer that I am writing for you here\n"
    f"*{COMMAND} help* – this list"
)
NO_PERSONA = "I have no persona here."
NOT_ALLOWED = "Only admins of this workspace can change the persona that I have here."
NO_WORDS = f"A persona needs some words. `{COMMAND} persona clear` takes it back."
STOPPED = "I stopped."
NOTHING_TO_STOP = "I am not writing anything for you here."


class Commands:
    """Answers the slash command and its window, by way of the core's Personas and Inbox."""

    def __init__(self, personas: Personas, inbox: Inbox, around: Surroundings, api: Api) -> None:
        self._personas = personas
        self._inbox = inbox
        self._around = around
        self._api = api

    def listen(self, app: AsyncApp) -> None:
        """Take this app's command and the submissions of its window."""
        app.command(COMMAND)(self.on_command)
        app.view(CALLBACK)(self.on_submission)
        app.action(re.compile(""))(_acknowledged)

    async def on_command(
        self, ack: AsyncAck, command: Mapping[str, Any], context: AsyncBoltContext
    ) -> None:
        """Do it, and say so."""
        try:
            async with asyncio.timeout(PATIENCE):
                words = await self._carried_out(command, await self._workspace(context))
        except (QuipuError, TimeoutError) as error:
            words = _excuse(error, str(command.get("user_id")))
        if words:
            await ack(text=words, response_type="ephemeral")
        else:
            await ack()

    async def on_submission(
        self, ack: AsyncAck, body: Mapping[str, Any], context: AsyncBoltContext
    ) -> None:
        """Save what was written in the window, if the person still may."""
        user = str(body["user"]["id"])
        try:
            async with asyncio.timeout(PATIENCE):
                workspace = await self._workspace(context)
                channel, text = submitted(body["view"])
                author = await self._manager(workspace, user, channel)
                persona = await self._saved(channel_place(workspace.key, channel), text, author)
        except (QuipuError, TimeoutError) as error:
            await ack(**refused(_excuse(error, user)))
        else:
            await ack(response_action="update", view=done(described(persona)))

    async def _carried_out(self, command: Mapping[str, Any], workspace: Workspace) -> str:
        user, channel = str(command["user_id"]), str(command["channel_id"])
        verb, _, rest = str(command.get("text") or "").strip().partition(" ")
        action, _, text = rest.strip().partition(" ")
        place = channel_place(workspace.key, channel)
        match verb.lower(), action.lower():
            case "persona", "show" | "":
                return shown(await self._personas.show(place))
            case "persona", "set":
                author = await self._manager(workspace, user, channel)
                if not text.strip():
                    await self._open_modal(workspace, str(command["trigger_id"]), place)
                    return ""
                return "Done. " + shown(await self._saved(place, unescaped(text), author))
            case "persona", "clear":
                author = await self._manager(workspace, user, channel)
                left = await self._personas.clear(place, author)
                return "The persona set here is gone. " + shown(left)
            case "stop", "":
                author = await self._around.people.author(workspace, user, channel)
                return STOPPED if await self._stopped(place, author) else NOTHING_TO_STOP
        return HELP

    async def _stopped(self, place: Place, author: Author) -> bool:
        """Stop the newest answer of this channel that the person may stop.

        Slack does not say from which thread a command came.
        """
        forbidden: Forbidden | None = None
        asked = self._around.asked.places(place.workspace, place.channel)
        for candidate in dict.fromkeys([*asked, place]):
            try:
                if await self._inbox.stop(candidate, author):
                    return True
            except Forbidden as error:
                forbidden = error
        if forbidden:
            raise forbidden
        return False

    async def _saved(self, place: Place, text: str, author: Author) -> Persona:
        if not text.strip():
            raise Refused(notice=NO_WORDS)
        return await self._personas.set(place, text.strip(), author)

    async def _open_modal(self, workspace: Workspace, trigger: str, place: Place) -> None:
        present = await self._personas.show(place)
        arguments = {"trigger_id": trigger, "view": persona_modal(place.channel, present.text)}
        try:
            await self._api.call(workspace, VIEW, arguments, patient=False)
        except PlatformError as error:
            raise Busy(f"the window did not open: {error}") from error

    async def _manager(self, workspace: Workspace, user: str, channel: str) -> Author:
        """The person, as an admin. Forbidden unless Slack or the configuration says so."""
        author = await self._around.people.author(workspace, user, channel, anew=True)
        if author.standing is not Standing.ADMIN:
            raise Forbidden(f"{user} does not manage {channel}", notice=NOT_ALLOWED)
        return author

    async def _workspace(self, context: AsyncBoltContext) -> Workspace:
        found = await self._around.workspaces.find(context.enterprise_id, context.team_id)
        if found is None:
            raise Refused(f"workspace {context.team_id} is not known")
        return found


def shown(persona: Persona) -> str:
    """The persona with its text, as a quote."""
    words = described(persona)
    if not persona.text:
        return words
    return f"{words}\n>>> {escaped(persona.text[:LONGEST_SHOWN])}"


def described(persona: Persona) -> str:
    """Which persona this is, and whose."""
    if not persona.version:
        return "I have the persona of my configuration here:" if persona.text else NO_PERSONA
    words = f"I have persona version {persona.version} here"
    if persona.set_by:
        words += f", set by <@{persona.set_by}>" if persona.set_by.isalnum() else ""
    if persona.set_at is not None:
        at = persona.set_at
        words += f" <!date^{int(at.timestamp())}^{{date_short_pretty}} {{time}}|{at:%Y-%m-%d}>"
    return words + ":"


async def _acknowledged(ack: AsyncAck) -> None:
    """A button that we do not know, or that is only a link."""
    await ack()


def _excuse(error: Exception, user: str) -> str:
    if isinstance(error, TimeoutError):
        log.warning("slack.command_timed_out", person=user)
        return Busy.notice
    known = error if isinstance(error, QuipuError) else QuipuError()
    if isinstance(known, Refused):
        log.info("slack.command_refused", reason=str(known), person=user)
    else:
        log.error("slack.command_failed", person=user, exc_info=known)
    return known.notice
