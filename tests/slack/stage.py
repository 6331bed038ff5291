"""The adapter connected to a loopback Slack with a workspace, a channel and two people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from adapters.slack.messenger import SlackMessenger
from adapters.slack.outbound import SlackOutlet
from bot.values import Inbound
from tests.loopback.slack import Channel, Person, SlackServer, Workspace
from tests.memory import MemoryAbsences, MemoryInbox
from tests.slack.control import MemoryBehaviours, MemoryControl


@dataclass
class Stage:
    """Everything that a test of the adapter touches. Ann is a member, Mia manages the workspace."""

    server: SlackServer
    inbox: MemoryInbox
    control: MemoryControl
    behaviours: MemoryBehaviours
    messenger: SlackMessenger
    workspace: Workspace
    channel: Channel
    ann: Person
    mia: Person

    async def heard(self, count: int = 1) -> list[Inbound]:
        await self.inbox.until(lambda inbox: len(inbox.accepted) >= count)
        return self.inbox.accepted

    async def quiet(self) -> None:
        """Until everything that Slack had to tell has been acknowledged."""
        await self.server.dispatch.settled()

    def outlet(self, inbound: Inbound) -> SlackOutlet:
        return self.messenger.outlet(inbound.place, inbound.message_id)

    async def asked(self, text: str = "hello") -> SlackOutlet:
        """The way back to a question that Ann has just asked in the channel."""
        await self.ann.mentions(self.channel, text)
        outlet = self.outlet((await self.heard(len(self.inbox.accepted) + 1))[-1])
        await self.quiet()
        return outlet

    def called(self, method: str) -> list[dict[str, Any]]:
        return [call.args for call in self.server.calls if call.method == method]


def messenger_for(
    server: SlackServer,
    inbox: MemoryInbox,
    token: str | None,
    control: MemoryControl | None = None,
    **settings: Any,
) -> SlackMessenger:
    settings.setdefault("app_token", server.app.app_token)
    return SlackMessenger(
        inbox=inbox,
        control=control or MemoryControl(),
        absences=MemoryAbsences(),
        bot_token=token,
        api_url=server.api_url,
        clock=server.clock.now,
        **settings,
    )


@asynccontextmanager
async def signed_in(server: SlackServer, **settings: Any) -> AsyncIterator[Stage]:
    """Web API only, as while a journal is recovered."""
    inbox, control, behaviours = MemoryInbox(), MemoryControl(), MemoryBehaviours()
    workspace = server.workspace("Cuzco")
    messenger = messenger_for(
        server, inbox, workspace.bot_token, control, behaviours=behaviours, **settings
    )
    ann, mia = workspace.member("Ann"), workspace.member("Mia", admin=True)
    channel = workspace.channel("knots")
    await messenger.start()
    try:
        yield Stage(server, inbox, control, behaviours, messenger, workspace, channel, ann, mia)
    finally:
        await messenger.close()


@asynccontextmanager
async def running(messenger: SlackMessenger) -> AsyncIterator[None]:
    """Listening, until the end of the block."""
    task = asyncio.create_task(messenger.run())
    try:
        yield
    finally:
        await messenger.close()
        await task


@asynccontextmanager
async def connected(
    server: SlackServer, *, connections: int = 2, **settings: Any
) -> AsyncIterator[Stage]:
    """Signed in and listening over Socket Mode."""
    async with (
        signed_in(server, connections=connections, **settings) as stage,
        running(stage.messenger),
    ):
        await server.socket_mode.wait_connected(connections)
        yield stage
