from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import replace

import pytest

from bot.values import UNFINISHED, Part, Place, ReplyState
from storage import SqlStore
from tests.storage.given import FINISH, PLACE, PROMPT, THREAD, answer, claimed, said, texts

ENDINGS = sorted(set(ReplyState) - UNFINISHED)


def row(raw: sqlite3.Connection, reply_id: int) -> sqlite3.Row:
    found: sqlite3.Row = raw.execute("SELECT * FROM replies WHERE id = ?", [reply_id]).fetchone()
    return found


def answers(raw: sqlite3.Connection) -> list[str]:
    return [text for (text,) in raw.execute("SELECT text FROM turns WHERE role = 'assistant'")]


async def test_a_good_life_is_journalled_whole(store: SqlStore, raw: sqlite3.Connection) -> None:
    reply = await claimed(store, "m1")
    await answer(store, reply, "Good morning!")
    found = row(raw, reply.id)
    assert (found["state"], found["text"]) == ("delivered", "Good morning!")
    assert (found["persona_version"], found["kept"], found["dropped"]) == (3, 5, 2)
    assert (found["prompt_tokens"], found["reused_tokens"], found["tokens"]) == (30, 20, 7)
    assert (found["finish_reason"], found["seed"]) == ("stop", 42)
    assert found["claimed_at"] < found["updated_at"] == found["ended_at"]
    assert answers(raw) == ["Good morning!"]
    assert await store.unfinished("discord") == []


@pytest.mark.parametrize("state", sorted(UNFINISHED))
async def test_an_unfinished_reply_is_found_again_as_it_was(
    store: SqlStore, state: ReplyState
) -> None:
    reply = await claimed(store, "m1", place=Place("discord", "dm", "c", private=True))
    await store.advance(reply.id, state)
    await store.flush(reply.id, "So far")
    for part in (Part(1, "b", "far"), Part(0, "a", "So"), Part(1, "b", "far, so")):
        await store.save_part(reply.id, part)
    parts = (Part(0, "a", "So"), Part(1, "b", "far, so"))
    assert await store.unfinished("discord") == [
        replace(reply, state=state, text="So far", parts=parts)
    ]
    assert await store.unfinished("slack") == []


@pytest.mark.parametrize("start", sorted(UNFINISHED))
@pytest.mark.parametrize("ending", ENDINGS)
async def test_every_unfinished_reply_can_end_and_then_stays_ended(
    store: SqlStore, raw: sqlite3.Connection, start: ReplyState, ending: ReplyState
) -> None:
    reply = await claimed(store, "m1")
    await store.advance(reply.id, start)
    await store.end(reply.id, ending, text="half", reason="why")
    ended = tuple(row(raw, reply.id))
    await store.advance(reply.id, ReplyState.GENERATING)
    await store.flush(reply.id, "more")
    await store.complete(reply.id, "everything", FINISH, PROMPT)
    for other in ENDINGS:
        await store.end(reply.id, other, text="other")
    assert tuple(row(raw, reply.id)) == ended
    assert (row(raw, reply.id)["state"], row(raw, reply.id)["reason"]) == (ending, "why")
    assert answers(raw) == ["half"]


async def test_states_are_not_taken_for_one_another(store: SqlStore) -> None:
    reply = await claimed(store, "m1")
    with pytest.raises(ValueError, match="is an ending"):
        await store.advance(reply.id, ReplyState.DELIVERED)
    with pytest.raises(ValueError, match="is no ending"):
        await store.end(reply.id, ReplyState.QUEUED)


