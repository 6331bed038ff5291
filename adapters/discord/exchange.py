"""One interaction on its way to its answer, which Discord wants to begin within three seconds."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import discord
import structlog

from adapters.discord.calls import Interaction
from adapters.discord.components import Item, view_of
from adapters.discord.markup import pointing
from adapters.discord.uploads import fitting, too_large
from bot.control.response import File
from bot.control.words import say, told
from bot.errors import QuipuError, Refused

log = structlog.get_logger(__name__)

PATIENCE = 1.5
"""Seconds to wait for what is shown at once; a modal cannot be shown later."""
LARGE = 1_000_000
"""Bytes of files that may take longer to send than Discord waits for a first answer."""
CONTENT_CHARACTERS = 2000
EMBED_CHARACTERS = 4096
SILENT = discord.AllowedMentions.none()
Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
FAILURES = (discord.DiscordException, aiohttp.ClientError, OSError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person gets to see: a text, components below it, files; or a modal."""

    text: str = ""
    items: Sequence[Item] = ()
    files: Sequence[File] = ()
    modal: discord.ui.Modal | None = None
    late: Sequence[Item] = ()
    """Shown with the text if it is too late for the modal."""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to see."""
        return not (self.text or self.items or self.files)


class Exchange:
    """Answers one interaction, to the person alone: at once, or after having asked for patience.

    What was pressed on a message that only this person sees is answered in that message.
    """

    def __init__(self, interaction: Interaction) -> None:
        self._interaction = interaction
        message = interaction.message
        self._pressed = message is not None
        self._in_place = message is not None and message.flags.ephemeral
        # Discord lets no form open another one.
        self._may_open = interaction.type is not discord.InteractionType.modal_submit
        self._locale = str(interaction.locale)

    async def answer(self, work: Coroutine[Any, Any, Answer]) -> None:
        """Do the work and show what comes of it, or why nothing does."""
        task = asyncio.create_task(self._packed(work), name="discord interaction")
        try:
            answer = await self._done(task)
            with self._unanswered():
                await self._show(answer)
        except Exception as error:  # noqa: BLE001 - nobody is left without an answer
            await self.apologise(error)
        finally:
            task.cancel()

    async def _done(self, task: asyncio.Task[Answer]) -> Answer:
        """What was asked for is done to its end, even if Discord cannot be told."""
        await asyncio.wait({task}, timeout=PATIENCE)
        if not task.done():
            with self._unanswered():
                await self._defer()
        return await task

    async def _packed(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """The answer with files that Discord takes; packing them is a part of the work."""
        answer = await work
        if not answer.files:
            return answer
        files, notes = list[File](), [answer.text]
        for file in answer.files:
            fit = await asyncio.to_thread(fitting, file, self._interaction.filesize_limit)
            if fit != [file]:
                notes.append(too_large(file, len(fit), self._locale))
            files += fit
        return replace(answer, files=files, text="\n\n".join(filter(None, notes)))

    async def apologise(self, error: Exception) -> None:
        """Tell the person, in words meant for them."""
        if isinstance(error, Refused):
            log.info("discord.refused", reason=str(error), person=self._interaction.user.id)
        else:
            log.error("discord.interaction_failed", exc_info=error)
        known = error if isinstance(error, QuipuError) else QuipuError()
        with self._unanswered():
            await self._add({"content": told(known, self._locale)[:CONTENT_CHARACTERS]})

    @contextmanager
    def _unanswered(self) -> Iterator[None]:
        try:
            yield
        except FAILURES:
            log.exception("discord.interaction_not_answered", person=self._interaction.user.id)

    async def _defer(self) -> None:
        if self._pressed:
            await self._interaction.response.defer()
        else:
            await self._interaction.response.defer(ephemeral=True, thinking=True)

    async def _show(self, answer: Answer) -> None:
        response = self._interaction.response
        if answer.modal is not None and self._may_open and not response.is_done():
            await response.send_modal(answer.modal)
            return
        items = answer.items if answer.modal is None else answer.late
        if answer.empty and not items:
            if self._pressed:
                if not response.is_done():
                    await response.defer()
                return
            answer = Answer(say("discord.done", self._locale))
        if not response.is_done() and sum(len(file.content) for file in answer.files) > LARGE:
            await self._defer()
        await self._send(messages(replace(answer, items=items)), self._begin)

    async def _send(self, messages: Sequence[dict[str, Any]], first: Send) -> None:
        """All in turn; if one cannot be sent, what comes from there on does without files."""
        for number, message in enumerate(messages):
            try:
                await (self._add(message) if number else first(message))
            except FAILURES:
                rest = messages[number:]
                names = ", ".join(f"`{each['file'].filename}`" for each in rest if "file" in each)
                if not names:
                    raise
                log.exception("discord.file_not_sent", person=self._interaction.user.id)
                await self._send(_without_files(rest), self._add if number else first)
                sentence = say("discord.file_not_sent", self._locale, names=names)
                await self._add({"content": sentence})
                return

    async def _begin(self, message: dict[str, Any]) -> None:
        response = self._interaction.response
        if not response.is_done() and self._in_place:
            await response.edit_message(**_whole(message))
        elif response.is_done() and (self._in_place or not self._pressed):
            await self._interaction.edit_original_response(**_whole(message))
        else:
            await self._add(message)

    async def _add(self, message: dict[str, Any]) -> None:
        """Say something beside whatever is there; it takes the place of "is thinking"."""
        message = message | {"allowed_mentions": SILENT, "ephemeral": True}
        if self._interaction.response.is_done():
            await self._interaction.followup.send(**message)
        else:
            await self._interaction.response.send_message(**message)


def messages(answer: Answer) -> list[dict[str, Any]]:
    """The messages that a text needs, as discord.py takes them; the last of them has all the rest.

    Further files follow, each by itself: Discord bounds what comes in one request.
    """
    found: list[dict[str, Any]] = []
    answer = replace(answer, text=pointing(answer.text))
    if len(answer.text) <= CONTENT_CHARACTERS:
        found.append({"content": answer.text} if answer.text else {})
    else:
        # An embed holds what a message does not.
        cut = pieces(answer.text, EMBED_CHARACTERS)
        found += [{"embed": discord.Embed(description=piece)} for piece in cut]
    if (view := view_of(answer.items)) is not None:
        found[-1]["view"] = view
    files = [discord.File(io.BytesIO(file.content), file.name) for file in answer.files]
    if files:
        found[-1]["file"] = files[0]
    return [*found, *({"file": file} for file in files[1:])]


def _without_files(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    bare = [{key: each[key] for key in each if key != "file"} for each in messages]
    return [each for each in bare if each]


def pieces(text: str, most: int) -> list[str]:
    """A text in pieces, at line ends where there are any."""
    found = []
    while len(text) > most:
        cut = text.rfind("\n", 1, most)
        cut = cut if cut > most // 2 else most
        found.append(text[:cut])
        text = text[cut:].removeprefix("\n")
    return [*found, text] if text else found


def _whole(message: dict[str, Any]) -> dict[str, Any]:
    """A message that replaces another one, with nothing left of that."""
    embed, file = message.get("embed"), message.get("file")
    return {
        "content": message.get("content"),
        "embeds": [] if embed is None else [embed],
        "attachments": [] if file is None else [file],
        "view": message.get("view"),
        "allowed_mentions": SILENT,
    }
