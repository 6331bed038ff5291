"""Names of people and of files, and where they are shown."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

import regex

from adapters.discord.attachments import Attached
from adapters.discord.threads import LONGEST_NAME, _name
from bot import plain
from bot.control.audit import _line
from bot.control.records import Change
from bot.control.response import Call
from bot.control.variables import Names, filled, values
from bot.prompt.exchange import COLONS, speaker
from bot.values import Author, Place
from tests.fuzz import hostile
from tests.fuzz.draws import Draws

BAD = {"Cc", "Cs", "Co", "Zl", "Zp"}
JOINER = "\u200d"
BLANK = set("\u3164\u2800\u115f\u1160\uffa0\u034f\ufeff\u00ad")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALL = Call(("audit",), Place("slack", "T1", "C1"), Author("1", "Ann"))
MARKUP = set("*_~|[]<>#@\\")


def seen(name: str) -> bool:
    """Whether everything in a name is seen and stands in one line."""
    kinds = [unicodedata.category(character) for character in name]
    hidden = [c for c, kind in zip(name, kinds, strict=True) if kind == "Cf" and c != JOINER]
    return not (hidden or BAD & set(kinds) or BLANK & set(name))


def people(draws: Draws) -> None:
    """A name is short, in one line, all of it seen; and it instructs nobody."""
    given = hostile.name(draws)
    name = plain.name(given)
    assert seen(name)
    assert plain.name(name) == name
    assert len(regex.findall(r"\X", name)) <= plain.LONGEST
    assert not regex.search(r"\p{M}{7}", name)
    assert plain.likeness(name) == plain.likeness(given)
    spoken = speaker(Author("1", given))
    assert spoken.strip()
    assert not set(COLONS) & set(spoken)
    assert len(spoken) <= 32 * plain.MOST_IN_CLUSTER
    said = filled("<{user}>", values(Names(user=given), NOON))[1:-1]
    assert "\n" not in said
    inner = said[1:-1] if said.startswith("“") else said
    assert said == f"“{inner}”" or len(said.split(" ")) <= 2
    assert not {"“", "”", '"'} & set(inner)


def files(draws: Draws) -> None:
    """A file's name names no folder and hides no ending; nothing in it ends its block."""
    given = hostile.text(draws, 5, (*hostile.FILES, *hostile.UNSEEN, *hostile.BREAKS))
    name = plain.file_name(given)
    assert seen(name)
    assert name
    assert not {"/", "\\"} & set(name)
    assert len(name) <= (plain.LONGEST_FILE + 1) * plain.MOST_IN_CLUSTER
    assert isinstance(Attached(name, "", 1, given).looks_like_text, bool)
    content = hostile.text(draws, 6, (*hostile.MARKDOWN, *hostile.TAGS, *hostile.BREAKS))
    block = plain.file_block(name, content)
    head, rest = block.split("\n", 1)
    assert head == f"{name}:"
    opening, *_, closing = rest.split("\n")
    assert opening.startswith(closing)
    assert closing not in content
    assert set(closing) in ({"`"}, {"~"})


def lists(draws: Draws) -> None:
    """A change in the list is one line without markup of names and values; a title is short."""
    who, what = hostile.name(draws), hostile.text(draws, 4)
    scope = CALL.place.scopes[0]
    change = Change(NOON, plain.author(Author("9", who)), scope, "persona", None, what)
    title = _name(what)
    assert len(title) <= LONGEST_NAME
    assert seen(title)
    line = _line(CALL, change)
    assert len(line.splitlines()) == 1
    assert line.count("\u2068") == line.count("\u2069")
    outside = regex.sub(r"`[^`]*`", "", line)
    assert "`" not in outside
    assert not MARKUP & set(outside)
