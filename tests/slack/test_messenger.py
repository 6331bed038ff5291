"""The life of the connection: signing in, one token or many installations, two ways to listen."""

from __future__ import annotations

import asyncio
import html
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from adapters.slack.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH
from adapters.slack.messenger import SlackMessenger
from adapters.slack.web import OAuth
from adapters.web.server import WebServer
from bot.control.commands import BY_PATH
from bot.control.response import Button, Field, Form, Response
from bot.errors import ConfigError, PlatformError, StorageError, Undeliverable
from bot.values import Place
from storage import SqlStore, open_store, slack_installations, upgrade
from tests.loopback.slack import Person, SlackServer
from tests.memory import MemoryAbsences, MemoryInbox
from tests.slack.control import MemoryControl
from tests.slack.stage import Stage, connected, messenger_for, running, signed_in

KEY = "A" * 43 + "="
PUBLIC = "https://quipu.example"


async def healthy() -> dict[str, bool]:
    return {}


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    server = WebServer("127.0.0.1", 0, health=healthy)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'quipu.db'}"
    await upgrade(url)
    store = await open_store(url)
    yield store
    await store.close()


@asynccontextmanager
async def over_http(server: SlackServer, web: WebServer) -> AsyncIterator[Stage]:
    settings = {"mode": "http", "signing_secret": server.app.signing_secret, "app_token": None}
    async with (
        signed_in(server, mount=web.mount, **settings) as stage,
        running(stage.messenger),
    ):
        server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        yield stage


@asynccontextmanager
async def installable(
    server: SlackServer, web: WebServer, store: SqlStore
) -> AsyncIterator[tuple[SlackMessenger, MemoryInbox]]:
    kept = slack_installations(store, server.app.client_id, folder=Path(), keys=KEY)
    oauth = OAuth(
        server.app.client_id, server.app.client_secret, kept.installations, kept.states, PUBLIC
    )
    inbox = MemoryInbox()
    messenger = messenger_for(server, inbox, None, oauth=oauth, mount=web.mount)
    await messenger.start()
    async with running(messenger):
        await server.socket_mode.wait_connected(2)
        yield messenger, inbox


async def install(person: Person, web: WebServer) -> int:
    """What a browser does; the status of the page on which the person arrives."""
    base = f"http://127.0.0.1:{web.port}"
    async with aiohttp.ClientSession() as browser:
        async with browser.get(base + INSTALL_PATH) as page:
            text = await page.text()
            cookie = page.headers["Set-Cookie"].partition(";")[0]
        link = html.unescape(text.partition('<a href="')[2].partition('"')[0])
        back = (await person.approves(link)).replace(PUBLIC, base)
        assert REDIRECT_PATH in back
        async with browser.get(back, headers={"Cookie": cookie}) as done:
            return done.status


async def test_a_wrong_bot_token_is_a_mistake_in_the_configuration(
    slack_server: SlackServer,
) -> None:
    messenger = messenger_for(slack_server, MemoryInbox(), "xoxb-wrong")
    with pytest.raises(ConfigError, match="invalid_auth"):
        await messenger.start()


async def test_a_wrong_app_token_is_a_mistake_in_the_configuration(
    slack_server: SlackServer,
) -> None:
    token = slack_server.workspace().bot_token
    messenger = messenger_for(slack_server, MemoryInbox(), token, app_token="xapp-wrong")
    with pytest.raises(ConfigError, match="App-Level"):
        await messenger.start()


async def test_a_slack_that_is_away_can_be_tried_again(slack_server: SlackServer) -> None:
    slack_server.faults.fail("POST", "auth.test", status=503)
    token = slack_server.workspace().bot_token
    messenger = messenger_for(slack_server, MemoryInbox(), token)
    with pytest.raises(PlatformError):
        await messenger.start()


@pytest.mark.parametrize(
    "settings",
    [{}, {"bot_token": "xoxb-1"}, {"bot_token": "xoxb-1", "mode": "http"}],
)
async def test_what_is_missing_is_said_at_once(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="needs"):
        SlackMessenger(
            inbox=MemoryInbox(),
            control=MemoryControl(),
            absences=MemoryAbsences(),
            **settings,  # type: ignore[arg-type]
        )


