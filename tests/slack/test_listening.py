"""What reaches the Inbox, over Socket Mode."""

from __future__ import annotations

import pytest

from bot.control.records import Behaviour
from bot.errors import PlatformError, StorageError
from bot.values import Standing
from tests.loopback.slack import SlackServer
from tests.slack.stage import Stage, connected


async def test_a_mention_is_answered_in_its_own_thread(live: Stage) -> None:
    message = await live.ann.mentions(live.channel, "what is a quipu?")
    inbound = (await live.heard())[0]
    assert inbound.text == "what is a quipu?"
    assert inbound.place.id == f"slack:{live.workspace.id}/{live.channel.id}/{message.ts}"
    assert not inbound.place.private
    assert (inbound.author.id, inbound.author.name) == (live.ann.user.id, "Ann")
    assert inbound.author.standing is Standing.MEMBER
    assert (inbound.mentioned, inbound.locale) == (True, "en-US")
    assert (inbound.workspace_name, inbound.channel_name) == ("Cuzco", "knots")
    await live.ann.mentions(live.channel, "again")
    await live.heard(2)
    assert len(live.called("conversations.info")) == 1


async def test_message_and_app_mention_for_one_mention_are_claimed_once(live: Stage) -> None:
    await live.ann.mentions(live.channel, "hi")
    await live.quiet()
    assert len(live.inbox.accepted) == 1
    assert len(live.inbox.duplicates) == 1


async def test_retries_and_doubles_are_claimed_once(live: Stage) -> None:
    live.server.dispatch.copies = 3
    message = await live.ann.mentions(live.channel, "hi")
    await live.quiet()
    live.server.dispatch.repeat(message, attempt=2)
    live.server.dispatch.repeat(message, attempt=0)
    await live.quiet()
    assert len(live.inbox.accepted) == 1
    assert len(live.inbox.duplicates) == 9


async def test_a_message_in_private_needs_no_mention_and_is_its_authors_own(live: Stage) -> None:
    await live.ann.dm("hello")
    inbound = (await live.heard())[0]
    assert inbound.place.private
    assert inbound.place.thread == ""
    assert inbound.author.standing is Standing.ADMIN


async def test_a_direct_message_is_one_conversation_over_all_its_threads(live: Stage) -> None:
    first = await live.ann.dm("hello")
    await live.ann.dm("and this?", thread=first)
    places = {inbound.place for inbound in await live.heard(2)}
    ids = {inbound.message_id for inbound in live.inbox.accepted}
    assert len(places) == 1
    assert len(ids) == 2


async def test_words_in_a_channel_that_are_not_for_the_bot_are_left_alone(live: Stage) -> None:
    root = await live.ann.says(live.channel, "nice weather")
    await live.mia.says(live.channel, "indeed", thread=root)
    await live.quiet()
    assert live.inbox.accepted == []


async def test_a_thread_that_the_bot_takes_part_in_needs_no_mention(live: Stage) -> None:
    root = await live.ann.mentions(live.channel, "hi")
    await live.heard()
    await live.mia.says(live.channel, "and from me", thread=root)
    follow = (await live.heard(2))[1]
    assert follow.text == "and from me"
    assert follow.place == live.inbox.accepted[0].place
    assert live.called("conversations.replies") == []


async def test_a_thread_from_before_the_start_is_looked_at_once(slack_server: SlackServer) -> None:
    async with connected(slack_server) as stage:
        stage.workspace.installed = False  # the bot hears nothing of it
        root = await stage.ann.mentions(stage.channel, "hi")
        stage.workspace.installed = True
        await stage.ann.says(stage.channel, "still there?", thread=root)
        await stage.ann.says(stage.channel, "hello?", thread=root)
        heard = await stage.heard(2)
        assert {inbound.text for inbound in heard} == {"still there?", "hello?"}
        assert len(stage.called("conversations.replies")) == 1


async def test_a_channel_can_be_set_to_need_a_mention_in_threads(
    slack_server: SlackServer,
) -> None:
    async with connected(slack_server, follow_threads=False) as stage:
        root = await stage.ann.mentions(stage.channel, "hi")
        await stage.heard()
        await stage.ann.says(stage.channel, "not for the bot", thread=root)
        await stage.quiet()
        assert len(stage.inbox.accepted) == 1


