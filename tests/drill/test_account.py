"""The account of a drill finds what must not be: otherwise nothing would follow from its zeros."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage import upgrade
from tests.drill.account import ANSWERED, DOUBLED, EXPLAINED, LOST, STUCK, WRONG, settle
from tests.drill.journal import Journal
from tests.drill.said import MARK, Said, Shown
from tests.loopback.timeline import Version

PLACE = "discord:1/2"
NOW = "2026-11-28 05:00:00.000000"


@dataclass(eq=False)
class PaperSpot:
    """A spot where the bot said what it is said to have said."""

    shown: list[Shown] = field(default_factory=list)
    platform: str = "discord"
    name: str = "paper"
    people: Sequence[str] = ("Ann",)

    def show(self, message_id: str, content: str) -> None:
        unfinished = MARK in content
        self.shown.append(Shown(message_id, content, unfinished, [Version(0.0, content)]))

    async def say(self, who: str, number: int, words: str) -> Said:
        return Said(number, f"q{number}", self, who, words, frozenset())

    def bot_said(self) -> list[Shown]:
        return self.shown

    def seems_answered(self, said: Said) -> bool:
        return said.number > 0


@dataclass
class Ledger:
    """A database file with replies in it, as a program has left them."""

    file: Path

    def reply(self, number: int, state: str, text: str = "", reason: str = "") -> None:
        ended = None if state == "generating" else NOW
        row = (number, PLACE, f"q{number}", state, text, reason, ended, NOW, NOW)
        self.write(
            "INSERT INTO replies (id, place_id, message_id, state, text, reason, ended_at,"
            " claimed_at, updated_at, author_id, author_name, author_standing)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '7', 'Ann', 'member')",
            *row,
        )
        if state == "delivered":
            self.turn(number, text)

    def turn(self, number: int, text: str) -> None:
        self.write(
            "INSERT INTO turns (place_id, reply_id, role, text, said_at)"
            " VALUES (?, ?, 'assistant', ?, ?)",
            *(PLACE, number, text, NOW),
        )

    def part(self, number: int, index: int, message_id: str) -> None:
        self.write("INSERT INTO reply_parts VALUES (?, ?, ?, '')", number, index, message_id)

    def write(self, query: str, *values: object) -> None:
        with closing(sqlite3.connect(self.file)) as database, database:
            database.execute(query, values)


@pytest.fixture
async def ledger(tmp_path: Path) -> Ledger:
    file = tmp_path / "quipu.db"
    await upgrade(f"sqlite+aiosqlite:///{file}")
    made = Ledger(file)
    made.write(
        "INSERT INTO places (id, platform, workspace, channel, thread, private, created_at)"
        " VALUES (?, 'discord', '1', '2', '', 0, ?)",
        *(PLACE, NOW),
    )
    return made


async def outcome(ledger: Ledger, spot: PaperSpot) -> tuple[list[str], set[str]]:
    said = [await spot.say("Ann", 1, "hello")]
    account = settle(said, [spot], Journal(ledger.file))
    return list(account.outcomes), {trouble.kind for trouble in account.troubles}


async def test_an_answer_that_is_shown_whole_is_in_order(ledger: Ledger) -> None:
    spot = PaperSpot()
    lines = ["a" * 1500, "b" * 1500]
    ledger.reply(1, "delivered", "\n\n".join(lines))
    for index, line in enumerate(lines):
        ledger.part(1, index, f"m{index}")
        spot.show(f"m{index}", line)
    assert await outcome(ledger, spot) == ([ANSWERED], set())


async def test_a_failure_that_is_explained_is_in_order(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "failed", "", "GenerationError")
    ledger.part(1, 0, "m0")
    spot.show("m0", "Once upon a\n\n*(Something went wrong.)*")
    assert await outcome(ledger, spot) == ([EXPLAINED], set())
    account = settle([await spot.say("Ann", 1, "hello")], [spot], Journal(ledger.file))
    assert account.reasons == {"failed: GenerationError": 1}


async def test_a_failure_without_a_word_of_why_is_lost(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "failed", "", "GenerationError")
    ledger.part(1, 0, "m0")
    spot.show("m0", "Once upon a")
    assert await outcome(ledger, spot) == ([LOST], {LOST})


async def test_what_was_answered_together_with_a_later_message_is_answered(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(2, "delivered", "yes")
    ledger.reply(1, "merged", "", "answered by reply 2")
    ledger.part(2, 0, "m0")
    spot.show("m0", "yes")
    assert await outcome(ledger, spot) == ([ANSWERED], set())


async def test_a_message_that_is_not_in_the_journal_is_lost(ledger: Ledger) -> None:
    assert await outcome(ledger, PaperSpot()) == ([LOST], {LOST})


async def test_an_answer_that_nobody_sees_is_lost(ledger: Ledger) -> None:
    ledger.reply(1, "delivered", "yes")
    ledger.part(1, 0, "m0")
    assert await outcome(ledger, PaperSpot()) == ([LOST], {LOST})


async def test_a_second_message_with_an_answer_is_doubled(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "delivered", "yes")
    ledger.part(1, 0, "m0")
    spot.show("m0", "yes")
    spot.show("m1", "yes")
    assert await outcome(ledger, spot) == ([ANSWERED], {DOUBLED})


async def test_a_reply_without_an_end_and_a_mark_that_stays_are_stuck(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "generating")
    ledger.part(1, 0, "m0")
    spot.show("m0", f"ye {MARK}")
    assert await outcome(ledger, spot) == ([STUCK], {STUCK})


async def test_another_text_than_the_stored_one_is_wrong(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "delivered", "yes, surely")
    ledger.part(1, 0, "m0")
    spot.show("m0", "yes")
    assert await outcome(ledger, spot) == ([WRONG], {WRONG})


async def test_a_mark_in_a_turn_or_a_prompt_is_wrong(ledger: Ledger) -> None:
    spot = PaperSpot()
    ledger.reply(1, "delivered", "yes")
    ledger.part(1, 0, "m0")
    spot.show("m0", "yes")
    ledger.write(
        "INSERT INTO answers (reply_id, number, text, made_at, model, precision, adapter,"
        " sampling, seconds, finish_reason, tokens, prompt_tokens, reused_tokens, kept, dropped)"
        " VALUES (1, 1, 'yes', ?, '', '', '', '{}', 0, 'stop', 1, 1, 0, 1, 0)",
        NOW,
    )
    content = {"text": f"[INST] hello {MARK} [/INST]", "ids": [], "messages": []}
    packed = zlib.compress(json.dumps(content).encode())
    ledger.write("INSERT INTO prompts VALUES (1, 1, ?)", packed)
    assert await outcome(ledger, spot) == ([ANSWERED], {WRONG})


async def test_a_damaged_database_is_wrong(ledger: Ledger) -> None:
    ledger.write("INSERT INTO reply_parts VALUES (99, 0, 'm0', '')")
    assert await outcome(ledger, PaperSpot()) == ([LOST], {LOST, WRONG})


async def test_a_notice_below_the_stored_text_is_in_order_and_other_words_are_not(
    ledger: Ledger,
) -> None:
    for words, kinds in (("*(I began to repeat myself.)*", set[str]()), ("and more", {WRONG})):
        spot = PaperSpot()
        spot.show("m0", f"yes\n\n{words}")
        if not kinds:
            ledger.reply(1, "delivered", "yes")
            ledger.part(1, 0, "m0")
        assert (await outcome(ledger, spot))[1] == kinds
