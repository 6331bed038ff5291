"""Personas that a person wrote, and those that others wrote about them, when the person goes."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import func, select

from bot.values import Author, Persona, Place, ReplyState
from storage import SqlStore
from storage.records import SqlRecords
from storage.tables import prompts
from tests.storage.given import ANA, BEN, FINISH, PLACE, PROMPT, THREAD, claimed, said, texts

OTHER = Place("slack", "team", "channel")
AWAY = Place("discord", "another guild", "channel")
NEAR = Place("discord", "guild", "channel", "another thread")
KIND = "You are a helpful and honest assistant."


async def spoken(store: SqlStore, place: Place) -> str | None:
    persona = await store.persona(place.scopes)
    return None if persona is None else persona.text


async def told(
    store: SqlStore, place: Place, author: Author, text: str, persona: Persona | None
) -> None:
    """Somebody is answered with this under a persona."""
    reply = await store.claim(
        said(f"m-{place.id}-{persona and persona.version}", author=author, place=place)
    )
    assert reply is not None
    await store.complete(reply.id, text, FINISH, replace(PROMPT, persona=persona))
    await store.end(reply.id, ReplyState.DELIVERED)


async def kept_prompts(store: SqlStore) -> int:
    count = select(func.count()).select_from(prompts)
    return await store.database.read(lambda connection: connection.execute(count).scalar_one())


async def test_a_persona_goes_with_who_wrote_it_also_where_it_is_in_force(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    await store.set_persona(PLACE.id, "You are a crow.", ANA)
    await records.forget_person("discord", ANA.id)
    assert await store.persona(PLACE.scopes) is None
    versions = await records.persona_versions(PLACE.id, limit=5)
    assert [(v.version, v.text, v.set_by) for v in versions] == [(2, "", ""), (1, "", "")]
    cleared, *earlier = await records.changes([PLACE.id], limit=5)
    assert (cleared.what, cleared.before, cleared.after) == ("persona", "[…]", None)
    assert {(line.author.name, line.before, line.after) for line in earlier} == {("", None, None)}
    assert await store.set_persona(PLACE.id, "You are an owl.", BEN) is not None
    assert (await records.persona_versions(PLACE.id, limit=1))[0].version == 3


async def test_the_place_has_what_it_inherits_then(store: SqlStore) -> None:
    await store.set_persona(PLACE.id, "You are a raven.", BEN)
    await store.set_persona(THREAD.id, "You are a crow.", ANA)
    records = SqlRecords(store.database)
    assert (await records.stored("discord", ANA.id)).in_force == 1
    await records.forget_person("discord", ANA.id)
    persona = await store.persona(THREAD.scopes)
    assert persona is not None
    assert (persona.text, persona.set_by) == ("You are a raven.", BEN.name)


async def test_a_preset_in_force_stays_and_is_nobodys(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await store.set_persona(PLACE.id, "You are a raven.", ANA)
    presets = ["You are a raven."]
    assert (await records.stored("discord", ANA.id, presets=presets)).in_force == 0
    await records.forget_person("discord", ANA.id, presets=presets)
    persona = await store.persona(PLACE.scopes)
    assert persona is not None
    assert (persona.text, persona.set_by) == ("You are a raven.", "")


async def test_what_others_wrote_about_a_person_into_a_persona_loses_the_name(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    await claimed(store, "m1")
    await store.set_persona(PLACE.id, "Be kind to Ana, who has lost her job.", BEN)
    await store.set_persona(AWAY.id, "Be kind to Ana.", BEN)
    await records.forget_person("discord", ANA.id)
    persona = await store.persona(PLACE.scopes)
    assert persona is not None
    assert (persona.text, persona.set_by) == ("Be kind to […], who has lost her job.", BEN.name)
    [change] = await records.changes([PLACE.id], limit=5)
    assert change.after == persona.text
    elsewhere = await store.persona(AWAY.scopes)
    assert elsewhere is not None
    assert elsewhere.text == "Be kind to Ana."


async def test_answers_under_a_persona_do_not_keep_its_words(store: SqlStore) -> None:
    """Also where its author was never heard."""
    records = SqlRecords(store.database)
    words = "You are a raven who loves cheese."
    persona = await store.set_persona(PLACE.id, words, ANA)
    reply = await store.claim(said("m1", author=BEN, place=THREAD, text="who are you?"))
    assert reply is not None
    prompt = replace(PROMPT, text=words, persona=persona)
    await store.complete(reply.id, f"I was told: {words}", FINISH, prompt)
    await store.end(reply.id, ReplyState.DELIVERED)
    running = await store.claim(said("m2", author=BEN, place=THREAD))
    assert running is not None
    await records.forget_person("discord", ANA.id)
    await store.complete(running.id, words, FINISH, prompt)
    await store.end(running.id, ReplyState.DELIVERED)
    following = await store.claim(said("m3", author=BEN, place=THREAD, text="well"))
    assert following is not None
    told = await texts(store, following)
    assert told == ["who are you?", "I was told: […].", "text of m2", "[…]", "well"]
    assert await kept_prompts(store) == 0


async def test_a_persona_that_somebody_else_restored_goes_once_it_is_no_longer_in_force(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    for words, author in [("You are a raven.", ANA), ("You are a raven.", BEN), ("Caw.", BEN)]:
        await store.set_persona(PLACE.id, words, author)
    await store.set_persona(OTHER.id, "You are a raven.", BEN)
    await records.forget_person("discord", ANA.id)
    versions = await records.persona_versions(PLACE.id, limit=5)
    assert [(v.text, v.set_by) for v in versions] == [("Caw.", BEN.name), ("", BEN.name), ("", "")]
    [elsewhere] = await records.persona_versions(OTHER.id, limit=5)
    assert elsewhere.text == "You are a raven."


async def test_a_preset_that_others_chose_too_stays_theirs(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    for place, author in [(PLACE, ANA), (THREAD, BEN), (AWAY, BEN)]:
        for words in ("You are a pirate.", "Caw."):
            await store.set_persona(place.id, words, author)
    await records.forget_person("discord", ANA.id)
    assert [v.text for v in await records.persona_versions(PLACE.id, limit=5)] == ["", ""]
    for place in (THREAD, AWAY):
        versions = await records.persona_versions(place.id, limit=5)
        assert [v.text for v in versions] == ["Caw.", "You are a pirate."]
        changes = await records.changes([place.id], limit=5)
        assert [line.after for line in changes] == ["Caw.", "You are a pirate."]


async def test_what_a_person_said_cuts_nothing_out_of_a_persona_that_is_not_from_them(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    persona = await store.set_persona(PLACE.id, KIND, BEN)
    words = "you are a bad bot but the weather is nice"
    for number, (place, text) in enumerate([(THREAD, "hi"), (AWAY, words), (PLACE, words)]):
        assert await store.claim(said(f"m{number}", place=place, text=text))
    await told(store, NEAR, BEN, "So the weather is nice.", persona)
    before = await kept_prompts(store)
    await records.forget_person("discord", ANA.id)
    assert await spoken(store, PLACE) == KIND
    assert [line.after for line in await records.changes([PLACE.id], limit=5)] == [KIND]
    following = await store.claim(said("last", author=BEN, place=NEAR))
    assert following is not None
    assert (await texts(store, following))[1] == "So the weather is nice."
    assert await kept_prompts(store) == before


async def test_a_persona_that_quotes_what_a_person_had_said_there_loses_it_and_so_do_its_answers(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    first = await store.set_persona(PLACE.id, "Speak of apple pear plum.", BEN)
    assert await store.claim(said("m1", text="apple pear plum and no other fruit"))
    second = await store.set_persona(PLACE.id, "Ana wants no other fruit, be kind.", BEN)
    for persona in (first, second):
        await told(store, NEAR, BEN, "Well, apple pear plum and no other fruit.", persona)
    await records.forget_person("discord", ANA.id)
    versions = await records.persona_versions(PLACE.id, limit=5)
    assert [v.text for v in versions] == ["[…] wants […], be kind.", "Speak of apple pear plum."]
    following = await store.claim(said("last", author=BEN, place=NEAR))
    assert following is not None
    assert (await texts(store, following))[1:-1:2] == [
        "Well, apple pear plum and no other fruit.",
        "Well, apple pear plum and […].",
    ]


async def test_a_preset_that_names_somebody_stays_whole(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    assert await store.claim(said("m1"))
    await store.set_persona(PLACE.id, "You are Ana of Green Gables.", BEN)
    await records.forget_person("discord", ANA.id, presets=["You are Ana of Green Gables."])
    assert await spoken(store, PLACE) == "You are Ana of Green Gables."


async def test_answers_under_a_persona_of_somebody_else_in_its_scope_stay(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    own = await store.set_persona(PLACE.id, "You are a raven and rhyme.", ANA)
    other = await store.set_persona(PLACE.id, "Caw.", BEN)
    for place, persona in [(THREAD, own), (NEAR, other)]:
        await told(store, place, BEN, f"You are a raven, {persona and persona.version}.", persona)
    await records.forget_person("discord", ANA.id)
    given = []
    for place in (THREAD, NEAR):
        following = await store.claim(said(f"last in {place.id}", author=BEN, place=place))
        assert following is not None
        given.append((await texts(store, following))[1])
    assert given == ["[…], 1.", "You are a raven, 2."]
    assert await kept_prompts(store) == 1


async def test_who_only_restored_a_persona_takes_nothing_of_it_along(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    for words, author in [("You are a raven.", ANA), ("Caw.", ANA), ("You are a raven.", BEN)]:
        await store.set_persona(PLACE.id, words, author)
    assert (await records.stored("discord", BEN.id)).in_force == 0
    await records.forget_person("discord", BEN.id)
    versions = await records.persona_versions(PLACE.id, limit=5)
    assert [(v.text, v.set_by) for v in versions] == [
        ("You are a raven.", ""),
        ("Caw.", ANA.name),
        ("You are a raven.", ANA.name),
    ]
    assert await spoken(store, PLACE) == "You are a raven."


async def test_a_version_without_words_tells_whether_it_was_taken_back(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    for words, author in [("Caw.", ANA), (None, ANA), ("Caw.", BEN)]:
        await store.set_persona(PLACE.id, words, author)
    await records.forget_person("discord", ANA.id)
    versions = await records.persona_versions(PLACE.id, limit=5)
    assert [(v.text, v.set_by, v.cleared) for v in versions] == [
        ("", BEN.name, False),
        ("", "", True),
        ("", "", False),
    ]