async def test_a_channel_can_be_one_conversation(slack_server: SlackServer) -> None:
    async with connected(slack_server, reply_in="channel") as stage:
        await stage.ann.mentions(stage.channel, "one")
        await stage.mia.mentions(stage.channel, "two")
        places = {inbound.place.id for inbound in await stage.heard(2)}
        assert places == {f"slack:{stage.workspace.id}/{stage.channel.id}"}


async def test_bots_and_the_bots_own_messages_are_left_alone(live: Stage) -> None:
    other = live.workspace.member("Beep", bot=True)
    await other.mentions(live.channel, "hello bot")
    outlet = await live.asked()
    await outlet.create("I said @bot", nonce="n1")
    await live.quiet()
    assert [inbound.author.name for inbound in live.inbox.accepted] == ["Ann"]


async def test_edits_and_deletions_are_passed_on(live: Stage) -> None:
    message = await live.ann.mentions(live.channel, "frist")
    inbound = (await live.heard())[0]
    await live.quiet()
    await live.ann.edits(message, "@bot first")
    await live.inbox.until(lambda inbox: len(inbox.amended) == 2)
    channel = f"slack:{live.workspace.id}/{live.channel.id}"
    places = [channel, inbound.place.id]  # it may have been kept in either
    assert live.inbox.amended == [(place, inbound.message_id, "first") for place in places]
    await live.ann.deletes(message)
    await live.inbox.until(lambda inbox: len(inbox.withdrawn) == 2)
    assert live.inbox.withdrawn == [(place, inbound.message_id) for place in places]


async def test_an_event_is_acknowledged_only_once_it_is_kept(live: Stage) -> None:
    live.server.dispatch.pauses = (0.0,)
    live.server.world.patience = 0.5
    live.inbox.failure = StorageError("disk full")
    await live.ann.dm("hello")
    await live.quiet()
    assert len(live.server.dispatch.given_up) == 1
    assert live.server.socket_mode.acks == []


async def test_the_bots_own_edits_are_acknowledged_while_the_channel_is_busy(plain: Stage) -> None:
    outlet = await plain.asked()
    lookup = plain.server.faults.hold("POST", "users.info")
    await plain.mia.mentions(plain.channel, "and I?")
    await lookup.reached()
    before = len(plain.server.socket_mode.acks)
    message_id = await outlet.create("A cord", nonce="n1")
    await outlet.edit(message_id, "A cord with knots")
    await plain.server.socket_mode.wait_acks(before + 2)
    lookup.release()
    assert [inbound.author.name for inbound in await plain.heard(2)] == ["Ann", "Mia"]


async def test_an_event_that_failed_is_taken_when_slack_sends_it_again(live: Stage) -> None:
    live.server.dispatch.pauses = (0.0, 0.0, 0.0)
    live.server.world.patience = 0.5
    live.inbox.failure = StorageError("busy")
    await live.ann.dm("hello")
    await live.server.world.changes.until(lambda: live.server.dispatch.sent, 5, lambda: "")
    live.inbox.failure = None
    assert (await live.heard())[0].text == "hello"


async def test_messages_of_one_channel_keep_their_order(slack_server: SlackServer) -> None:
    async with connected(slack_server, connections=1) as stage:
        lookup = slack_server.faults.hold("POST", "users.info")
        for number in range(8):
            await stage.ann.dm(f"word {number}")
        await lookup.reached()
        lookup.release()
        heard = await stage.heard(8)
        assert [inbound.text for inbound in heard] == [f"word {n}" for n in range(8)]


async def test_opening_the_messages_tab_offers_suggestions(live: Stage) -> None:
    dms = await live.ann.opens_messages_tab()
    await live.server.world.changes.until(lambda: dms.prompts, 5, lambda: repr(dms.prompts))
    assert 1 <= len(dms.prompts[0]["prompts"]) <= 4


async def test_names_come_from_slack_and_only_once(live: Stage) -> None:
    await live.ann.dm(f"do you know {live.mia.mention}?")
    assert (await live.heard())[0].text == "do you know @Mia?"
    await live.ann.dm(f"and {live.mia.mention}?")
    await live.heard(2)
    assert len(live.called("users.info")) == 2


async def test_a_lost_scope_costs_the_name_not_the_answer(live: Stage) -> None:
    live.workspace.scopes -= {"users:read", "channels:read"}
    await live.ann.mentions(live.channel, "hi")
    inbound = (await live.heard())[0]
    assert (inbound.author.name, inbound.channel_name) == (live.ann.user.id, "")


