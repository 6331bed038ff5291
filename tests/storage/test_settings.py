from __future__ import annotations

from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import ANA, BEN, PLACE, THREAD


async def test_the_innermost_setting_holds(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await records.set_settings("discord:guild", {"when": "never", "names": False}, ANA)
    await records.set_settings(PLACE.id, {"when": "always", "temperature": 0.2}, ANA)
    await records.set_settings(THREAD.id, {"temperature": 1.5}, ANA)
    found = await records.settings(THREAD.scopes)
    assert {key: (each.value, each.scope) for key, each in found.items()} == {
        "when": ("always", PLACE.id),
        "names": (False, "discord:guild"),
        "temperature": (1.5, THREAD.id),
    }


async def test_a_setting_taken_away_is_inherited_again(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await records.set_settings("discord:guild", {"when": "never"}, ANA)
    await records.set_settings(PLACE.id, {"when": "always"}, ANA)
    await records.set_settings(PLACE.id, {"when": None}, ANA)
    assert (await records.settings(PLACE.scopes))["when"].scope == "discord:guild"


async def test_every_change_is_in_the_audit_list_and_nothing_else(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await records.set_settings(PLACE.id, {"when": "always", "top_k": 40}, ANA)
    assert not await records.set_settings(PLACE.id, {"when": "always"}, BEN)
    await records.set_settings(PLACE.id, {"top_k": None}, BEN)
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    lines = await records.changes(PLACE.scopes, limit=10)
    assert [(c.author.name, c.what, c.before, c.after) for c in lines] == [
        ("Ana", "persona", None, "You are a raven."),
        (BEN.name, "top_k", "40", None),
        ("Ana", "top_k", None, "40"),
        ("Ana", "when", None, "always"),
    ]
    assert len(await records.changes(PLACE.scopes, limit=2)) == 2


async def test_versions_of_a_persona_are_listed_newest_first(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    await store.set_persona(PLACE.id, None, BEN)
    await store.set_persona(PLACE.id, "You are a crow.", ANA)
    versions = await records.persona_versions(PLACE.id, limit=10)
    assert [(v.version, v.text, v.set_by) for v in versions] == [
        (3, "You are a crow.", "Ana"),
        (2, "", BEN.name),
        (1, "You are a raven.", "Ana"),
    ]
