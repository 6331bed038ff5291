"""What was said in a channel and its threads since some time, and what of it was changed.

One call shows a channel's newest messages, and which of their threads have news; a thread with news
costs one more. Threads that the bot talked in of late are looked into even if they began before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import structlog

from adapters.slack.budget import HISTORY, REPLIES
from adapters.slack.failures import Refusal
from adapters.slack.inbound import (
    TOMBSTONE,
    has_lost_a_file,
    is_empty,
    said_by_other_bot,
    said_by_person,
    text_of,
)
from adapters.slack.places import Address, Event, is_private, thread_of
from bot.values import Place

if TYPE_CHECKING:
    from adapters.slack.api import Answer
    from adapters.slack.surroundings import Surroundings
    from adapters.slack.workspaces import Workspace

log = structlog.get_logger(__name__)

PAGE = 100
MOST_PAGES = 3
MOST_THREADS = 20
"""Threads of one channel that are looked into though their first message is further back."""
LOOK_AGAIN = 1.0


def time_of(event: Mapping[str, Any]) -> datetime:
    """When a message was said, by Slack's clock."""
    return datetime.fromtimestamp(float(event["ts"]), UTC)


class History:
    """Reads one channel. If not `patient`, only what the budget allows at this moment."""

    def __init__(
        self,
        around: Surroundings,
        workspace: Workspace,
        channel: str,
        since: datetime,
        *,
        patient: bool,
    ) -> None:
        self._around = around
        self._workspace = workspace
        self._channel = channel
        self._since = since
        self._patient = patient

    async def read(
        self, threads: Sequence[str], passed: Callable[[str], bool]
    ) -> AsyncIterator[tuple[str, list[Event]]]:
        """The newest messages of the channel, then thread by thread what is new, with the root.

        `threads` are known from before; those to be `passed` by are not read. A direct message is
        one conversation, whatever the thread, and so comes as a whole. Messages from before that
        time are among them as far as they came along.
        """
        said = await self._roots()
        known = {str(event["ts"]) for event in said}
        news = [str(e["ts"]) for e in said if self._is_new(e.get("latest_reply"))]
        before = [root for root in threads if root not in known][:MOST_THREADS]
        whole = is_private(self._channel)
        if not whole:
            yield "", said
        for root in [*news, *before]:
            if not passed(root):
                replies = [each for each in await self._replies(root) if each["ts"] not in known]
                if whole:
                    said += replies
                else:
                    yield root, replies
        if whole:
            yield "", said

    def missed(self, said: Iterable[Event]) -> list[Event]:
        """What people and other bots said since then."""
        return [
            event
            for event in said
            if self._is_new(event["ts"])
            and (
                said_by_person(event, self._workspace) or said_by_other_bot(event, self._workspace)
            )
        ]

    async def changes(
        self, said: Sequence[Event], kept: Iterable[tuple[Place, str]]
    ) -> list[tuple[Place, str, str | None]]:
        """Of the messages kept, those that say something else now, or (None) are gone.

        Only among those that are no replies, for of these all are shown.
        """
        shown = {str(event["ts"]): event for event in said if not thread_of(event)}
        if not shown:
            return []
        oldest, newest = min(shown, key=float), max(shown, key=float)
        found: list[tuple[Place, str, str | None]] = []
        for place, message_id in kept:
            address = Address.parse(message_id)
            if not _is_root(place, address) or not _within(oldest, address.ts, newest):
                continue
            event = shown.get(address.ts)
            if event is None or event.get("subtype") == TOMBSTONE:
                found.append((place, message_id, None))
            elif has_lost_a_file(event) or self._is_new((event.get("edited") or {}).get("ts")):
                found.append((place, message_id, await self._words(event)))
        return found

    async def _words(self, event: Event) -> str | None:
        if is_empty(event):
            return None
        around = self._around
        return (await text_of(event, self._workspace, around.people, around.files)).words

    async def _roots(self) -> list[Event]:
        found: list[Event] = []
        async for page in self._pages(HISTORY, {}):
            found += page
            if not page or not self._is_new(page[-1]["ts"]):
                break
        return found

    async def _replies(self, root: str) -> list[Event]:
        since = f"{self._since.timestamp():.6f}"
        events: list[Event] = []
        try:
            async for page in self._pages(REPLIES, {"ts": root, "oldest": since}):
                events += page
        except Refusal as error:
            log.info("slack.no_such_thread", channel=self._channel, thread=root, reason=str(error))
            return []
        self._around.threads.learn(self._workspace, self._channel, root, events)
        return [event for event in events if event["ts"] != root]

    async def _pages(self, method: str, arguments: dict[str, Any]) -> AsyncIterator[list[Event]]:
        more: dict[str, Any] = {}
        for _ in range(MOST_PAGES):
            answer = await self._call(method, {"limit": PAGE, **arguments, **more})
            yield self._events(answer)
            more["cursor"] = (answer.get("response_metadata") or {}).get("next_cursor")
            if not more["cursor"]:
                break

    async def _call(self, method: str, arguments: dict[str, Any]) -> Answer:
        api, key = self._around.api, self._workspace.key
        while self._patient and api.budget.crowded(key, method):  # noqa: ASYNC110 - no news of it
            await asyncio.sleep(LOOK_AGAIN)
        given = {"channel": self._channel, **arguments}
        return await api.call(self._workspace, method, given, patient=self._patient)

    def _events(self, answer: Answer) -> list[Event]:
        return [{**message, "channel": self._channel} for message in answer.get("messages") or ()]

    def _is_new(self, ts: object) -> bool:
        return bool(ts) and float(str(ts)) > self._since.timestamp()


def _is_root(place: Place, address: Address) -> bool:
    if is_private(address.channel):
        return not address.thread
    return place.thread in {"", address.ts}


def _within(oldest: str, ts: str, newest: str) -> bool:
    return float(oldest) <= float(ts) <= float(newest)
