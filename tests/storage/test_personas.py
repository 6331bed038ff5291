from __future__ import annotations

import sqlite3

from storage import SqlStore
from tests.storage.given import ANA, BEN, PLACE, THREAD

WORKSPACE = PLACE.scopes[-1]


async def test_nobody_set_a_persona(store: SqlStore) -> None:
    assert await store.persona(THREAD.scopes) is None
    assert await store.persona(()) is None


async def test_a_thread_inherits_from_its_channel_and_that_from_the_workspace(
    store: SqlStore,
) -> None:
    wide = await store.set_persona(WORKSPACE, "wide", ANA)
    assert await store.persona(THREAD.scopes) == wide
    narrow = await store.set_persona(PLACE.id, "narrow", ANA)
    assert await store.persona(THREAD.scopes) == narrow
    own = await store.set_persona(THREAD.id, "own", ANA)
    assert await store.persona(THREAD.scopes) == own
    assert await store.persona(PLACE.scopes) == narrow


async def test_a_cleared_scope_inherits_again(store: SqlStore) -> None:
    wide = await store.set_persona(WORKSPACE, "wide", ANA)
    await store.set_persona(PLACE.id, "narrow", ANA)
    assert await store.set_persona(PLACE.id, None, BEN) is None
    assert await store.persona(PLACE.scopes) == wide


async def test_versions_count_in_every_scope_and_never_go_back(store: SqlStore) -> None:
    texts = ("one", None, "three")
    personas = [await store.set_persona(PLACE.id, text, BEN) for text in texts]
    other = await store.set_persona(THREAD.id, "first here", ANA)
    assert [persona and persona.version for persona in personas] == [1, None, 3]
    assert other is not None
    assert other.version == 1
    found = await store.persona(PLACE.scopes)
    assert found == personas[2]
    assert found is not None
    assert (found.text, found.scope, found.set_by) == ("three", PLACE.id, BEN.name)
    assert found.set_at is not None
    assert found.set_at.tzinfo is not None


async def test_the_audit_list_says_who_replaced_what(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    await store.set_persona(PLACE.id, "one", ANA)
    await store.set_persona(PLACE.id, "two", BEN)
    await store.set_persona(PLACE.id, None, ANA)
    found = raw.execute("SELECT author_id, scope, what, before, after FROM audit ORDER BY id")
    assert [tuple(row) for row in found] == [
        ("1", PLACE.id, "persona", None, "one"),
        ("2", PLACE.id, "persona", "one", "two"),
        ("1", PLACE.id, "persona", "two", None),
    ]
