"""The same scenes on every platform: what people can rely on wherever they talk to the bot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.contract.stage import Stage


def finished(*texts: str) -> Callable[[list[str]], bool]:
    """Exactly these texts, none of them marked as unfinished."""
    return lambda shown: shown == list(texts)


async def test_a_mention_is_answered_once_and_what_stands_is_stored(stage: Stage) -> None:
    _, where = await stage.mentions("ann", "hello there")
    await stage.shown(where, finished("You said: Ann: hello there"))
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("delivered",)]
    assert stage.rows("SELECT text FROM turns ORDER BY id") == [
        ("hello there",),
        ("You said: Ann: hello there",),
    ]
    assert stage.refused() == 0


async def test_an_answer_is_seen_while_it_grows(stage: Stage) -> None:
    go = asyncio.Event()
    stage.generator.script = lambda _: ["Once upon", go, " a time."]
    _, where = await stage.mentions("ann", "a story")
    await stage.shown(where, lambda shown: len(shown) == 1 and shown[0].startswith("Once upon"))
    go.set()
    shown = await stage.shown(where, finished("Once upon a time."))
    assert len(shown) == 1


async def test_a_private_conversation_has_no_names_and_goes_on(stage: Stage) -> None:
    _, where = await stage.writes("ann", "my cat is called Tom")
    await stage.shown(where, finished("You said: my cat is called Tom"))
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: and now?"])
    assert "my cat is called Tom [/INST]" in stage.generator.prompts[-1].text
    assert "Ann:" not in stage.generator.prompts[-1].text


async def test_conversations_keep_to_themselves(stage: Stage) -> None:
    _, private = await stage.writes("ann", "the secret is plum")
    await stage.shown(private, finished("You said: the secret is plum"))
    _, where = await stage.mentions("bob", "what is the secret?")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: Bob: what is the secret?"])
    assert "plum" not in stage.generator.prompts[-1].text


async def test_a_thread_remembers_only_itself_but_has_its_channels_persona(stage: Stage) -> None:
    await stage.sets_persona("chief", "You are a pirate.")
    _, where = await stage.mentions("ann", "the word is apple")
    await stage.shown(where, finished("You said: Ann: the word is apple"))
    _, thread = await stage.in_a_thread("ann", "what is the word?")
    await stage.shown(thread, finished("You said: Ann: what is the word?"))
    await stage.goes_on("bob", thread, "tell me too")
    await stage.shown(thread, lambda shown: shown[-1:] == ["You said: Bob: tell me too"])
    prompt = stage.generator.prompts[-1].text
    assert "apple" not in prompt
    assert "Ann: what is the word? [/INST]" in prompt
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in prompt


async def test_two_people_in_one_conversation_are_answered_in_turn(stage: Stage) -> None:
    go = asyncio.Event()
    stage.generator.script = lambda prompt: (
        ["For Ann", go, "."] if prompt.text.endswith("Ann: one [/INST]") else ["For Bob."]
    )
    _, where = await stage.mentions("ann", "one")
    await stage.shown(where, lambda shown: len(shown) == 1)
    await stage.goes_on("bob", where, "two")
    go.set()
    await stage.shown(where, finished("For Ann.", "For Bob."))
    assert "Ann: one [/INST] For Ann. </s>" in stage.generator.prompts[1].text
    assert stage.generator.prompts[1].text.endswith("Bob: two [/INST]")


async def test_a_long_answer_is_shown_whole_with_its_code_whole(stage: Stage) -> None:
    code = "".join(f"value_{i} = {i} * {i}\n" for i in range(900))
    text = f"Here it is:\n\n```python\n{code}```\n\nThat is all."
    stage.generator.script = lambda _: [text[i : i + 50] for i in range(0, len(text), 50)]
    _, where = await stage.mentions("ann", "squares")
    shown = await stage.shown(where, lambda shown: bool(shown) and "That is all." in shown[-1])
    await stage.settled()
    assert len(shown) >= 2
    assert all(part.count("```") % 2 == 0 for part in shown)
    lines = [line for part in shown for line in part.splitlines() if "value_" in line]
    assert lines == code.splitlines()
    assert stage.rows("SELECT text FROM turns WHERE role = 'assistant'") == [(text,)]
    assert stage.refused() == 0


async def test_edits_and_deletions_are_honoured(stage: Stage) -> None:
    said, where = await stage.writes("ann", "my cat is called Tom")
    await stage.shown(where, finished("You said: my cat is called Tom"))
    await stage.edits("ann", said, "my cat is called Felix")
    other = await stage.goes_on("ann", where, "my dog is called Rex")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: my dog is called Rex"])
    await stage.deletes("ann", other)
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: and now?"])
    prompt = stage.generator.prompts[-1].text
    assert "my cat is called Felix [/INST]" in prompt
    assert "my dog is called Rex [/INST]" not in prompt


async def test_a_restart_in_mid_reply_leaves_one_whole_answer(stage: Stage) -> None:
    stage.generator.script = lambda _: ["Once upon", asyncio.Event()]
    _, where = await stage.mentions("ann", "a story")
    await stage.shown(where, lambda shown: len(shown) == 1)
    stage.generator.script = lambda _: ["Once upon", " a time."]
    await stage.restarts()
    await stage.shown(where, finished("Once upon a time."))
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("delivered",)]
    answers = stage.rows("SELECT text FROM turns WHERE role = 'assistant'")
    assert answers == [("Once upon a time.",)]


async def test_the_asker_stops_an_answer(stage: Stage) -> None:
    stage.generator.script = lambda _: ["Once upon a time", asyncio.Event(), " never said"]
    _, where = await stage.mentions("ann", "a story")
    await stage.shown(where, lambda shown: len(shown) == 1)
    assert "Only who asked" in await stage.stops("bob", where)
    await stage.stops("ann", where)
    await stage.shown(where, finished("Once upon a time"))
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("stopped",)]


async def test_an_admin_sets_the_persona_and_a_member_is_refused(stage: Stage) -> None:
    assert "can" in await stage.sets_persona("ann", "Obey Ann.")
    assert stage.rows("SELECT count(*) FROM personas") == [(0,)]
    await stage.sets_persona("chief", "You are a pirate.")
    assert stage.rows("SELECT text FROM personas") == [("You are a pirate.",)]
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: Ann: hello"])
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in stage.generator.prompts[-1].text


async def test_the_same_event_twice_is_answered_once(stage: Stage) -> None:
    said, where = await stage.mentions("ann", "hello")
    await stage.repeats(said)
    await stage.shown(where, finished("You said: Ann: hello"))
    await stage.settled()
    assert len(stage.rows("SELECT id FROM replies")) == 1
