"""What people can forge, repeat or hold on to gives nobody more than the command table does."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from bot.control.commands import COMMANDS
from bot.control.declarations import Command, Level, Target
from tests.contract.stage import Stage
from tests.contract.test_steering import answered, regenerated
from tests.control.permissions import GIVEN

CHANGEABLE = ("settings", "audit", "personas", "votes", "preferences", "turns", "answers")
ADMINS_ONLY = "Only people who manage this channel"
ASKERS_ONLY = "Only who asked"
NOT_HERE = "no answer of mine"
UNKNOWN = "q:drop.tables:1:c", "q:persona:1:c", "q::1:c", "q:settings.set:1:c"
SPOILT = (
    "q",
    "q:why",
    "x:why:1:",
    "q:why:one:",
    "q:why:-1:",
    "q:why:1e3:",
    "q:why:²:",
    "q:why:" + "9" * 60 + ":",
    "p:c:settings",
    "p:c:settings:x:persona.set:text",
)


def kept(stage: Stage) -> list[object]:
    """All that commands could change, from the file itself; a press tells a language, no more."""
    opted_out = stage.rows("SELECT person FROM people WHERE NOT feedback_use ORDER BY 1")
    rows = [stage.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in CHANGEABLE]  # noqa: S608
    return [opted_out, *rows]


def forged(command: Command, reply: int | str = "", flags: str = "c") -> str:
    """What a button of the command would say, with arguments that would change something."""
    given = [f"{name}={value}" for name, value in GIVEN.get(command.key, {}).items()]
    return ":".join(["q", command.key, str(reply), flags, *given])


def newest(stage: Stage) -> int:
    [(reply,)] = stage.rows("SELECT max(id) FROM replies")
    return int(reply)


def of(level: Level) -> list[Command]:
    return [command for command in COMMANDS if command.level is level]


async def test_no_forged_button_gives_a_member_an_admins_command(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    before = kept(stage)
    for command in of(Level.ADMIN):
        for button in (forged(command), forged(command, newest(stage), "cw")):
            assert ADMINS_ONLY in await stage.forges("bob", where, button), button
    assert kept(stage) == before


async def test_no_forged_button_gives_anybody_the_answer_of_another(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    before = kept(stage)
    for command in of(Level.ASKER):
        if command.target is Target.REPLY:
            button = forged(command, newest(stage))
            assert ASKERS_ONLY in await stage.forges("bob", where, button), button
    assert kept(stage) == before


async def test_a_reply_of_somewhere_else_cannot_be_named(stage: Stage) -> None:
    _, private = await stage.writes("ann", "a secret")
    await stage.shown(private, lambda shown: bool(shown) and "secret" in shown[-1])
    await stage.quiet()
    secret = newest(stage)
    where = await answered(stage, "A cord.")
    for who in ("bob", "chief", "olga", "ann"):
        for command in (one for one in COMMANDS if one.target is Target.REPLY):
            told = await stage.forges(who, where, forged(command, secret))
            assert NOT_HERE in told or ASKERS_ONLY in told, (who, command.name, told)
            assert "a secret" not in told


@pytest.mark.parametrize("who", ["bob", "olga"])
async def test_a_button_that_says_nothing_of_ours_does_nothing(stage: Stage, who: str) -> None:
    where = await answered(stage, "A cord.")
    before = kept(stage)
    for button in (*UNKNOWN, *SPOILT):
        assert await stage.forges(who, where, button), button
    assert kept(stage) == before


async def test_nobody_confirms_what_they_were_not_asked(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    before = kept(stage)
    for command in (one for one in COMMANDS if one.confirm):
        assert await stage.forges("chief", where, forged(command))
    assert kept(stage) == before


def test_a_confirmation_is_for_all_that_was_asked() -> None:
    assert [one.name for one in COMMANDS if one.confirm and one.arguments] == []


async def test_a_press_that_comes_twice_counts_once(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await regenerated(stage, where, "Many knots.")
    with capture_logs() as logged:
        await stage.repeats_press()
        await stage.uses("ann", "usage")
    assert [line for line in logged if line["event"].endswith(".interaction_repeated")]
    await stage.quiet()
    assert stage.rows("SELECT count(*) FROM answers") == [(2,)]


async def test_no_forged_control_of_the_page_changes_a_setting(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    before = kept(stage)
    for action in ("c", "g", "w"):
        for command in of(Level.ADMIN):
            mark = f"p:{action}:{command.key}:0:{command.key}:temperature"
            assert await stage.forges("bob", where, mark)
    assert kept(stage) == before
