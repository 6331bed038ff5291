"""Everything that people do with commands, buttons, menus and windows, on its way to the Control.

Slack waits three seconds for an acknowledgement and opens windows within three. What takes longer
is answered later, for the person alone.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from adapters.slack.answers import Answers
from adapters.slack.blocks import PRESSED, Json, messages
from adapters.slack.calls import Caller
from adapters.slack.listener import InBackground
from adapters.slack.manifest import COMMAND, MENU, SETTINGS
from adapters.slack.occasions import Occasion, Payload
from adapters.slack.recent import Recent
from adapters.slack.submissions import Submissions
from adapters.slack.surroundings import Surroundings
from adapters.slack.windows import CALLBACKS, Memo, note_window, where_window
from adapters.slack.workspaces import Workspace
from bot.control.ports import Control
from bot.control.response import Call, Response
from bot.control.words import say, told
from bot.errors import Forbidden, QuipuError, Refused

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncAck, AsyncApp
    from slack_bolt.context.async_context import AsyncBoltContext

log = structlog.get_logger(__name__)

PATIENCE = 2.0
"""Seconds in which an answer can be the acknowledgement itself."""
REMEMBERED = 900.0
"""Seconds in which an interaction that comes again is known; Slack sends none so late."""
MOST_REMEMBERED = 10_000


class Commands:
    """Answers the slash command, buttons, shortcuts and windows, by way of the core's Control."""

    def __init__(
        self, control: Control, around: Surroundings, answers: Answers, in_background: InBackground
    ) -> None:
        self._control = control
        self._around = around
        self._answers = answers
        self._caller = Caller(around, control)
        self._submissions = Submissions(control, self._caller, answers)
        self._in_background = in_background
        self._done: Recent[str, bool] = Recent(MOST_REMEMBERED, REMEMBERED)

    def listen(self, app: AsyncApp) -> None:
        """Take this app's commands, buttons, shortcuts and windows."""
        app.command(COMMAND)(self.on_command)
        app.action(PRESSED)(self.on_press)
        app.action(re.compile(""))(_acknowledged)
        app.shortcut(re.compile(f"^{MENU}"))(self.on_shortcut)
        app.view(CALLBACKS)(self.on_submission)

    async def on_command(self, ack: AsyncAck, command: Payload, context: AsyncBoltContext) -> None:
        """Do it, and say so: at once if that can be, else as soon as it is done."""
        if self._again(command):
            await ack()
            return
        try:
            occasion = Occasion.of_command(await self._workspace(context), command)
        except QuipuError as error:
            await ack(text=_excuse(error), response_type="ephemeral")
            return
        work = asyncio.create_task(
            self._bodies(self._typed(occasion, str(command.get("text") or "")), occasion)
        )
        await asyncio.wait({work}, timeout=PATIENCE)
        bodies = work.result() if work.done() else []
        if bodies:
            await ack(**bodies[0], response_type="ephemeral")
        else:
            await ack()
        if not work.done():
            self._in_background(self._later(occasion, work))
        elif bodies[1:]:
            self._in_background(self._answers.post(occasion, bodies[1:]))

    async def on_press(
        self, ack: AsyncAck, body: Payload, action: Payload, context: AsyncBoltContext
    ) -> None:
        """A button was pressed, below an answer or below words of ours for one person."""
        await ack()
        if self._again(body):
            return
        occasion = Occasion.of_action(await self._workspace(context), body)
        self._in_background(self._press(occasion, body, action))

    async def on_shortcut(
        self, ack: AsyncAck, shortcut: Payload, context: AsyncBoltContext
    ) -> None:
        """A command was chosen from a message's menu, or the settings from everywhere."""
        await ack()
        if self._again(shortcut):
            return
        occasion = Occasion.of_action(await self._workspace(context), shortcut)
        command = tuple(str(shortcut["callback_id"]).removeprefix(MENU).split("."))
        if message := shortcut.get("message"):
            answer = self._chosen(occasion, command, message)
            self._in_background(self._later(occasion, self._bodies(answer, occasion)))
        elif command == SETTINGS:
            self._in_background(self._ask_where(occasion))

    async def on_submission(self, ack: AsyncAck, body: Payload, context: AsyncBoltContext) -> None:
        """A window was sent."""
        if self._again(body):
            await ack()
            return
        occasion = Occasion.of_action(await self._workspace(context), body)
        work = asyncio.create_task(self._submitted(occasion, body["view"]))
        await asyncio.wait({work}, timeout=PATIENCE)
        if work.done():
            await ack(**work.result())
            return
        locale = await self._caller.locale(occasion)
        waiting = note_window(say("slack.at_it", locale), Memo.of(body["view"]), locale)
        await ack(response_action="update", view=waiting)
        self._in_background(self._changed_later(occasion, work, locale))

    def _again(self, payload: Payload) -> bool:
        """Whether this very interaction was taken before; Slack gives each a trigger of its own."""
        trigger = str(payload.get("trigger_id") or "")
        if again := bool(trigger) and trigger in self._done:
            log.warning("slack.interaction_repeated", kind=payload.get("type", "command"))
        self._done.put(trigger, True)
        return again

    async def _typed(self, occasion: Occasion, text: str) -> tuple[Response, Call]:
        refused: Refused | None = None
        for call in await self._caller.typed(occasion, text):
            try:
                return await self._control.carry_out(call), call
            except Refused as error:
                # Of several conversations, the one that the person may not touch is the news.
                if refused is None or isinstance(error, Forbidden):
                    refused = error
        assert refused is not None
        raise refused

    async def _chosen(
        self, occasion: Occasion, command: tuple[str, ...], message: Payload
    ) -> tuple[Response, Call]:
        call = await self._caller.of_message(occasion, command, message)
        return await self._control.carry_out(call), call

    async def _pressed(
        self, occasion: Occasion, body: Payload, action: Payload
    ) -> tuple[Response, Call]:
        call = await self._caller.pressed(occasion, body, action)
        return await self._control.carry_out(call), call

    async def _press(self, occasion: Occasion, body: Payload, action: Payload) -> None:
        bodies = await self._bodies(self._pressed(occasion, body, action), occasion)
        if not occasion.view or not bodies:
            await self._answers.post(occasion, bodies)
            return
        memo, text = Memo.of(body["view"]), str(bodies[0]["text"])
        locale = await self._caller.locale(occasion)
        await self._change(occasion, note_window(text, memo, locale))

    async def _submitted(self, occasion: Occasion, view: Payload) -> Json:
        try:
            return await self._submissions.acknowledgement(occasion, view)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person is waiting
            locale = await self._language(occasion)
            note = note_window(_excuse(error, locale), Memo.of(view), locale)
            return {"response_action": "update", "view": note}

    async def _language(self, occasion: Occasion) -> str:
        """The person's, if Slack says it: somebody waits for words in any."""
        try:
            return await self._caller.locale(occasion)
        except QuipuError as error:
            log.debug("slack.language_unknown", reason=str(error))
            return ""

    async def _bodies(
        self, work: Awaitable[tuple[Response, Call]], occasion: Occasion
    ) -> list[Json]:
        """What is to be said; of a failure, why."""
        try:
            response, call = await work
            return await self._answers.told(response, call, occasion)
        except Exception as error:  # noqa: BLE001 - whatever it is, the person is waiting
            return messages(_excuse(error, await self._language(occasion)))

    async def _later(self, occasion: Occasion, work: Awaitable[list[Json]]) -> None:
        await self._answers.post(occasion, await work)

    async def _changed_later(self, occasion: Occasion, work: Awaitable[Json], locale: str) -> None:
        said = await work
        if (window := said.get("view")) is None:  # nothing can be put right in it any more
            words = " ".join(said.get("errors", {}).values())
            window = note_window(words, Memo(occasion.channel), locale)
        await self._change(occasion, window)

    async def _change(self, occasion: Occasion, window: Json) -> None:
        try:
            await self._answers.change(occasion, window)
        except QuipuError as error:
            log.warning("slack.window_not_changed", person=occasion.user, reason=str(error))

    async def _ask_where(self, occasion: Occasion) -> None:
        locale = await self._caller.locale(occasion)
        try:
            await self._answers.open(occasion, where_window(Memo("", command=SETTINGS), locale))
        except QuipuError as error:
            log.warning("slack.window_not_opened", person=occasion.user, reason=str(error))

    async def _workspace(self, context: AsyncBoltContext) -> Workspace:
        found = await self._around.workspaces.find(context.enterprise_id, context.team_id)
        if found is None:
            raise Refused(f"workspace {context.team_id} is not known")
        return found


async def _acknowledged(ack: AsyncAck) -> None:
    """A button that we do not know, or that is only a link."""
    await ack()


def _excuse(error: Exception, locale: str = "") -> str:
    """What the person reads of a failure; the log has it all."""
    known = error if isinstance(error, QuipuError) else QuipuError()
    if isinstance(known, Refused):
        log.info("slack.command_refused", reason=str(known))
    else:
        log.error("slack.command_failed", exc_info=error)
    return told(known, locale)
