"""What a command answers, shown to the person alone: messages, windows and files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError
from slack_sdk.webhook.async_client import AsyncWebhookClient

from adapters.slack.api import Api
from adapters.slack.blocks import LONGEST_MARKDOWN, Json, messages
from adapters.slack.budget import VIEW, VIEW_ANEW, WHISPER
from adapters.slack.elements import Options
from adapters.slack.files import MOST_BYTES, FileInfo, Files
from adapters.slack.occasions import Occasion
from adapters.slack.windows import Memo, form_window, note_window, page_window
from bot import plain
from bot.control.declarations import Kind
from bot.control.ports import Control
from bot.control.response import Button, Call, File, Form, Response
from bot.control.words import say
from bot.errors import PlatformError, Refused

log = structlog.get_logger(__name__)

MOST_MESSAGES = 4
"""Slack's address for answers can be used five times."""


class Answers:
    """Shows Responses in Slack's own ways."""

    def __init__(self, api: Api, files: Files, control: Control) -> None:
        self._api = api
        self._files = files
        self._control = control

    async def told(self, response: Response, call: Call, occasion: Occasion) -> list[Json]:
        """The messages that are left to be shown, once windows are open and files are sent."""
        window = await self.window(response, call)
        if window is None:
            text = await self._with_file(response, call, occasion)
            return messages(text, response.buttons, call.place.thread)[:MOST_MESSAGES]
        try:
            await self._open(occasion, window)
        except PlatformError as error:
            log.info("slack.window_not_opened", command=call.command, reason=str(error))
            return messages(say("slack.too_slow", call.locale), [_again(call)], call.place.thread)
        # Afterwards, for a window does not wait until a file is sent.
        return messages(await self._with_file(replace(response, text=""), call, occasion))

    async def sent(self, response: Response, call: Call, occasion: Occasion) -> Json:
        """The window that an answer to a sent window becomes."""
        text = await self._with_file(response, call, occasion)
        window = await self.window(response, call)
        return window or note_window(text, memo_of(call), call.locale, buttons=response.buttons)

    async def post(self, occasion: Occasion, bodies: Sequence[Json]) -> None:
        """Show messages to the person, wherever Slack lets us."""
        first = {"replace_original": True} if occasion.replaces else {}
        for at, body in enumerate(bodies):
            try:
                await self._post(occasion, body | (first if at == 0 else {}))
            except PlatformError as error:
                log.warning("slack.answer_not_shown", channel=occasion.channel, reason=str(error))
                return

    async def read(self, occasion: Occasion, file: FileInfo, locale: str) -> str:
        """What a file says that was chosen in a window. Refused with words for the person."""
        try:
            return await self._files.text(occasion.workspace, file)
        except (Refused, PlatformError) as error:
            words = say("slack.file_unread", locale, most=MOST_BYTES // 1000)
            raise Refused(str(error), notice=words) from error

    async def change(self, occasion: Occasion, window: Json) -> None:
        """Let the window that is open become another one."""
        arguments = {"view_id": occasion.view, "view": window}
        await self._api.call(occasion.workspace, VIEW_ANEW, arguments)

    async def open(self, occasion: Occasion, window: Json) -> None:
        """Open a window. PlatformError, for the most part because too much time has passed."""
        await self._open(occasion, window)

    async def window(self, response: Response, call: Call) -> Json | None:
        """The form or the page of a Response."""
        if response.page is not None:
            return page_window(response.page, memo_of(call), call.locale, response.text)
        if response.form is None:
            return None
        form = response.form
        memo = Memo(
            call.place.channel, call.place.thread, form.command, form.reply_id, form.arguments
        )
        options = await self._options(form, call)
        return form_window(form, memo, options, call.locale, response.text)

    async def _options(self, form: Form, call: Call) -> dict[str, Options]:
        asked = [each.argument for each in form.fields if each.argument.source]
        return {
            argument.name: await self._control.options(call, argument.name, "")
            for argument in asked
            if argument.kind is Kind.CHOICE
        }

    async def _open(self, occasion: Occasion, window: Json) -> None:
        if occasion.view:
            await self.change(occasion, window)
            return
        arguments = {"trigger_id": occasion.trigger, "view": window}
        await self._api.call(occasion.workspace, VIEW, arguments, patient=False)

    async def _post(self, occasion: Occasion, body: Json) -> None:
        thread = {"thread_ts": occasion.thread} if occasion.thread else {}
        if occasion.response_url:
            await _respond(occasion, {"response_type": "ephemeral", **body, **thread})
            return
        arguments: dict[str, Any] = {"channel": occasion.channel, "user": occasion.user}
        body = {name: value for name, value in body.items() if name in {"text", "blocks"}}
        await self._api.call(occasion.workspace, WHISPER, arguments | body | thread)

    async def _with_file(self, response: Response, call: Call, occasion: Occasion) -> str:
        """The text, and what became of the file."""
        if response.file is None:
            return response.text
        try:
            await self._files.send(occasion.workspace, occasion.user, response.file)
        except PlatformError as error:
            log.warning("slack.file_not_sent", person=occasion.user, reason=str(error))
            words = _instead(response.file, call.locale)
        else:
            words = say("slack.file_sent", call.locale, name=response.file.name)
        return f"{response.text}\n\n{words}".strip()


def memo_of(call: Call) -> Memo:
    """The Place of a call, for what follows from a window."""
    return Memo(call.place.channel, call.place.thread, call.command, call.reply_id)


def _instead(file: File, locale: str) -> str:
    """A file's text as a snippet, where the file itself cannot be sent."""
    try:
        text = plain.file_block(file.name, file.content.decode("utf-8"))
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > LONGEST_MARKDOWN // 2:
        return say("slack.file_too_long", locale, name=file.name)
    return f"{say('slack.file_not_sent', locale, name=file.name)}\n\n{text}"


def _again(call: Call) -> Button:
    arguments = tuple((name, str(value)) for name, value in call.arguments.items())
    return Button(
        call.command,
        say("slack.open", call.locale),
        reply_id=call.reply_id,
        arguments=arguments,
        window=True,
    )


async def _respond(occasion: Occasion, body: Json) -> None:
    session = occasion.workspace.client.session
    client = AsyncWebhookClient(occasion.response_url, session=session, retry_handlers=[])
    try:
        answer = await client.send_dict(body)
    except (aiohttp.ClientError, SlackClientError, OSError) as error:
        raise PlatformError(f"Slack could not be reached: {error!r}") from error
    if answer.status_code != 200:
        raise PlatformError(f"Slack answered {answer.status_code}: {answer.body[:200]}")