async def test_an_ending_after_the_whole_text_adds_no_second_turn(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    reply = await claimed(store, "m1")
    await store.complete(reply.id, "the whole", FINISH, PROMPT)
    await store.end(reply.id, ReplyState.FAILED, text="the", reason="closed to the bot")
    assert answers(raw) == ["the whole"]
    assert row(raw, reply.id)["text"] == "the whole"


async def test_a_reply_written_anew_after_a_crash_has_one_turn_the_newer(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    reply = await claimed(store, "m1")
    await store.complete(reply.id, "first", FINISH, PROMPT)
    assert await texts(store, reply) == ["text of m1"]
    await store.complete(reply.id, "second", FINISH, PROMPT)
    assert answers(raw) == ["second"]


@pytest.mark.parametrize("text", [None, ""])
async def test_an_ending_without_text_leaves_no_turn(
    store: SqlStore, raw: sqlite3.Connection, text: str | None
) -> None:
    reply = await claimed(store, "m1")
    await store.flush(reply.id, "So far")
    await store.end(reply.id, ReplyState.FAILED, text=text)
    assert answers(raw) == []
    assert row(raw, reply.id)["text"] == ("So far" if text is None else "")


async def test_a_late_flush_does_not_shorten_the_whole_text(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    reply = await claimed(store, "m1")
    await store.complete(reply.id, "the whole", FINISH, PROMPT)
    await store.flush(reply.id, "the")
    assert row(raw, reply.id)["text"] == "the whole"


async def test_stop_and_completion_at_once_leave_one_ending_and_one_turn(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    reply = await claimed(store, "m1")
    await asyncio.gather(
        store.end(reply.id, ReplyState.STOPPED, text="half"),
        store.complete(reply.id, "whole", FINISH, PROMPT),
        store.end(reply.id, ReplyState.DELIVERED, text="whole"),
    )
    assert row(raw, reply.id)["ended_at"] is not None
    assert answers(raw) in (["half"], ["whole"])
    assert row(raw, reply.id)["text"] == answers(raw)[0]


async def test_merged_messages_are_answered_together_by_the_newest(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    first, second, third = [await claimed(store, f"m{i}") for i in range(3)]
    await store.merge([first.id, second.id, third.id], third.id)
    assert await texts(store, third) == ["text of m0", "text of m1", "text of m2"]
    assert [row(raw, r.id)["state"] for r in (first, second, third)] == [
        "merged",
        "merged",
        "claimed",
    ]


async def test_merging_leaves_ended_replies_and_other_places_alone(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    ended, newest = await claimed(store, "m1"), await claimed(store, "m2")
    elsewhere = await claimed(store, "m3", place=THREAD)
    await store.end(ended.id, ReplyState.FAILED)
    await store.merge([ended.id, elsewhere.id, 999], newest.id)
    assert row(raw, ended.id)["state"] == "failed"
    assert row(raw, elsewhere.id)["state"] == "claimed"
    assert await texts(store, elsewhere) == ["text of m3"]


async def test_an_unfinished_reply_knows_which_messages_are_of_others_there(
    store: SqlStore,
) -> None:
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    elsewhere = await claimed(store, "m3", place=THREAD)
    for reply, message_id in ((first, "a"), (second, "b"), (elsewhere, "c")):
        await store.save_part(reply.id, Part(0, message_id))
    await store.end(first.id, ReplyState.FAILED)
    found = {reply.id: reply.beside for reply in await store.unfinished("discord")}
    assert found == {second.id: {"a"}, elsewhere.id: frozenset()}


async def test_unfinished_replies_come_oldest_first(store: SqlStore) -> None:
    ids = [(await claimed(store, f"m{i}")).id for i in range(5)]
    await store.end(ids[2], ReplyState.STOPPED)
    slack = await store.claim(said("m", place=replace(PLACE, platform="slack")))
    assert slack is not None
    assert [r.id for r in await store.unfinished("discord")] == ids[:2] + ids[3:]
    assert await store.unfinished("slack") == [slack]


async def test_a_part_that_was_taken_back_is_forgotten(store: SqlStore) -> None:
    reply = await claimed(store, "m1")
    for index in range(2):
        await store.save_part(reply.id, Part(index, f"out-{index}"))
    await store.drop_part(reply.id, 1)
    await store.drop_part(reply.id, 7)
    [found] = await store.unfinished("discord")
    assert found.parts == (Part(0, "out-0"),)
