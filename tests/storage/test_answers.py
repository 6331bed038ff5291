from __future__ import annotations

from dataclasses import replace

import pytest

from bot.control.records import Origin
from bot.values import FinishReason, Part, Reply, ReplyState
from storage import SqlStore
from storage.records import SqlRecords
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
)

ORIGIN = Origin("Llama 2", "nf4", "pirate", (("temperature", 0.6), ("top_p", 0.9)), 1.5)


@pytest.fixture
def records(store: SqlStore) -> SqlRecords:
    return SqlRecords(store.database)


async def again(store: SqlStore, records: SqlRecords, reply: Reply, text: str) -> None:
    """Give an ended reply another answer."""
    reopened = await records.reopen(reply.id, ANA.id)
    assert reopened is not None
    await store.complete(reply.id, text, replace(FINISH, seed=7), PROMPT, ORIGIN)
    await store.end(reply.id, ReplyState.DELIVERED)


async def test_an_answer_is_recorded_with_what_it_was_made_from(
    store: SqlStore, records: SqlRecords
) -> None:
    reply = await claimed(store, "m1")
    await store.complete(reply.id, "Caw.", FINISH, PROMPT, ORIGIN)
    await store.end(reply.id, ReplyState.DELIVERED)
    record = await records.record(reply.id)
    assert record is not None
    assert (record.place, record.text, record.shown, record.newest) == (PLACE, "Caw.", 1, True)
    (only,) = record.alternatives
    assert only.origin == ORIGIN
    assert (only.seed, only.tokens, only.prompt_tokens, only.reused) == (42, 7, 30, 20)
    assert (only.kept, only.dropped, only.finish) == (5, 2, FinishReason.STOP)
    assert only.made_at > NOON


async def test_a_second_answer_keeps_the_first_one(store: SqlStore, records: SqlRecords) -> None:
    reply = await claimed(store, "m1")
    await answer(store, reply, "First.")
    await again(store, records, reply, "Second.")
    record = await records.record(reply.id)
    assert record is not None
    assert [a.text for a in record.alternatives] == ["First.", "Second."]
    assert record.shown == 2
    following = await claimed(store, "m2")
    assert await texts(store, following) == ["text of m1", "Second.", "text of m2"]


async def test_an_earlier_answer_can_be_brought_back(store: SqlStore, records: SqlRecords) -> None:
    reply = await claimed(store, "m1")
    await answer(store, reply, "First.")
    await again(store, records, reply, "Second.")
    chosen = await records.choose(reply.id, 1)
    assert chosen is not None
    assert (chosen.state, chosen.text) == (ReplyState.DELIVERING, "First.")
    assert chosen.parts == (Part(0, f"out-{reply.id}", "First."),)
    await store.end(reply.id, ReplyState.DELIVERED, text=chosen.text)
    following = await claimed(store, "m2")
    assert await texts(store, following) == ["text of m1", "First.", "text of m2"]


async def test_a_reopened_reply_is_found_at_the_next_start(
    store: SqlStore, records: SqlRecords
) -> None:
    reply = await claimed(store, "m1")
    await answer(store, reply, "First.")
    await records.reopen(reply.id, ANA.id)
    (found,) = await store.unfinished("discord")
    assert (found.id, found.state, found.text) == (reply.id, ReplyState.QUEUED, "")
    assert len(found.parts) == 1


async def test_only_the_newest_ended_reply_is_given_again(
    store: SqlStore, records: SqlRecords
) -> None:
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "First.")
    assert await records.reopen(first.id, ANA.id) is None
    assert await records.choose(first.id, 1) is None
    assert await records.reopen(second.id, ANA.id) is None, "it has not ended"
    assert await records.reopen(9999, ANA.id) is None


async def test_undo_takes_the_newest_exchange_out(store: SqlStore, records: SqlRecords) -> None:
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "First.")
    await answer(store, second, "Second.")
    undone = await records.undo(PLACE)
    assert undone is not None
    assert undone.id == second.id
    assert await texts(store, await claimed(store, "m3")) == ["text of m1", "First.", "text of m3"]


