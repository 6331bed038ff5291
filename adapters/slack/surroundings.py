"""What the bot knows of the workspaces that it is in, and how people there want to be answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from adapters.slack.api import Api
from adapters.slack.asked import Asked
from adapters.slack.channels import Channels
from adapters.slack.files import Files
from adapters.slack.people import People
from adapters.slack.places import (
    PLATFORM,
    Event,
    Habits,
    channel_place,
    is_private,
    place_of,
    places_of,
    thread_of,
)
from adapters.slack.recent import TakenBack
from adapters.slack.threads import Threads
from adapters.slack.workspaces import Workspace, Workspaces
from bot.control.records import Behaviour
from bot.errors import QuipuError
from bot.values import Place

if TYPE_CHECKING:
    from bot.control.ports import Behaviours

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the bot knows of the workspaces."""

    api: Api
    workspaces: Workspaces
    people: People
    channels: Channels
    threads: Threads
    asked: Asked
    habits: Habits
    files: Files
    taken_back: TakenBack
    behaviours: Behaviours | None = None

    async def behaviour(self, workspace: Workspace, channel: str, thread: str) -> Behaviour:
        """How people want to be answered there; a direct message is always answered."""
        place = channel_place(workspace.key, channel)
        if self.behaviours is None or place.private:
            return Behaviour()
        if thread:
            place = Place(PLATFORM, workspace.key, channel, thread)
        try:
            return await self.behaviours.behaviour(place)
        except QuipuError as error:
            # Who turned to the bot shall hear of it, when the message is claimed.
            log.debug("slack.behaviour_unknown", place=place.id, reason=str(error))
            return Behaviour()

    async def opens_threads(self, workspace: Workspace, channel: str) -> bool:
        """Whether each question in a channel begins a conversation in a thread."""
        if is_private(channel):
            return False
        threads = (await self.behaviour(workspace, channel, "")).threads
        return self.habits.answers_in_thread(channel) if threads is None else threads

    async def places(self, workspace: Workspace, channel: str, message: Event) -> list[Place]:
        """Where a message may have been kept; where it would be now comes first."""
        behaviour = await self.behaviour(workspace, channel, thread_of(message))
        now = place_of(workspace.key, channel, message, self.habits, behaviour.threads)
        return list(dict.fromkeys([now, *places_of(workspace.key, channel, message)]))
