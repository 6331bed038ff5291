from __future__ import annotations

from bot.values import ReplyState, Role
from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import PLACE, THREAD, answer, claimed, texts


async def test_a_message_that_waited_comes_after_the_answer_it_waited_for(store: SqlStore) -> None:
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "one")
    assert await texts(store, second) == ["text of m1", "one", "text of m2"]


async def test_a_reply_sees_nothing_that_was_said_after_it(store: SqlStore) -> None:
    first, _second = await claimed(store, "m1"), await claimed(store, "m2")
    assert await texts(store, first) == ["text of m1"]


async def test_places_do_not_hear_one_another(store: SqlStore) -> None:
    here, there = await claimed(store, "m1"), await claimed(store, "m2", place=THREAD)
    await answer(store, here, "here")
    await answer(store, there, "there")
    assert await texts(store, await claimed(store, "m3")) == ["text of m1", "here", "text of m3"]


async def test_what_a_failed_reply_should_have_answered_stays(store: SqlStore) -> None:
    failed = await claimed(store, "m1")
    await store.end(failed.id, ReplyState.FAILED, reason="stumbled")
    assert await texts(store, await claimed(store, "m2")) == ["text of m1", "text of m2"]


async def test_answers_have_no_author(store: SqlStore) -> None:
    first = await claimed(store, "m1")
    await answer(store, first, "one")
    turns = await store.history(PLACE, (await claimed(store, "m2")).id)
    assert [(turn.role, turn.author is None) for turn in turns] == [
        (Role.USER, False),
        (Role.ASSISTANT, True),
        (Role.USER, False),
    ]


async def test_the_window_starts_by_position_not_by_age(store: SqlStore) -> None:
    """The waiting message is older than the answer before it, and yet comes after it."""
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "one")
    turns = await store.history(PLACE, second.id)
    await store.keep_from(PLACE, turns[1].id)
    assert await texts(store, second) == ["one", "text of m2"]
    await store.keep_from(PLACE, turns[2].id)
    assert await texts(store, second) == ["text of m2"]


async def test_the_window_stays_when_its_first_turn_is_withdrawn(store: SqlStore) -> None:
    replies = [await claimed(store, f"m{i}") for i in range(3)]
    turns = await store.history(PLACE, replies[2].id)
    await store.keep_from(PLACE, turns[1].id)
    assert await store.withdraw(PLACE, "m1")
    assert await texts(store, replies[2]) == ["text of m2"]


async def test_the_window_is_not_moved_back_behind_a_reset(store: SqlStore) -> None:
    """A prompt that was being made when somebody reset the conversation."""
    first, second = await claimed(store, "m1"), await claimed(store, "m2")
    await answer(store, first, "one")
    turns = await store.history(PLACE, second.id)
    await SqlRecords(store.database).reset(PLACE)
    await store.keep_from(PLACE, turns[1].id, reply_id=second.id, dropped=1)
    following = await claimed(store, "m3")
    assert await texts(store, following) == ["text of m3"]
    assert await store.left_out(PLACE, following.id) == 0


async def test_the_window_does_not_start_at_a_strange_turn(store: SqlStore) -> None:
    here, there = await claimed(store, "m1"), await claimed(store, "m2", place=THREAD)
    [turn] = await store.history(THREAD, there.id)
    await store.keep_from(PLACE, turn.id)
    await store.keep_from(PLACE, 999)
    assert await texts(store, here) == ["text of m1"]


async def test_an_edit_on_the_platform_changes_the_turn(store: SqlStore) -> None:
    reply = await claimed(store, "m1")
    assert await store.amend(PLACE, "m1", "what I meant")
    assert await texts(store, reply) == ["what I meant"]
    assert not await store.amend(PLACE, "unknown", "x")
    assert not await store.amend(THREAD, "m1", "x")


async def test_a_deletion_on_the_platform_removes_the_turn_but_not_the_claim(
    store: SqlStore,
) -> None:
    reply = await claimed(store, "m1")
    assert await store.withdraw(PLACE, "m1")
    assert not await store.withdraw(PLACE, "m1")
    assert await texts(store, reply) == []
    assert [r.id for r in await store.unfinished("discord")] == [reply.id]


async def test_a_turn_id_is_never_used_again(store: SqlStore) -> None:
    reply = await claimed(store, "m1")
    [old] = await store.history(PLACE, reply.id)
    await store.withdraw(PLACE, "m1")
    again = await claimed(store, "m2")
    [new] = await store.history(PLACE, again.id)
    assert new.id > old.id
