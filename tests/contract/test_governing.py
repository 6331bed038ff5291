"""Who may do what, settings and what is kept, the same on every platform."""

from __future__ import annotations

import json

import pytest

from bot.control.commands import COMMANDS
from bot.control.declarations import Level
from tests.contract.stage import OTHER_MODEL, SMALL_MODEL, Setting, Stage
from tests.contract.test_contract import finished
from tests.control.permissions import GIVEN

ADMINS_ONLY = "Only people who manage this channel"


async def test_a_persona_is_set_looked_back_on_and_restored(stage: Stage) -> None:
    await stage.uses("chief", "persona set", text="You are a pirate.")
    told = await stage.uses("chief", "persona set", text="You are a cook.")
    assert "version 2" in told
    history = await stage.uses("chief", "persona history")
    assert "pirate" in history
    assert "cook" in history
    assert "Chief" in history
    await stage.uses("chief", "persona restore", version=1)
    assert "You are a pirate." in await stage.uses("ann", "persona show")
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, finished("You said: Ann: hello"))
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in stage.generator.prompts[-1].text


async def test_the_window_for_the_persona_is_never_empty_where_there_is_one(stage: Stage) -> None:
    for copies in (1, 50, 65, 83):
        text = " ".join(["I am a small model and I answer in this channel."] * copies)
        await stage.sets_persona_by_file("chief", "persona.txt", text.encode())
        field, file = await stage.persona_window("chief")
        assert (field, file) in {(text, ""), (None, text)}, len(text)
        assert field is not None or len(text) > 3000


async def test_a_persona_keeps_the_marks_that_people_write(stage: Stage) -> None:
    text = 'You aren’t shy: it\'s "fine", 5\'10" and seed=7. « Oui »'
    await stage.sets_persona("chief", text)
    assert text in await stage.uses("ann", "persona show")


async def test_a_reason_is_said_as_keyboards_write_it(stage: Stage) -> None:
    _, where = await stage.mentions("ann", "hello")
    await stage.offers(where, "Why?")
    for reason in ("It's too long", "C:\\temp isn’t right"):
        await stage.uses("ann", "rate", where, score="down", reason=reason)
        assert stage.rows("SELECT reason FROM votes") == [(reason,)]


async def test_a_persona_comes_from_a_file(stage: Stage) -> None:
    told = await stage.sets_persona_by_file("chief", "cook.txt", b"You are a cook.")
    assert "version 1" in told
    await stage.sets_persona_by_file("chief", "sailor.txt", b"You are a sailor.")
    assert "You are a sailor." in await stage.uses("ann", "persona show")


async def test_the_model_and_how_it_speaks_hold_from_the_next_answer_on(stage: Stage) -> None:
    assert OTHER_MODEL in await stage.uses("chief", "model", model=OTHER_MODEL)
    await stage.uses("chief", "sampling", temperature=0.3, top_k=9, seed=11)
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, finished("You said: Ann: hello"))
    await stage.offers(where, "Why?")
    sampling = stage.generator.samplings[-1]
    assert (sampling.temperature, sampling.top_k, sampling.seed) == (0.3, 9, 11)
    assert f"Model: {OTHER_MODEL}" in await stage.presses("ann", where, "Why?")
    assert f"must be one of: model, {OTHER_MODEL}" in await stage.uses(
        "chief", "model", model="Nobody"
    )


async def test_a_model_with_too_little_room_for_the_persona_is_not_chosen(stage: Stage) -> None:
    text = " ".join(["I am a small model and I answer in this channel."] * 20)
    await stage.sets_persona_by_file("chief", "persona.txt", text.encode())
    told = await stage.uses("chief", "model", model=SMALL_MODEL)
    assert f"The persona here is too long for {SMALL_MODEL}: it takes" in told
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, finished("You said: Ann: hello"))
    told = await stage.uses("olga", "model", model=SMALL_MODEL, where="workspace")
    assert f"Channels whose persona is too long for {SMALL_MODEL}: 1." in told
    _, where = await stage.mentions("ann", "hello?")
    await stage.shown(where, lambda shown: "My persona here is too long" in "".join(shown[-1:]))


async def test_where_it_was_switched_on_every_message_is_answered(open_stage: Stage) -> None:
    told = await open_stage.uses("chief", "answers", when="always")
    assert told.splitlines()[1:] == ["- Answer: every message"]
    _, where = await open_stage.says("ann", "to nobody")
    await open_stage.shown(where, finished("You said: Ann: to nobody"))
    assert len(open_stage.generator.prompts) == 1


async def test_where_it_was_switched_off_not_even_a_mention_is_answered(stage: Stage) -> None:
    await stage.uses("chief", "answers", when="never")
    await stage.mentions("ann", "hello?")
    _, private = await stage.writes("bob", "and here?")
    await stage.shown(private, finished("You said: and here?"))
    await stage.quiet()
    await stage.uses("chief", "answers", when="mention")
    _, where = await stage.mentions("ann", "hello again")
    await stage.shown(where, finished("You said: Ann: hello again"))
    assert all("hello?" not in prompt.text for prompt in stage.generator.prompts)


async def test_who_is_denied_is_told_so_and_not_answered(stage: Stage) -> None:
    await stage.uses("chief", "access deny", person=stage.named("bob"))
    _, where = await stage.mentions("bob", "hello")
    await stage.shown(where, lambda shown: "may not talk" in "".join(shown))
    assert stage.generator.prompts == []
    assert stage.rows("SELECT count(*) FROM turns") == [(0,)]
    assert "may not talk" in await stage.uses("bob", "usage")
    assert "privacy" in await stage.uses("bob", "help")
    await stage.uses("chief", "access remove", person=stage.named("bob"))
    _, where = await stage.mentions("bob", "hello")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: Bob: hello"])