async def test_run_ends_when_it_is_told_to_stop_listening(slack_server: SlackServer) -> None:
    async with signed_in(slack_server) as stage:
        task = asyncio.create_task(stage.messenger.run())
        await slack_server.socket_mode.wait_connected(2)
        await stage.messenger.stop_listening()
        await asyncio.wait_for(task, 5)
        root = await stage.ann.mentions(stage.channel, "hi")
        place = Place("slack", stage.workspace.id, stage.channel.id, root.ts)
        await stage.messenger.outlet(place, f"{stage.channel.id}:{root.ts}").create("x", nonce="n")
        assert len(stage.channel.from_bot) == 1


async def test_it_is_connected_while_one_socket_is(slack_server: SlackServer) -> None:
    async with signed_in(slack_server) as stage:
        assert not stage.messenger.connected, "signed in is not enough"
    async with connected(slack_server) as stage:
        await stage.asked()
        assert stage.messenger.connected
        await stage.messenger.stop_listening()
        assert not stage.messenger.connected


async def test_a_refreshed_connection_in_mid_stream_costs_nothing(
    slack_server: SlackServer,
) -> None:
    async with connected(slack_server) as stage:
        outlet = await stage.asked()
        async with outlet.open():
            ts = await outlet.create("one", nonce="n1", final=False)
            slack_server.socket_mode.disconnect("refresh_requested")
            await outlet.edit(ts, "one two", final=False)
            await slack_server.socket_mode.wait_connects(4)
            await stage.ann.dm("still there?")
            await outlet.edit(ts, "one two three", final=True)
        await stage.heard(2)
        assert stage.channel.from_bot[0].content == "one two three"


async def test_over_http_a_signed_request_is_heard(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web) as stage:
        await stage.ann.mentions(stage.channel, "hi")
        assert (await stage.heard())[0].text == "hi"
        await stage.quiet()
        interaction = await stage.ann.runs_command("/quipu", "persona show", stage.channel)
        assert "persona show" in (await interaction.answer()).content


async def test_over_http_buttons_and_windows_work_as_well(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web) as stage:
        reason = Field(BY_PATH["rate",].arguments[1], "Why?")
        form = Form(("rate",), "Thank you", (reason,), reply_id=7, arguments=(("score", "down"),))
        stage.control.answers["rate",] = lambda call: (
            Response("noted") if "reason" in call.arguments else Response(form=form)
        )
        down = Button(("rate",), "Bad", reply_id=7, arguments=(("score", "down"),), window=True)
        outlet = await stage.asked()
        await outlet.create("hello", nonce="n1", buttons=(down,))
        interaction = await stage.ann.presses(stage.channel.from_bot[0], "Bad")
        await interaction.wait_modal()
        sent = await stage.ann.submits_modal(interaction, {"Why?": "It was wrong."})
        assert sent.errors == {}
        assert dict(stage.control.last.arguments) == {"score": "down", "reason": "It was wrong."}


async def test_over_http_the_request_url_can_be_verified(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web):
        hooks = slack_server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        assert await hooks.verifies_url()


@pytest.mark.parametrize(("secret", "age"), [("wrong", 0.0), ("", 600.0)])
async def test_over_http_a_forged_or_old_request_is_refused(
    slack_server: SlackServer, web: WebServer, secret: str, age: float
) -> None:
    async with over_http(slack_server, web) as stage:
        hooks = slack_server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        hooks.secret, hooks.age = secret or hooks.secret, age
        slack_server.dispatch.pauses = ()
        await stage.ann.dm("hi")
        await stage.quiet()
        assert {posted.status for posted in hooks.posted} == {401}
        assert stage.inbox.accepted == []


async def test_over_http_what_could_not_be_kept_is_sent_again(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web) as stage:
        hooks = slack_server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        slack_server.dispatch.pauses = (0.0,)
        stage.inbox.failure = StorageError("busy")
        await stage.ann.dm("hi")
        await stage.quiet()
        assert [(posted.attempt, posted.status) for posted in hooks.posted] == [(0, 500), (1, 500)]


async def test_over_http_a_bot_that_is_stopping_asks_for_the_event_again(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web) as stage:
        hooks = slack_server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        slack_server.dispatch.pauses = ()
        await stage.messenger.stop_listening()
        await stage.ann.dm("hi")
        await stage.quiet()
        assert [posted.status for posted in hooks.posted] == [503]


async def test_an_unknown_team_gets_200_and_no_answer(
    slack_server: SlackServer, web: WebServer
) -> None:
    async with over_http(slack_server, web) as stage:
        hooks = slack_server.post_events_to(f"http://127.0.0.1:{web.port}{EVENTS_PATH}")
        stranger = slack_server.workspace("Elsewhere").member("Sam")
        await stranger.dm("hi")
        await stage.quiet()
        assert [posted.status for posted in hooks.posted] == [200]
        assert stage.inbox.accepted == []


