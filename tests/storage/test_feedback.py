from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.control.records import Preference, Verdict, Vote
from bot.values import Reply, ReplyState
from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import ANA, BEN, FINISH, NOON, PLACE, PROMPT, answer, claimed, judged

ASKED = replace(PROMPT, messages=(("system", "Be brief."), ("user", "hi")))


async def answered_twice(store: SqlStore, records: SqlRecords) -> Reply:
    reply = await claimed(store, "m1")
    for text in ("First.", "Second."):
        await store.complete(reply.id, text, FINISH, ASKED)
        await store.end(reply.id, ReplyState.DELIVERED)
        if text == "First.":
            await records.reopen(reply.id, ANA.id)
    return reply


async def test_feedback_comes_with_all_that_training_needs(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    reply = await answered_twice(store, records)
    assert await records.vote(Vote(reply.id, 2, BEN, Verdict.UP, "short"))
    assert await records.prefer(Preference(reply.id, 2, 1, BEN))
    (example,) = await records.examples()
    assert example.prompts == {1: ASKED.messages, 2: ASKED.messages}
    assert [a.text for a in example.answers] == ["First.", "Second."]
    assert [a.seed for a in example.answers] == [42, 42]
    assert [(v.number, v.verdict, v.reason) for v in example.votes] == [(2, Verdict.UP, "short")]
    assert [(p.better, p.worse) for p in example.preferences] == [(2, 1)]


async def test_who_changes_their_mind_replaces_their_vote(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    reply = await answered_twice(store, records)
    await records.vote(Vote(reply.id, 1, BEN, Verdict.UP))
    await records.vote(Vote(reply.id, 1, BEN, Verdict.DOWN, "wrong"))
    await records.vote(Vote(reply.id, 1, ANA, Verdict.UP))
    await records.prefer(Preference(reply.id, 2, 1, BEN))
    await records.prefer(Preference(reply.id, 1, 2, BEN))
    (example,) = await records.examples()
    votes = {(v.author.id, v.verdict, v.reason) for v in example.votes}
    assert votes == {("1", Verdict.UP, ""), ("2", Verdict.DOWN, "wrong")}
    assert [(p.better, p.worse) for p in example.preferences] == [(1, 2)]


async def test_there_is_no_vote_on_an_answer_that_is_not_there(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    reply = await answered_twice(store, records)
    assert not await records.vote(Vote(reply.id, 3, BEN, Verdict.UP))
    assert not await records.prefer(Preference(reply.id, 1, 1, BEN))
    assert not await records.prefer(Preference(reply.id, 1, 9, BEN))
    assert await records.examples() == []


async def test_feedback_of_who_opted_out_is_not_exported(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    reply = await answered_twice(store, records)
    await records.vote(Vote(reply.id, 1, ANA, Verdict.UP))
    await records.vote(Vote(reply.id, 1, BEN, Verdict.DOWN))
    await records.use_feedback("discord", BEN.id, False)
    (example,) = await records.examples()
    assert [v.author.id for v in example.votes] == [ANA.id]
    await records.use_feedback("discord", ANA.id, False)
    assert await records.examples() == []
    await records.use_feedback("discord", ANA.id, True)
    assert len(await records.examples()) == 1


async def test_words_of_who_opted_out_are_in_nobodys_example(store: SqlStore) -> None:
    """Ana asked before; her message stands in the prompts of the conversation since."""
    records = SqlRecords(store.database)
    reply = await answered_twice(store, records)
    later = await claimed(store, "m2")
    await answer(store, later, "Third.")
    await records.vote(Vote(later.id, 1, BEN, Verdict.UP))
    await records.use_feedback("discord", ANA.id, False)
    assert await records.examples() == []
    assert reply.id < later.id


async def test_nor_are_they_once_their_messages_are_gone(store: SqlStore) -> None:
    """Retention has ended Ana's message, and not yet the answer that was made of it."""
    records = SqlRecords(store.database)
    await judged(SqlStore(store.database, lambda: NOON), "m1", ANA, kept=1)
    await judged(store, "m2", BEN, kept=3)
    own = await judged(store, "m3", BEN, kept=1)
    await records.use_feedback("discord", ANA.id, False)
    await records.purge_places([PLACE.id], NOON + timedelta(days=1))
    assert [example.reply_id for example in await records.examples()] == [own.id]


async def test_examples_come_in_pages(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    for number in range(5):
        reply = await claimed(store, f"m{number}")
        await answer(store, reply, "Answer.")
        await records.vote(Vote(reply.id, 1, BEN, Verdict.UP))
    first = await records.examples(limit=3)
    rest = await records.examples(after=first[-1].reply_id, limit=3)
    assert (len(first), len(rest)) == (3, 2)