async def test_closing_one_connection_leaves_no_gap(live: Stage) -> None:
    first = live.server.socket_mode.open[0]
    live.server.socket_mode.disconnect("refresh_requested", first)
    await live.ann.dm("are you there?")
    assert (await live.heard())[0].text == "are you there?"
    await live.server.socket_mode.wait_connected(2)


async def test_where_every_message_is_answered_all_are_handed_in(live: Stage) -> None:
    live.behaviours.everywhere = Behaviour(when="always")
    root = await live.ann.says(live.channel, "nice weather")
    inbound = (await live.heard())[0]
    assert (inbound.text, inbound.mentioned) == ("nice weather", False)
    assert inbound.place.thread == root.ts
    await live.mia.mentions(live.channel, "is it?")
    assert (await live.heard(2))[1].mentioned


async def test_other_bots_are_heard_where_people_want_that(live: Stage) -> None:
    other = live.workspace.member("Beep", bot=True)
    live.behaviours.everywhere = Behaviour(bots=True)
    await other.mentions(live.channel, "hello bot")
    author = (await live.heard())[0].author
    assert (author.name, author.standing) == ("Beep", Standing.BOT)
    outlet = live.outlet(live.inbox.accepted[0])
    await outlet.create("hello", nonce="n1")
    await live.quiet()
    assert len(live.inbox.accepted) == 1


async def test_threads_can_be_switched_off_and_on_again_by_people(live: Stage) -> None:
    for threads in (False, True):
        live.behaviours.everywhere = Behaviour(threads=threads)
        await live.ann.mentions(live.channel, f"{threads}")
        await live.quiet()
    places = {inbound.text: inbound.place for inbound in await live.heard(2)}
    assert [bool(places[text].thread) for text in ("False", "True")] == [False, True]


async def test_an_edit_finds_its_message_where_it_was_kept_before_threads_were_switched_off(
    live: Stage,
) -> None:
    message = await live.ann.mentions(live.channel, "frist")
    inbound = (await live.heard())[0]
    live.behaviours.everywhere = Behaviour(threads=False)
    await live.ann.edits(message, "@bot first")
    amended = (inbound.place.id, inbound.message_id, "first")
    await live.inbox.until(lambda inbox: amended in inbox.amended)
    assert {text for _, _, text in live.inbox.amended} == {"first"}


async def test_a_deletion_finds_its_message_in_the_channel_though_threads_are_opened_now(
    live: Stage,
) -> None:
    live.behaviours.everywhere = Behaviour(threads=False)
    message = await live.ann.mentions(live.channel, "first")
    inbound = (await live.heard())[0]
    assert inbound.place.thread == ""
    live.behaviours.everywhere = Behaviour()
    await live.ann.deletes(message)
    withdrawn = (inbound.place.id, inbound.message_id)
    await live.inbox.until(lambda inbox: withdrawn in inbox.withdrawn)


async def test_nobody_is_asked_how_a_direct_message_is_answered(live: Stage) -> None:
    live.behaviours.everywhere = Behaviour(when="never")
    await live.ann.dm("hello")
    await live.heard()
    assert live.behaviours.asked == []


async def test_who_turns_to_the_bot_is_heard_while_settings_cannot_be_read(live: Stage) -> None:
    live.behaviours.failure = StorageError("disk I/O error")
    asked = await live.ann.mentions(live.channel, "are you there?")
    await live.ann.says(live.channel, "good morning, all")
    await live.ann.edits(asked, "are you here?")
    await live.ann.deletes(asked)
    await live.quiet()
    assert [inbound.text for inbound in live.inbox.accepted] == ["are you there?"]
    assert {text for _, _, text in live.inbox.amended} == {"are you here?"}
    assert len({message_id for _, message_id in live.inbox.withdrawn}) == 1


async def test_a_bot_token_that_slack_refuses_is_no_connection_until_it_takes_it_again(
    live: Stage,
) -> None:
    before = live.messenger.connected
    live.server.faults.fail("POST", "chat.postMessage", error="token_expired", times=1)
    outlet = await live.asked()
    with pytest.raises(PlatformError):
        await outlet.create("hello", nonce="1")
    refused = live.messenger.connected
    await outlet.create("hello", nonce="1")
    assert (before, refused, live.messenger.connected) == (True, False, True)
