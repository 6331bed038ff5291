"""Slack over HTTP, for workspaces that install the app by OAuth: the whole house but the model."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import unused_port

from bot.app import compose, platforms
from bot.platforms import web_server
from bot.service import Service
from bot.settings import Settings
from storage import open_store, upgrade
from tests.board import ScriptedGenerator
from tests.loopback.slack import Channel, Message, Person, SlackServer
from tests.ready import engines_over


@dataclass
class House:
    """A running Quipu at a public address, with nobody's app installed yet."""

    server: SlackServer
    session: ClientSession
    generator: ScriptedGenerator
    url: str
    file: Path

    async def installs(self, person: Person, status: int = 200) -> str:
        """A person goes through the pages of the installation; what the last one says."""
        async with self.session.get(f"{self.url}/slack/install") as page:
            [address] = re.findall(r'href="(https://slack.com/oauth/[^"]+)"', await page.text())
            # The cookie is for https, which a proxy would speak.
            cookies = {name: cookie.value for name, cookie in page.cookies.items()}
        back = await person.approves(address.replace("&amp;", "&"))
        async with self.session.get(back, cookies=cookies) as page:
            assert page.status == status
            return await page.text()

    async def healthy(self) -> bool:
        async with self.session.get(f"{self.url}/healthz") as page:
            return page.status == 200

    async def forgets(self) -> None:
        """Wait until no token is left; every look is a request's round trip after the last."""
        async with asyncio.timeout(30):
            while self.rows("SELECT id FROM slack_bots UNION SELECT id FROM slack_installations"):
                await self.healthy()

    def written(self) -> bytes:
        """Every byte of the database's files."""
        return b"".join(file.read_bytes() for file in self.file.parent.glob("quipu.db*"))

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()


def settings_for(
    server: SlackServer, model: Path, folder: Path, port: int, **more: object
) -> Settings:
    slack = {
        "mode": "http",
        "signing_secret": server.app.signing_secret,
        "client_id": server.app.client_id,
        "client_secret": server.app.client_secret,
        "public_url": f"http://127.0.0.1:{port}",
        "api_url": server.api_url,
        **more,
    }
    given = {"slack": slack, "http": {"port": port}}
    given |= {"model": {"name": str(model), "device": "cpu"}, "data": {"folder": str(folder)}}
    return Settings(**given)  # type: ignore[arg-type]


@pytest.fixture
async def house(
    slack_server: SlackServer, tiny_llama: Path, tmp_path: Path
) -> AsyncIterator[House]:
    async with opened(slack_server, tiny_llama, tmp_path) as made:
        yield made


@asynccontextmanager
async def opened(
    slack_server: SlackServer, model: Path, folder: Path, **slack: object
) -> AsyncIterator[House]:
    settings = settings_for(slack_server, model, folder, unused_port(), **slack)
    await upgrade(settings.database_url)
    store = await open_store(settings.database_url)
    generator = ScriptedGenerator()
    core = compose(settings, store, engines_over(settings, generator))
    web = web_server(settings, store_health)
    assert web is not None
    service = Service(
        core.conversations,
        platforms(settings, core, web),
        heartbeat=settings.heartbeat,
        deadline=10.0,
    )
    await web.start()
    running = asyncio.create_task(service.run())
    url = f"http://127.0.0.1:{web.port}"
    slack_server.post_events_to(f"{url}/slack/events")
    try:
        async with ClientSession() as session:
            yield House(slack_server, session, generator, url, folder / "quipu.db")
    finally:
        service.stop()
        await running
        await web.stop()
        await store.close()


async def store_health() -> dict[str, bool]:
    return {"database": True}


async def answered(channel: Channel, root: Message, text: str) -> Message:
    """The bot's answer in the thread, once it holds this."""

    def look(_: list[Message]) -> Message | None:
        said = (message for message in channel.from_bot if message.root is root)
        return next((message for message in said if text in message.content), None)

    return await channel.wait_for(look)