async def test_nothing_is_undone_while_an_answer_is_being_given(
    store: SqlStore, records: SqlRecords
) -> None:
    await answer(store, await claimed(store, "m1"), "First.")
    running = await claimed(store, "m2")
    assert await records.undo(PLACE) is None
    assert await texts(store, running) == ["text of m1", "First.", "text of m2"]


async def test_a_reset_begins_anew_and_keeps_the_archive(
    store: SqlStore, records: SqlRecords
) -> None:
    for number in range(3):
        await answer(store, await claimed(store, f"m{number}"), f"Answer {number}.")
    assert await records.reset(PLACE) == 6
    assert await records.reset(PLACE) == 0
    assert await records.newest_record(PLACE) is None
    assert await records.undo(PLACE) is None
    assert await texts(store, await claimed(store, "new")) == ["text of new"]
    archive = await records.export_place(PLACE)
    assert len(archive["turns"]) == 7


async def test_an_answer_that_runs_while_the_conversation_is_reset_belongs_to_the_old_one(
    store: SqlStore, records: SqlRecords
) -> None:
    running = await claimed(store, "m1")
    await records.reset(PLACE)
    await answer(store, running, "Late.")
    assert await texts(store, await claimed(store, "new")) == ["text of new"]


async def test_an_answer_begun_after_a_reset_still_knows_its_question(
    store: SqlStore, records: SqlRecords
) -> None:
    """Its model is being loaded, for instance, so that it reads the conversation later."""
    await answer(store, await claimed(store, "m1"), "First.")
    running = await claimed(store, "m2")
    assert await records.reset(PLACE) == 3
    assert await texts(store, running) == ["text of m2"]


async def test_what_waits_at_a_reset_belongs_to_the_new_conversation(
    store: SqlStore, records: SqlRecords
) -> None:
    running, waiting = await claimed(store, "m1"), await claimed(store, "m2")
    assert await records.reset(PLACE, waiting.id) == 1
    assert await records.reset(PLACE, waiting.id) == 0
    await answer(store, running, "Late.")
    await answer(store, waiting, "Here.")
    following = await claimed(store, "m3")
    assert await texts(store, following) == ["text of m2", "Here.", "text of m3"]


async def test_a_reply_is_found_by_any_of_its_messages(
    store: SqlStore, records: SqlRecords
) -> None:
    reply = await claimed(store, "m1")
    await answer(store, reply, "First.")
    for message_id in ("m1", f"out-{reply.id}"):
        found = await records.record_of_message(PLACE, message_id)
        assert found is not None
        assert found.reply_id == reply.id
    assert await records.record_of_message(PLACE, "unknown") is None


async def test_where_somebody_asked_last_is_found_in_a_channel_with_its_threads(
    store: SqlStore, records: SqlRecords
) -> None:
    elsewhere = replace(PLACE, channel="channel1")
    assert await records.newest_place(PLACE, ANA.id) is None
    await claimed(store, "m1")
    await claimed(store, "m2", place=THREAD)
    await store.claim(said("m3", author=BEN))
    await claimed(store, "m4", place=elsewhere)
    assert await records.newest_place(PLACE, ANA.id) == THREAD
    assert await records.newest_place(PLACE, BEN.id) == PLACE
    assert await records.newest_place(elsewhere, BEN.id) is None
    await claimed(store, "m5")
    assert await records.newest_place(PLACE, ANA.id) == PLACE


@pytest.mark.parametrize("change", ["amend", "withdraw"])
async def test_exact_prompts_go_when_a_message_in_them_changes(
    store: SqlStore, records: SqlRecords, change: str
) -> None:
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "First.")
    await answer(store, second, "Second.")
    if change == "amend":
        await store.amend(PLACE, "m2", "What I meant")
    else:
        await store.withdraw(PLACE, "m2")
    assert (await records.totals(NOON.date()))["prompts"] == 1
