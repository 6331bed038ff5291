from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import event, func, select
from sqlalchemy.engine import Engine

from bot.control.records import Verdict, Vote
from bot.values import Author, Place, Reply, ReplyState
from storage import SqlStore, cleaning
from storage.records import SqlRecords
from storage.tables import prompts, replies
from tests.storage.given import (
    ANA,
    BEN,
    FINISH,
    NOON,
    PLACE,
    PROMPT,
    THREAD,
    answer,
    claimed,
    said,
    texts,
    used,
)

OTHER = Place("slack", "team", "channel")
AWAY = Place("discord", "another guild", "channel")


async def test_what_is_kept_about_a_person_is_counted(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await answer(store, await claimed(store, "m1"), "Hello.")
    await answer(store, await claimed(store, "m2", place=THREAD), "Hello.")
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    found = await records.stored("discord", ANA.id)
    assert (found.messages, found.answers, found.personas, found.places) == (2, 2, 1, 2)
    assert found.since == NOON
    assert found.feedback_use
    assert (await records.stored("discord", BEN.id)).messages == 0


async def test_the_export_holds_exactly_what_is_stored(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    reply = await claimed(store, "m1")
    await answer(store, reply, "Hello.")
    await records.vote(Vote(reply.id, 1, ANA, Verdict.UP, "kind"))
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    await store.claim(said("other", author=BEN))
    export = json.loads(json.dumps(await records.export_person("discord", ANA.id)))
    assert [turn["text"] for turn in export["turns"]] == ["text of m1"]
    assert [given["text"] for given in export["answers"]] == ["Hello."]
    assert [vote["reason"] for vote in export["votes"]] == ["kind"]
    assert [persona["text"] for persona in export["personas"]] == ["You are a raven."]
    assert [line["what"] for line in export["audit"]] == ["persona"]
    assert [day["tokens"] for day in export["usage"]] == [FINISH.tokens]
    assert "other" not in json.dumps(export)


async def test_the_same_id_on_another_platform_is_another_person(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await answer(store, await claimed(store, "m1"), "Hello.")
    there = await store.claim(said("m1", place=OTHER, author=Author(ANA.id, "Anastasia")))
    assert there is not None
    await records.forget_person("discord", ANA.id)
    assert (await records.stored("discord", ANA.id)).messages == 0
    assert (await records.stored("slack", ANA.id)).messages == 1


async def test_what_others_said_stays_without_the_persons_words(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await store.claim(said("m1", text="my secret is that I love cheese"))
    asked = await store.claim(
        said("m2", author=BEN, text="> Ana: my secret is that I love cheese\nwhat do you think?")
    )
    assert asked is not None
    await answer(store, asked, "Ana said that they love cheese. I think so too.")
    await records.forget_person("discord", ANA.id)
    following = await store.claim(said("m3", author=BEN, text="well"))
    assert following is not None
    turns = [turn.text for turn in await store.history(PLACE, following.id)]
    assert turns == [
        "> […]\nwhat do you think?",
        "[…] said that they love cheese. I think so too.",
        "well",
    ]


async def test_others_reasons_stay_without_the_persons_words(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await store.claim(said("m1", text="my secret is that I love cheese"))
    reply = await store.claim(said("m2", author=BEN))
    assert reply is not None
    await answer(store, reply, "Fine.")
    reason = "Ana said my secret is that I love cheese, and it forgot"
    await records.vote(Vote(reply.id, 1, BEN, Verdict.DOWN, reason))
    await records.forget_person("discord", ANA.id)
    [vote] = (await records.export_person("discord", BEN.id))["votes"]
    assert vote["reason"] == "[…] said […], and it forgot"


async def test_who_is_only_mentioned_somewhere_is_not_named_there_any_more(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await claimed(store, "m0")
    reply = await store.claim(said("m1", author=BEN, place=THREAD, text="ask @Ana about it"))
    assert reply is not None
    await answer(store, reply, "I would ask Ana.")
    await records.forget_person("discord", ANA.id, names=["Ana"])
    following = await store.claim(said("m2", author=BEN, place=THREAD, text="well"))
    assert following is not None
    assert await texts(store, following) == ["ask @[…] about it", "I would ask […].", "well"]


DIRECT = Place("discord", "@me", "of Ben", private=True)


async def told_by_ben(store: SqlStore, place: Place, text: str) -> Reply:
    """Ben says something that is answered, and then has an answer written."""
    message = f"{place.id} {text}"
    reply = await store.claim(said(message, author=BEN, place=place, text=text))
    assert reply is not None
    await answer(store, reply, f"Well, {text}")
    running = await store.claim(said(f"{message}, running", author=BEN, place=place))
    assert running is not None
    await store.advance(running.id, ReplyState.QUEUED)
    await store.advance(running.id, ReplyState.GENERATING)
    return running


async def left_of(store: SqlStore, running: Reply) -> list[str]:
    """What that place holds once that answer, too, is there, and how many prompts."""
    await store.complete(running.id, "Done.", FINISH, PROMPT)
    await store.end(running.id, ReplyState.DELIVERED)
    reply = await store.claim(said(f"after {running.id}", author=BEN, place=running.place))
    assert reply is not None
    here = (
        select(func.count()).select_from(prompts).join(replies, replies.c.id == prompts.c.reply_id)
    )
    kept = await store.database.read(
        lambda connection: connection.execute(
            here.where(replies.c.place_id == running.place.id)
        ).scalar_one()
    )
    said_there = await texts(store, reply)
    return [said_there[0], said_there[1], said_there[3], f"{kept} prompts"]


@pytest.mark.parametrize("place", [AWAY, DIRECT])
async def test_in_a_workspace_where_a_person_never_was_nothing_changes_when_they_go(
    store: SqlStore, place: Place
) -> None:
    """Who is called the same there is somebody else."""
    records = SqlRecords(store.database)
    for where in (PLACE, Place("discord", "@me", "of Ana", private=True)):
        asked = await store.claim(
            said("m1", place=where, text="I want to know what is the capital")
        )
        assert asked is not None
        await answer(store, asked, "Paris.")
    text = "@Ana and Ana: I want to ask what is the plan"
    running = await told_by_ben(store, place, text)
    await records.forget_person("discord", ANA.id, names=["Ana"])
    assert await left_of(store, running) == [text, f"Well, {text}", "Done.", "2 prompts"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Al", "@alice, what is the plan?"),
        ("Ali", "@alice, what is the plan?"),
        ("gmail", "write to bob@gmail.com what is the plan"),
        ("everyone", "@everyone, what is the plan?"),
    ],
)
async def test_a_place_where_a_name_stands_only_by_chance_stays_as_it_is(
    store: SqlStore, name: str, text: str
) -> None:
    records = SqlRecords(store.database)
    await store.claim(said("m1", author=Author(ANA.id, name), text="what is the plan"))
    running = await told_by_ben(store, THREAD, text)
    await records.forget_person("discord", ANA.id, names=[name])
    assert await left_of(store, running) == [text, f"Well, {text}", "Done.", "2 prompts"]


async def test_where_a_person_is_only_mentioned_what_is_like_their_words_stays(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    await store.claim(said("m1", text="I want to know what is the capital"))
    running = await told_by_ben(store, THREAD, "@Ana: I want to ask what is the plan")
    await records.forget_person("discord", ANA.id)
    cleaned = "@[…]: I want to ask what is the plan"
    assert await left_of(store, running) == [cleaned, f"Well, {cleaned}", "[…]", "0 prompts"]


async def test_others_have_their_turn_while_a_person_is_forgotten(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each statement that goes to the database gives them one."""
    monkeypatch.setattr(cleaning, "AT_ONCE", 2)
    secret = "my secret is that I love cheese"
    await store.claim(said("m0", text=secret))
    for number in range(5):
        await store.claim(said(f"b{number}", author=BEN, text=f"{secret}, she said"))
    read: list[str] = []

    def note(*given: Any) -> None:
        if "turns.text AS text" in given[2]:
            read.append(given[2])

    event.listen(Engine, "before_cursor_execute", note)
    try:
        await SqlRecords(store.database).forget_person("discord", ANA.id)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert len(read) == 3
    last = await store.claim(said("b9", author=BEN, text="well"))
    assert last is not None
    assert await texts(store, last) == ["[…], she said"] * 5 + ["well"]


async def test_lists_that_name_a_person_stay_and_are_told_of(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    lists = {"allow": [f"person:{BEN.id}"], "deny": [f"person:{ANA.id}", f"person:{ANA.id}9"]}
    for scope in (PLACE.id, OTHER.id):
        await records.set_settings(scope, {"access": lists}, BEN)
    kept = await records.export_person("discord", ANA.id)
    assert kept["access"] == [{"scope": PLACE.id, "list": "deny"}]
    assert (await records.stored("discord", ANA.id)).lists == 1
    await records.forget_person("discord", ANA.id)
    assert (await records.settings([PLACE.id]))["access"].value == lists
    [here] = await records.changes([PLACE.id], limit=5)
    assert here.after == json.dumps(lists).replace(f'"person:{ANA.id}"', '"person:[…]"')
    [elsewhere] = await records.changes([OTHER.id], limit=5)
    assert elsewhere.after == json.dumps(lists)


async def test_the_export_has_messages_of_answers_and_the_prompts_of_direct_messages(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    direct = Place("discord", "@me", "8", private=True)
    for place in (PLACE, direct):
        await answer(store, await claimed(store, f"in {place.id}", place=place), "Hello.")
    export = json.loads(json.dumps(await records.export_person("discord", ANA.id)))
    assert [part["text"] for part in export["reply_parts"]] == ["Hello.", "Hello."]
    assert [prompt["text"] for prompt in export["prompts"]] == [PROMPT.text]


async def test_the_channels_sums_stay_when_a_person_goes(still: SqlStore) -> None:
    records = SqlRecords(still.database, lambda: NOON)
    await answer(still, await claimed(still, "m1"), "Hello.")
    ben = await still.claim(said("m2", author=BEN))
    assert ben is not None
    await answer(still, ben, "Hello.")
    today = NOON.date()
    mine, channel = await used(records, ANA, today)
    assert (mine.messages, channel.messages) == (1, 2)
    await records.forget_person("discord", ANA.id)
    await records.forget_person("discord", BEN.id)
    mine, after = await used(records, ANA, today)
    assert (mine.messages, after) == (1, channel)
    assert (await used(records, BEN, today))[0].messages == 1


async def test_a_message_that_was_claimed_is_not_answered_again_after_forgetting(
    store: SqlStore,
) -> None:
    await answer(store, await claimed(store, "m1"), "Hello.")
    await SqlRecords(store.database).forget_person("discord", ANA.id)
    assert await store.claim(said("m1")) is None


async def test_a_language_is_kept_told_and_forgotten_apart_from_a_decision(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    assert await records.locale("discord", ANA.id) == ""
    await records.keep_locale("discord", ANA.id, "fr")
    await records.keep_locale("discord", ANA.id, "de")
    await records.use_feedback("discord", ANA.id, False)
    await records.keep_locale("discord", BEN.id, "ja")
    kept = await records.stored("discord", ANA.id)
    assert (kept.locale, kept.feedback_use) == ("de", False)
    assert (await records.stored("discord", BEN.id)).feedback_use
    assert (await records.export_person("discord", ANA.id))["locale"] == "de"
    assert await records.locale("slack", ANA.id) == ""
    for person in (ANA, BEN):
        await records.forget_person("discord", person.id)
        assert await records.locale("discord", person.id) == ""
    assert not (await records.stored("discord", ANA.id)).feedback_use
