from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Engine
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement

from bot.commands import training
from bot.control.records import Verdict, Vote
from bot.values import Place
from storage import SqlStore
from storage.records import SqlRecords
from storage.tables import metadata
from tests.storage.given import ANA, BEN, PLACE, answer, claimed, lived_in, said

ELSEWHERE = Place("discord", "guild", "elsewhere")


class Overheard:
    """Every statement that went to a database, as SQLAlchemy and as the driver saw it."""

    def __init__(self) -> None:
        self.elements: list[ClauseElement] = []
        self.sent: dict[str, Any] = {}
        self.selected: list[tuple[str, Any]] = []

    def element(self, _connection: Any, element: ClauseElement, *_rest: Any) -> None:
        self.elements.append(element)

    def text(self, _connection: Any, _cursor: Any, sql: str, values: Any, *_rest: Any) -> None:
        if sql.startswith(("SELECT", "INSERT", "UPDATE", "DELETE")):
            self.sent[sql] = values
        if sql.startswith("SELECT"):
            self.selected.append((sql, values))


@pytest.fixture
def overheard() -> Iterator[Overheard]:
    ears = Overheard()
    event.listen(Engine, "before_execute", ears.element)
    event.listen(Engine, "before_cursor_execute", ears.text)
    yield ears
    event.remove(Engine, "before_execute", ears.element)
    event.remove(Engine, "before_cursor_execute", ears.text)


def plan(raw: sqlite3.Connection, sql: str, values: Any) -> str:
    steps = raw.execute(f"EXPLAIN QUERY PLAN {sql}", values)
    return "\n".join(step["detail"] for step in steps)


async def test_no_statement_reads_a_whole_table_or_sorts(
    store: SqlStore, overheard: Overheard, raw: sqlite3.Connection
) -> None:
    await lived_in(store)
    overheard.sent.pop("SELECT places.id \nFROM places\n LIMIT ? OFFSET ?", None)
    plans = {sql: plan(raw, sql, values) for sql, values in overheard.sent.items()}
    slow = {
        sql: steps
        for sql, steps in plans.items()
        if "TEMP B-TREE" in steps or ("SCAN" in steps and "ix_replies_unfinished" not in steps)
    }
    assert len(plans) > 15
    assert slow == {}


async def test_history_walks_one_index_in_its_own_order(
    store: SqlStore, overheard: Overheard, raw: sqlite3.Connection
) -> None:
    await lived_in(store)
    [steps] = {
        plan(raw, sql, values)
        for sql, values in overheard.sent.items()
        if sql.startswith("SELECT turns.id, turns.place_id")
    }
    assert "ix_turns_place_id_reply_id_id (place_id=? AND reply_id>? AND reply_id<?)" in steps
    assert "B-TREE" not in steps


async def test_recovery_looks_only_at_what_did_not_end(
    store: SqlStore, overheard: Overheard, raw: sqlite3.Connection
) -> None:
    await lived_in(store)
    plans = [
        plan(raw, sql, values)
        for sql, values in overheard.sent.items()
        if "replies.ended_at IS NULL AND places" in sql
    ]
    assert len(plans) == 2
    assert all("ix_replies_unfinished" in steps for steps in plans), plans


async def test_those_who_were_forgotten_are_found_by_their_mark(
    store: SqlStore, overheard: Overheard, raw: sqlite3.Connection
) -> None:
    records = SqlRecords(store.database)
    await answer(store, await claimed(store, "m1"), "Hello.")
    await records.forget_person("discord", ANA.id)
    overheard.sent.clear()
    await records.settle_use(datetime.now(UTC).date() + timedelta(days=1))
    plans = {sql: plan(raw, sql, values) for sql, values in overheard.sent.items()}
    assert any(sql.startswith("UPDATE replies") for sql in plans)
    assert [steps for steps in plans.values() if "SCAN" in steps or "(day<?)" in steps] == []
    marked = [plans[sql] for sql in plans if "LIKE" in sql]
    assert ["author_id>? AND author_id<?" in steps for steps in marked] == [True, True]


def instructions(raw: sqlite3.Connection, selected: list[tuple[str, Any]]) -> int:
    """How many SQLite needs for all of these."""
    count = 0

    def one_more() -> int:
        nonlocal count
        count += 1
        return 0

    raw.set_progress_handler(one_more, 1)
    for sql, values in selected:
        raw.execute(sql, values).fetchall()
    raw.set_progress_handler(None, 1)
    return count


async def test_an_export_takes_no_longer_than_there_is_more_of_everything(
    store: SqlStore,
    overheard: Overheard,
    raw: sqlite3.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ana wants none of her words used, and Ben likes answers where she is not."""
    monkeypatch.setattr(training, "PAGE", 4)
    records = SqlRecords(store.database)
    await records.use_feedback("discord", ANA.id, False)
    cost = []
    for part in range(2):
        for number in range(40):
            await claimed(store, f"a{part}.{number}")
        for number in range(8):
            liked = replace(said(f"b{part}.{number}", author=BEN), place=ELSEWHERE)
            reply = await store.claim(liked)
            assert reply is not None
            await answer(store, reply, "Yes.")
            await records.vote(Vote(reply.id, 1, BEN, Verdict.UP))
        overheard.selected.clear()
        lines = [line async for line in training.lines(records, training.Format.SFT)]
        assert len(lines) == 8 * (part + 1)
        cost.append(instructions(raw, overheard.selected))
    assert cost[1] < 2.5 * cost[0]


async def test_answers_under_a_persona_are_found_by_it(
    store: SqlStore, overheard: Overheard, raw: sqlite3.Connection
) -> None:
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    await SqlRecords(store.database).forget_person("discord", ANA.id)
    plans = {sql: plan(raw, sql, values) for sql, values in overheard.sent.items()}
    under = [plans[sql] for sql in plans if "answers.persona_scope = ?" in sql]
    index = "ix_answers_persona_scope_persona_version (persona_scope=? AND persona_version=?)"
    assert under
    assert [steps for steps in under if index not in steps] == []


async def test_every_statement_can_be_written_for_postgresql(
    store: SqlStore, overheard: Overheard
) -> None:
    await lived_in(store)
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    written = {str(element.compile(dialect=dialect)) for element in overheard.elements}
    assert any("RETURNING" in sql for sql in written)
    # While somebody is being forgotten, what is to be kept of an answer has to wait for that.
    [withheld] = [sql for sql in written if sql.startswith("SELECT replies.withheld")]
    assert withheld.endswith("FOR UPDATE")
    for table in metadata.sorted_tables:
        assert "CREATE TABLE" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            assert "CREATE" in str(CreateIndex(index).compile(dialect=dialect))