async def test_a_workspace_installs_asks_and_uninstalls(house: House) -> None:
    workspace = house.server.workspace("Cuzco", installed=False)
    ann = workspace.member("Ann", admin=True)
    await house.installs(ann)
    assert len(house.rows("SELECT bot_token FROM slack_bots")) == 1
    assert workspace.bot_token.encode() not in house.written()
    channel = workspace.channel("knots")
    asked = await ann.mentions(channel, "hello")
    assert (await answered(channel, asked, "hello")).root is asked
    await ann.uninstalls_app()
    await house.forgets()


async def test_two_workspaces_do_not_see_each_others_conversations(house: House) -> None:
    asked = {}
    for name in ("Cuzco", "Puno"):
        workspace = house.server.workspace(name, installed=False)
        person = workspace.member("Ann", admin=True)
        await house.installs(person)
        channel = workspace.channel("knots")
        asked[name] = await person.mentions(channel, f"a word of {name}")
        await answered(channel, asked[name], name)
    prompts = [prompt.text for prompt in house.generator.prompts]
    assert [("Cuzco" in text, "Puno" in text) for text in prompts] == [(True, False), (False, True)]
    assert len({workspace for (workspace,) in house.rows("SELECT workspace FROM places")}) == 2


async def test_where_workspaces_are_named_no_other_one_installs_the_app(
    slack_server: SlackServer, tiny_llama: Path, tmp_path: Path
) -> None:
    ours, other = (slack_server.workspace(name, installed=False) for name in ("Cuzco", "Lima"))
    async with opened(slack_server, tiny_llama, tmp_path, workspaces=[ours.id]) as house:
        said = await house.installs(other.member("Eve", admin=True), status=403)
        assert "Lima may not install this app" in said
        assert other.id in said
        assert not other.installed
        assert house.rows("SELECT id FROM slack_bots") == []
        ann, channel = ours.member("Ann", admin=True), ours.channel("knots")
        await house.installs(ann)
        await answered(channel, await ann.mentions(channel, "hello"), "hello")


async def test_a_workspace_that_is_named_no_longer_is_served_no_more(
    slack_server: SlackServer, tiny_llama: Path, tmp_path: Path
) -> None:
    workspace = slack_server.workspace("Cuzco", installed=False)
    ann, channel = workspace.member("Ann", admin=True), workspace.channel("knots")
    async with opened(slack_server, tiny_llama, tmp_path) as house:
        await house.installs(ann)
        await answered(channel, await ann.mentions(channel, "hello"), "hello")
        await slack_server.dispatch.settled()  # else Slack would say it again a minute later
    async with opened(slack_server, tiny_llama, tmp_path, workspaces=["T0123456789"]) as house:
        await ann.mentions(channel, "hello?")
        await slack_server.dispatch.settled()
        assert house.rows("SELECT count(*) FROM claims") == [(1,)]


async def test_a_state_is_good_for_one_browser_and_one_time(house: House) -> None:
    workspace = house.server.workspace("Cuzco", installed=False)
    ann = workspace.member("Ann", admin=True)
    async with house.session.get(f"{house.url}/slack/install") as page:
        [address] = re.findall(r'href="(https://slack.com/oauth/[^"]+)"', await page.text())
        cookies = {name: cookie.value for name, cookie in page.cookies.items()}
        assert all(cookie["httponly"] and cookie["secure"] for cookie in page.cookies.values())
        assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    back = await ann.approves(address.replace("&amp;", "&"))
    other = dict.fromkeys(cookies, "somebody else's")
    for given in ({}, other):
        async with house.session.get(back, cookies=given) as page:
            assert page.status == 400
    assert house.rows("SELECT * FROM slack_bots") == []
    back = await ann.approves(address.replace("&amp;", "&"))
    for statuses in ({200}, {400, 401}):
        async with house.session.get(back, cookies=cookies) as page:
            assert page.status in statuses
    assert len(house.rows("SELECT * FROM slack_bots")) == 1


async def test_a_made_up_state_installs_nothing(house: House) -> None:
    url = f"{house.url}/slack/oauth_redirect?code=1&state=made-up"
    async with house.session.get(url) as page:
        assert page.status == 400
    assert house.rows("SELECT * FROM slack_bots") == []


async def test_health_stands_beside_slacks_own_pages(house: House) -> None:
    assert await house.healthy()
