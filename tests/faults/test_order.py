"""Events that come in another order than they happened, or more than once."""

from __future__ import annotations

from tests.faults.trouble import Scene


async def test_an_edit_that_overtakes_its_message_is_what_is_answered(scene: Scene) -> None:
    scene.trouble.hold_events()
    said, where = await scene.stage.writes("ann", "my cat is called Tmo")
    await scene.stage.edits("ann", said, "my cat is called Tom")
    await scene.trouble.release_events(reverse=True)
    await scene.shows(where, "You said: my cat is called Tom")
    await scene.stage.quiet()
    assert scene.stage.rows("SELECT text FROM turns WHERE role = 'user'") == [
        ("my cat is called Tom",)
    ]


async def test_a_deletion_that_overtakes_its_message_leaves_nothing_to_answer(
    scene: Scene,
) -> None:
    scene.trouble.hold_events()
    said, where = await scene.stage.writes("ann", "forget this")
    await scene.stage.deletes("ann", said)
    await scene.trouble.release_events(reverse=True)
    await scene.stage.goes_on("ann", where, "hello")
    await scene.shows(where, "You said: hello")
    await scene.stage.quiet()
    assert scene.stage.rows("SELECT text FROM turns WHERE role = 'user'") == [("hello",)]
    assert scene.states() == ["delivered"]


async def test_an_edit_after_the_deletion_does_not_bring_a_message_back(scene: Scene) -> None:
    scene.trouble.hold_events()
    said, where = await scene.stage.writes("ann", "forget this")
    await scene.stage.edits("ann", said, "forget that")
    await scene.stage.deletes("ann", said)
    await scene.trouble.release_events(reverse=True)
    await scene.stage.goes_on("ann", where, "hello")
    await scene.shows(where, "You said: hello")
    await scene.stage.quiet()
    assert scene.states() == ["delivered"]


async def test_what_follows_in_a_conversation_may_come_before_what_began_it(scene: Scene) -> None:
    scene.trouble.hold_events()
    _, where = await scene.stage.mentions("ann", "one")
    await scene.stage.goes_on("bob", where, "two")
    await scene.trouble.release_events(reverse=True)
    shown = await scene.stage.shown(where, lambda shown: len(shown) == 2)
    await scene.stage.shown(where, lambda shown: all(text.startswith("You") for text in shown))
    await scene.stage.quiet()
    assert len(shown) == 2
    assert scene.states() == ["delivered", "delivered"]
    answers = scene.stage.rows("SELECT text FROM turns WHERE role = 'assistant' ORDER BY text")
    assert answers == [("You said: Ann: one",), ("You said: Bob: two",)]


async def test_events_that_come_three_times_are_answered_once(scene: Scene) -> None:
    said, where = await scene.stage.writes("ann", "hello")
    for _ in range(3):
        await scene.stage.repeats(said)
    await scene.shows(where, "You said: hello")
    await scene.answers_the_next(where, "You said: hello")
    await scene.stage.quiet()
    assert scene.states() == ["delivered", "delivered"]
