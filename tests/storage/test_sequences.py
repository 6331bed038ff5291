"""Any order of operations, however odd, keeps what the journal promises."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.engine import Connection

from bot.values import UNFINISHED, Part, ReplyState
from storage import SqlStore
from storage.address import read
from storage.database import Database
from storage.tables import metadata
from tests.storage.given import FINISH, PLACE, PROMPT, THREAD, said

WORDS = st.text(max_size=8)
ID = st.integers(1, 6)
STEPS = st.one_of(
    st.tuples(st.just("claim"), st.integers(1, 6), st.sampled_from([PLACE, THREAD])),
    st.tuples(st.just("advance"), ID, st.sampled_from(sorted(UNFINISHED))),
    st.tuples(st.just("flush"), ID, WORDS),
    st.tuples(st.just("part"), ID, st.integers(0, 2)),
    st.tuples(st.just("complete"), ID, WORDS),
    st.tuples(st.just("end"), ID, st.sampled_from(sorted(set(ReplyState) - UNFINISHED)), WORDS),
    st.tuples(st.just("merge"), ID, ID),
    st.tuples(st.just("withdraw"), ID),
    st.tuples(st.just("keep"), st.integers(1, 12)),
)


async def take(store: SqlStore, step: tuple[Any, ...]) -> None:
    match step:
        case "claim", number, place:
            await store.claim(said(f"m{number}", place=place))
        case "advance", reply_id, state:
            await store.advance(reply_id, state)
        case "flush", reply_id, words:
            await store.flush(reply_id, words)
        case "part", reply_id, index if reply_id in await replies_of(store):
            await store.save_part(reply_id, Part(index, "out"))
        case "complete", reply_id, words:
            await store.complete(reply_id, words, FINISH, PROMPT)
        case "end", reply_id, state, words:
            await store.end(reply_id, state, text=words)
        case "merge", merged, into if into in await replies_of(store):
            await store.merge([merged], into)
        case "withdraw", number:
            await store.withdraw(PLACE, f"m{number}")
        case "keep", turn_id:
            await store.keep_from(PLACE, turn_id)


async def replies_of(store: SqlStore) -> set[int]:
    return {reply.id for reply in await store.unfinished("discord")}


def facts(connection: Connection) -> dict[str, list[Any]]:
    def ask(sql: str) -> list[Any]:
        return [tuple(row) for row in connection.execute(text(sql))]

    return {
        "replies": ask("SELECT id, state, ended_at FROM replies"),
        "answers": ask("SELECT reply_id FROM turns WHERE role = 'assistant'"),
        "strays": ask(
            "SELECT t.id FROM turns t JOIN replies r ON r.id = t.reply_id"
            " WHERE r.place_id <> t.place_id"
        ),
        "claims": ask("SELECT message_id FROM claims"),
    }


async def check(steps: list[tuple[Any, ...]]) -> None:
    database = Database(read("sqlite://"))
    await database.write(metadata.create_all)
    store = SqlStore(database)
    ended: dict[int, Any] = {}
    for step in steps:
        await take(store, step)
        now = await database.read(facts)
        alive = await replies_of(store)
        for reply_id, state, ended_at in now["replies"]:
            assert ReplyState(state).ended is (ended_at is not None) is (reply_id not in alive)
            if ended_at is not None:
                assert ended.setdefault(reply_id, (state, ended_at)) == (state, ended_at)
        assert all(count == 1 for count in Counter(now["answers"]).values())
        assert now["strays"] == []
        assert len(now["claims"]) == len(now["replies"])
    await store.close()


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=30))
def test_a_reply_ends_once_and_has_one_answer_at_most(steps: list[tuple[Any, ...]]) -> None:
    claims: list[tuple[Any, ...]] = [("claim", number, PLACE) for number in (1, 2, 3)]
    asyncio.run(check(claims + steps))
