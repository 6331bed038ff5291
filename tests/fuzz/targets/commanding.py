"""Commands as people type them, options, and the ids of buttons and pages."""

from __future__ import annotations

from adapters.discord.forms import without_offset
from adapters.discord.pages import Mark
from adapters.slack.blocks import thread_said
from adapters.slack.typed import arguments_in, command_in
from adapters.slack.windows import setting_of
from bot.control.arguments import checked
from bot.control.commands import BY_PATH, COMMANDS
from bot.control.declarations import Kind
from bot.control.response import LONGEST_ID, Given, pressed
from bot.errors import Refused
from tests.fuzz import hostile
from tests.fuzz.draws import Draws

PATHS = tuple(" ".join(path) + " " for path in BY_PATH)
LANGUAGES = ("en", "de", "ja", "", "xx-YY", "\0")
VALUES: tuple[Given, ...] = (
    True, False, 0, -1, 10**30, 1.5, float("nan"), float("inf"), -0.0, 2**63, "", "inherit",
)  # fmt: skip
IDS = (
    "q",
    "p",
    "n",
    ":",
    ".",
    "=",
    "c",
    "w",
    "1",
    "٣",
    "²",
    "9" * 30,
    "persona.set",
    "model",
    "1.5",
)


def typed(draws: Draws) -> None:
    """A line is a command of the table with values of the right kinds, or refused in words."""
    line = draws.pick((*PATHS, "")) + hostile.text(draws, 6, (*hostile.COMMANDS, *hostile.SLACK))
    command, rest = command_in(line)
    assert BY_PATH[command.path] is command
    try:
        right(command.path, dict(arguments_in(command, rest, draws.pick(LANGUAGES))), draws)
    except Refused as refused:
        if not refused.notice:
            raise


def options(draws: Draws) -> None:
    """Options of any kind are values of the right kinds and within their ranges, or refused."""
    command = draws.pick(COMMANDS)
    names = [argument.name for argument in command.arguments] or ["x"]
    given: dict[str, Given] = {
        draws.pick(names): draws.pick(VALUES)
        if draws.below(2)
        else hostile.text(draws, 3, (*hostile.COMMANDS, *hostile.ODD))
        for _ in range(draws.below(4))
    }
    try:
        right(command.path, given, draws)
    except Refused as refused:
        if not refused.notice:
            raise


def right(path: tuple[str, ...], given: dict[str, Given], draws: Draws) -> None:
    """Check the arguments, and what came through the check."""
    command = BY_PATH[path]
    known = {argument.name: argument for argument in command.arguments}
    for name, value in checked(command, given, draws.pick(LANGUAGES), forms=True).items():
        argument = known[name]
        match argument.kind:
            case Kind.INTEGER:
                assert type(value) is int
            case Kind.NUMBER:
                assert isinstance(value, int | float)
                assert value == value
            case Kind.SWITCH:
                assert isinstance(value, bool)
            case Kind.CHOICE if argument.choices:
                assert value in argument.choices
        if argument.kind in {Kind.INTEGER, Kind.NUMBER}:
            assert argument.least is None or float(value) >= argument.least
            assert argument.most is None or float(value) <= argument.most


def presses(draws: Draws) -> None:
    """The id of a button, page or block is one of ours or nothing, and its numbers fit anywhere."""
    given = hostile.text(draws, 12, IDS)[:LONGEST_ID]
    if found := pressed(given):
        assert given.startswith("q:")
        assert found.reply_id is None or 0 <= found.reply_id < 2**63
    if mark := Mark.read(given):
        assert given.startswith("p:")
        assert mark.group >= 0
    offset, rest = without_offset(given)
    assert offset >= 0
    assert given.endswith(rest)
    assert thread_said(given) is None or given.startswith("q:")
    assert isinstance(setting_of(given)[1], str)