async def test_workspaces_install_the_app_and_take_it_out_again(
    slack_server: SlackServer, web: WebServer, store: SqlStore
) -> None:
    workspace = slack_server.workspace("Later", installed=False)
    ann = workspace.member("Ann")
    async with installable(slack_server, web, store) as (messenger, inbox):
        assert await install(ann, web) == 200
        await ann.dm("hi")
        await inbox.until(lambda inbox: len(inbox.accepted) == 1)
        outlet = messenger.outlet(inbox.accepted[0].place, inbox.accepted[0].message_id)
        await outlet.create("hello", nonce="n1")
        assert ann.dms.from_bot[0].content == "hello"
        await slack_server.dispatch.settled()
        asked = [call.method for call in slack_server.calls]
        await ann.dm("again")
        await inbox.until(lambda inbox: len(inbox.accepted) == 2)
        again = [call.method for call in slack_server.calls][len(asked) :]
        assert again == []
        await ann.uninstalls_app()
        await slack_server.dispatch.settled()
        with pytest.raises(Undeliverable, match="not installed"):
            await outlet.create("anybody?", nonce="n2")
        kept = slack_installations(
            store, slack_server.app.client_id, folder=Path(), keys=KEY
        ).installations
        assert await kept.async_find_bot(enterprise_id=None, team_id=workspace.id) is None


async def test_an_organisation_installs_for_all_its_workspaces(
    slack_server: SlackServer, web: WebServer, store: SqlStore
) -> None:
    workspace = slack_server.workspace("Grid", enterprise_id="E1", org_wide=True, installed=False)
    ann = workspace.member("Ann", admin=True)
    channel = workspace.channel("knots")
    async with installable(slack_server, web, store) as (messenger, inbox):
        assert await install(ann, web) == 200
        await ann.mentions(channel, "hi")
        await inbox.until(lambda inbox: len(inbox.accepted) == 1)
        place = inbox.accepted[0].place
        assert place.workspace == f"E1.{workspace.id}"
        await messenger.outlet(place, inbox.accepted[0].message_id).create("hello", nonce="n1")
        interaction = await ann.runs_command("/quipu", "persona set You are a pirate.", channel)
        assert "persona set" in (await interaction.answer()).content
        await slack_server.dispatch.settled()
        await ann.uninstalls_app()
        await slack_server.dispatch.settled()
        kept = slack_installations(
            store, slack_server.app.client_id, folder=Path(), keys=KEY
        ).installations
        found = await kept.async_find_installation(
            enterprise_id="E1", team_id=None, is_enterprise_install=True
        )
        assert found is None


async def test_two_workspaces_do_not_see_each_other(
    slack_server: SlackServer, web: WebServer, store: SqlStore
) -> None:
    one, two = (slack_server.workspace(name, installed=False) for name in ("One", "Two"))
    ann, bob = one.member("Ann", admin=True), two.member("Bob", admin=True)
    async with installable(slack_server, web, store) as (messenger, inbox):
        assert [await install(ann, web), await install(bob, web)] == [200, 200]
        await ann.dm("from one")
        await bob.dm("from two")
        await inbox.until(lambda inbox: len(inbox.accepted) == 2)
        for inbound in inbox.accepted:
            outlet = messenger.outlet(inbound.place, inbound.message_id)
            await outlet.create(f"to {inbound.author.name}", nonce=inbound.author.id)
        assert {inbound.place.workspace for inbound in inbox.accepted} == {one.id, two.id}
        assert [message.content for message in ann.dms.from_bot] == ["to Ann"]
        assert [message.content for message in bob.dms.from_bot] == ["to Bob"]


@pytest.mark.slow
async def test_lost_sockets_are_opened_again(slack_server: SlackServer) -> None:
    async with connected(slack_server) as stage:
        slack_server.dispatch.pauses = (0.0,) * 20
        slack_server.socket_mode.kill()
        await stage.ann.dm("are you there?")
        await slack_server.socket_mode.wait_connects(4, timeout=60)
        assert (await stage.heard())[0].text == "are you there?"


async def test_a_token_of_another_team_is_not_used(slack_server: SlackServer) -> None:
    async with signed_in(slack_server) as stage:
        outlet = stage.messenger.outlet(Place("slack", "T999", "C1", "1.2"), "C1:1.2")
        with pytest.raises(Undeliverable, match="not installed"):
            await outlet.create("hello", nonce="n1")