async def test_a_channel_is_denied_with_its_threads(stage: Stage) -> None:
    denied = {"channel": stage.channel_named, "where": "workspace"}
    assert "may not talk" in await stage.uses("olga", "access deny", **denied)
    for asks in (stage.mentions, stage.in_a_thread):
        _, where = await asks("bob", "hello")
        await stage.shown(where, lambda shown: "may not talk" in "".join(shown))
    assert stage.generator.prompts == []
    await stage.uses("olga", "access remove", **denied)
    _, where = await stage.mentions("bob", "hello")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: Bob: hello"])


async def test_who_is_on_a_list_is_shown_by_name(stage: Stage) -> None:
    told = await stage.uses("chief", "access deny", person=stage.named("bob"))
    assert stage.mention("bob") in told
    assert stage.mention("bob") in await stage.uses("chief", "access show")
    await stage.uses("chief", "access remove", person=stage.named("bob"))
    audit = await stage.uses("chief", "audit")
    assert audit.count(stage.mention("bob")) == 2
    assert "person:" not in audit


async def test_who_has_used_up_a_day_is_told_kindly_and_sees_the_remainder(stage: Stage) -> None:
    await stage.uses("chief", "limits", person_messages=2)
    _, where = await stage.mentions("ann", "one")
    await stage.offers(where, "Regenerate")
    assert "1 of 2 used, 1 left" in await stage.uses("ann", "usage")
    await stage.goes_on("ann", where, "two")
    await stage.shown(where, lambda shown: len(shown) == 2)
    await stage.offers(where, "Regenerate")
    await stage.goes_on("ann", where, "three")
    shown = await stage.shown(where, lambda shown: len(shown) == 3)
    assert (
        "You have used your 2 messages of today (this channel). The day begins anew in" in shown[-1]
    )
    assert "begins anew" in await stage.presses("ann", where, "Regenerate", at=1)
    assert len(stage.generator.prompts) == 2
    _, where = await stage.mentions("bob", "and I?")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: Bob: and I?"])


async def test_the_page_of_settings_says_where_each_comes_from(stage: Stage) -> None:
    await stage.uses("olga", "sampling", temperature=0.3, where="workspace")
    await stage.uses("chief", "sampling", top_k=9)
    page = await stage.page("chief", "How words are chosen")
    assert page["Temperature"] == Setting("0.3", "the whole workspace")
    assert page["Top-k"] == Setting("9", "set here")
    assert page["Top-p"].origin == "my configuration"
    await stage.uses("chief", "inherit", setting="top_k")
    page = await stage.page("chief", "How words are chosen")
    assert page["Top-k"].origin == "my configuration"
    audit = await stage.uses("chief", "audit")
    assert "top_k: `9` → nothing" in audit
    assert "Olga" in audit


async def test_people_get_what_is_kept_about_them_and_have_it_deleted(stage: Stage) -> None:
    _, where = await stage.mentions("ann", "my cat is called Tom")
    await stage.offers(where, "Regenerate")
    assert "messages 1 " in await stage.uses("ann", "privacy show")
    assert "not used to train" in await stage.uses("ann", "privacy feedback", use=False)
    assert "not used to train" in await stage.uses("ann", "privacy show")
    kept = json.loads(await stage.fetches("ann", "privacy export"))
    assert "my cat is called Tom" in json.dumps(kept)
    assert "Nothing was changed" in await stage.confirms("ann", "privacy delete", "Cancel")
    assert stage.rows("SELECT count(*) FROM turns WHERE text LIKE '%Tom%'") != [(0,)]
    told = await stage.confirms("ann", "privacy delete", "Delete everything about me")
    assert "Done" in told
    for query in (
        "SELECT count(*) FROM turns WHERE text LIKE '%Tom%'",
        "SELECT count(*) FROM answers WHERE text LIKE '%Tom%'",
        "SELECT count(*) FROM prompts",
        "SELECT count(*) FROM replies WHERE author_name = 'Ann'",
    ):
        assert stage.rows(query) == [(0,)]


async def test_a_channel_is_exported_and_wiped_after_a_question(stage: Stage) -> None:
    await stage.uses("chief", "persona set", text="You are a cook.")
    _, where = await stage.mentions("ann", "my cat is called Tom")
    await stage.offers(where, "Regenerate")
    assert "my cat is called Tom" in await stage.fetches("chief", "channel export")
    assert "2 messages are deleted" in await stage.confirms(
        "chief", "channel wipe", "Delete it all"
    )
    assert stage.rows("SELECT count(*) FROM turns") == [(0,)]
    assert "no answer of mine" in await stage.presses("ann", where, "Regenerate")
    assert "You are a cook." in await stage.uses("ann", "persona show")


@pytest.mark.parametrize("who", ["ann", "chief"])
async def test_commands_for_admins_are_for_admins_alone(stage: Stage, who: str) -> None:
    await stage.uses("chief", "persona set", text="You are a cook.")
    windows = {"settings"}
    for command in COMMANDS:
        if command.level is not Level.ADMIN or (who == "chief" and command.name in windows):
            continue
        given = GIVEN.get(command.key, {})
        if "person" in given:
            given = {"person": stage.named("bob")}
        told = await stage.uses(who, command.name, **given)
        assert (ADMINS_ONLY in told) is (who == "ann"), command.name
