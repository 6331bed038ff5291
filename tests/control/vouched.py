"""What each platform's adapter makes of people: its own code says so, asked over the loopback."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.control.response import Call
from bot.values import Standing
from tests.discord import stage as discord_stage
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer
from tests.memory import MemoryInbox
from tests.slack import stage as slack_stage
from tests.slack.control import MemoryControl

COMMAND = "persona clear"
"""For admins, so that the platform is asked anew who gives it."""


@dataclass(frozen=True)
class Role:
    """A column of the table. `standing` was specified, and is not what the table is made with.

    `own`: the answer that the command is about is their own. `denied` is whose list names them.
    """

    title: str
    standing: Standing = Standing.MEMBER
    own: bool = False
    private: bool = False
    denied: str = ""


OTHER, ASKER, PRIVATE = "another member", "the asker", "in a direct message"
CHANNELS, SERVER = "*Manage Channels*", "*Manage Server*"
KEEPER, NAMED = "a role of `admin_roles`", "one of `admins`"
ADMIN, OWNER = "the workspace's admin", "the workspace's owner"
GUEST, STRANGER = "a guest", "another company's admin"

EVERYWHERE = (Role(OTHER), Role(ASKER, own=True))
ALONE = Role(PRIVATE, Standing.ADMIN, own=True, private=True)
DENIED = Role("on a deny list", own=True, denied="channel")
ROLES: Mapping[str, tuple[Role, ...]] = {
    "discord": (
        *EVERYWHERE,
        Role(CHANNELS, Standing.ADMIN),
        Role(KEEPER, Standing.ADMIN),
        Role(SERVER, Standing.OWNER),
        ALONE,
        DENIED,
        Role(f"{CHANNELS}, on the server's deny list", Standing.ADMIN, True, denied="workspace"),
    ),
    "slack": (
        *EVERYWHERE,
        Role(GUEST),
        Role(STRANGER),
        Role(NAMED, Standing.ADMIN),
        Role(ADMIN, Standing.OWNER),
        Role(OWNER, Standing.OWNER),
        ALONE,
        DENIED,
        Role(f"{NAMED}, on the workspace's deny list", Standing.ADMIN, True, denied="workspace"),
    ),
}


async def vouched(platform: str) -> Mapping[str, Call]:
    """A use of a command by somebody in each role, as the adapter hands it in."""
    found = await (_by_discord() if platform == "discord" else _by_slack())
    plain, listed = found[OTHER], found[CHANNELS if platform == "discord" else NAMED]
    people = {
        role.title: listed if role.denied == "workspace" else plain for role in ROLES[platform]
    }
    return people | found


async def _by_discord() -> dict[str, Call]:
    async with DiscordServer() as server, discord_stage.connected(server) as live:
        boss = live.guild.member("Boss", manage_guild=True)
        people = {OTHER: live.ann, CHANNELS: live.mia, KEEPER: live.rob, SERVER: boss}
        for person in people.values():
            await person.runs_command(COMMAND, live.channel)
        await live.ann.runs_command(COMMAND, live.ann.dms)
        return dict(zip([*people, PRIVATE], live.desk.calls, strict=True))


async def _by_slack() -> dict[str, Call]:
    async with SlackServer() as server:
        workspace, control = server.workspace("Cuzco"), MemoryControl()
        channel, named = workspace.channel("knots"), workspace.member("Nan")
        people = {
            OTHER: workspace.member("Ann"),
            GUEST: workspace.member("Gus", guest=True),
            NAMED: named,
            ADMIN: workspace.member("Mia", admin=True),
            OWNER: workspace.member("Olga", owner=True),
        }
        eve = server.workspace("Puno").member("Eve", admin=True)
        workspace.users[eve.user.id] = eve.user
        messenger = slack_stage.messenger_for(
            server, MemoryInbox(), workspace.bot_token, control, admins=[named.user.id]
        )
        await messenger.start()
        async with slack_stage.running(messenger):
            await server.socket_mode.wait_connected(2)
            for person in people.values():
                await person.runs_command("/quipu", COMMAND, channel)
            await people[OTHER].runs_command("/quipu", COMMAND, people[OTHER].dms)
            stranger = {"user_id": eve.user.id, "trigger_id": "1.1", "text": COMMAND}
            last = next(sent for sent in server.dispatch.sent if "command" in sent)
            await server.dispatch.ask("slash_commands", {**last, **stranger})
        return dict(zip([*people, PRIVATE, STRANGER], control.calls, strict=True))
