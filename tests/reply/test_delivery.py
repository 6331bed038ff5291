"""One writer, latest text wins, the final text always stands."""

from __future__ import annotations

import asyncio
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.reply.delivery import Delivery
from bot.reply.messages import MARKER, nonce
from bot.reply.notices import queued
from bot.values import Author, Part, Place, Reply, ReplyState, Waiting
from tests.board import Board, BoardOutlet

PLACE = Place("discord", "1", "2")
STOP = (Button(("stop",), "Stop", reply_id=1),)
WHY = (Button(("why",), "Why?", reply_id=1),)


def reply(*parts: Part, state: ReplyState = ReplyState.CLAIMED) -> Reply:
    now = datetime.now(UTC)
    author = Author("7", "Ann")
    return Reply(1, PLACE, author, "100", state, now, "", parts)


class NeverBefore(BoardOutlet):
    """A platform whose budget has room for one message only."""

    def pause(self) -> float:
        return math.inf


class Journal:
    def __init__(self) -> None:
        self.parts: list[Part] = []

    async def __call__(self, part: Part) -> None:
        self.parts.append(part)


async def test_the_first_words_appear_at_once_and_then_grow() -> None:
    board, journal = Board(), Journal()
    async with Delivery(board.outlet(PLACE, "100"), reply(), journal) as delivery:
        delivery.show("Hel")
        await board.until(lambda: board.texts == [f"Hel{MARKER}"])
        delivery.show("Hello")
        await board.until(lambda: board.texts == [f"Hello{MARKER}"])
        await delivery.finish("Hello.")
    assert board.texts == ["Hello."]
    assert [part.message_id for part in journal.parts] == ["m1"]


async def test_nothing_is_posted_before_there_is_text_but_typing_shows() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        await board.until(lambda: board.in_flight == 0)
        assert board.posted == []
        await asyncio.sleep(0)
        assert board.typing == 1
        delivery.show("Hi")
        await board.until(lambda: board.typing == 0)
        await delivery.finish("Hi")
    assert board.open_replies == 0


async def test_while_a_request_is_in_flight_texts_are_dropped_and_only_the_latest_is_sent() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        board.gate.clear()
        delivery.show("1")
        await board.until(lambda: board.in_flight == 1)
        for count in range(2, 50):
            delivery.show(str(count))
        board.gate.set()
        await board.until(lambda: board.texts == [f"49{MARKER}"])
        await delivery.finish("50")
    assert board.posted[0].shown == [f"1{MARKER}", f"49{MARKER}", "50"]
    assert board.most_in_flight == 1


async def test_a_budget_that_is_used_up_holds_back_edits_but_not_the_final_one() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        board.seconds = 3600.0
        delivery.show("a")
        await board.until(lambda: board.texts == [f"a{MARKER}"])
        delivery.show("ab")
        await delivery.finish("abc")
    assert board.posted[0].shown == [f"a{MARKER}", "abc"]


async def test_a_lost_edit_is_made_good_by_the_next() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        delivery.show("a")
        await board.until(lambda: len(board.posted) == 1)
        board.failures.append(Throttled("slow down", retry_after=0.01))
        delivery.show("ab")
        await board.until(lambda: board.texts == [f"ab{MARKER}"])
        await delivery.finish("abc")
    assert board.texts == ["abc"]


async def test_the_final_text_is_brought_again_until_it_stands() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        board.failures = [Throttled("", retry_after=0.01) for _ in range(5)]
        await delivery.finish("Done.")
    assert board.texts == ["Done."]


async def test_a_final_text_that_nobody_takes_is_given_up_at_the_deadline() -> None:
    board = Board()
    outlet = board.outlet(PLACE, "100")
    async with Delivery(outlet, reply(), Journal(), deadline=0.0) as delivery:
        board.failures = [PlatformError("away")] * 3
        with pytest.raises(PlatformError):
            await delivery.finish("Done.")


async def test_a_place_that_is_gone_ends_the_delivery_at_once() -> None:
    board = Board()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        board.failures = [Undeliverable("no permission")]
        delivery.show("a")
        await board.until(lambda: not board.failures)
        with pytest.raises(Undeliverable):
            await delivery.finish("ab")
        assert delivery.lost


async def test_a_long_text_goes_on_in_a_new_message_and_each_is_journalled() -> None:
    board, journal = Board(limit=200), Journal()
    text = "\n\n".join(f"Paragraph {i} " + "word " * 20 for i in range(6))
    async with Delivery(board.outlet(PLACE, "100"), reply(), journal) as delivery:
        for end in range(40, len(text), 40):
            delivery.show(text[:end])
            await board.until(lambda: board.in_flight == 0)
        await delivery.finish(text)
    assert len(board.posted) > 2
    assert all(len(shown) <= 200 for message in board.posted for shown in message.shown)
    assert not any(MARKER in text for text in board.texts)
    assert "".join("".join(board.texts).split()) == "".join(text.split())
    assert [part.index for part in journal.parts] == list(range(len(board.posted)))


async def test_where_text_can_only_grow_nothing_is_repaired_before_the_end() -> None:
    board = Board(appends=True)
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        for text in ("Look:", "Look:\n```py\nx", "Look:\n```py\nx = 1\ny = 2"):
            delivery.show(text)
            await board.until(lambda text=text: board.texts == [text])  # type: ignore[misc]
        await delivery.finish("Look:\n```py\nx = 1\ny = 2")
    assert board.texts == ["Look:\n```py\nx = 1\ny = 2\n```"]


async def test_a_platform_without_budget_for_edits_shows_the_whole_text_once() -> None:
    board = Board()
    outlet = NeverBefore(board, PLACE, "100")
    async with Delivery(outlet, reply(), Journal()) as delivery:
        delivery.show("Hel")
        await asyncio.sleep(0)
        delivery.show("Hello")
        await asyncio.sleep(0)
        await delivery.finish("Hello.")
    assert board.posted[0].shown == ["Hello."]


async def test_known_parts_are_written_over_and_surplus_ones_taken_back() -> None:
    board = Board(limit=200)
    outlet = board.outlet(PLACE, "100")
    ids = [await outlet.create(f"old {i}", nonce=str(i)) for i in range(3)]
    parts = tuple(Part(index, message_id) for index, message_id in enumerate(ids))
    async with Delivery(outlet, reply(*parts), Journal()) as delivery:
        await delivery.finish("A short answer this time.")
    assert board.texts == ["A short answer this time."]
    assert [message.deleted for message in board.posted] == [False, True, True]


async def test_a_message_posted_before_a_crash_is_found_again_and_shows_the_new_text() -> None:
    board = Board()
    outlet = board.outlet(PLACE, "100")
    begun = reply(state=ReplyState.GENERATING)
    first = await outlet.create("before the crash", nonce=nonce(begun, 0))
    async with Delivery(outlet, begun, Journal()) as delivery:
        await delivery.finish("after the crash")
    assert [message.id for message in board.posted] == [first]
    assert board.texts == ["after the crash"]


async def test_a_create_whose_answer_was_lost_shows_the_latest_text_in_the_end() -> None:
    board = Board()
    outlet = board.outlet(PLACE, "100")
    async with Delivery(outlet, reply(), Journal()) as delivery:
        board.failures_after = [Throttled("connection lost", retry_after=0.01)]
        delivery.show("Hel")
        await board.until(lambda: not board.failures_after)
        await delivery.finish("Hello")
    assert len(board.posted) == 1
    assert board.texts == ["Hello"]


def test_a_nonce_is_short_and_differs_for_every_part() -> None:
    replies = [replace(reply(), message_id=message) for message in ("1", "2")]
    keys = {nonce(one, index) for one in replies for index in range(3)}
    assert {len(key) for key in keys} == {24}
    assert len(keys) == 6


def test_a_reply_that_is_given_again_has_other_nonces() -> None:
    first = reply()
    again = replace(first, claimed_at=first.claimed_at + timedelta(minutes=1))
    assert nonce(first, 0) != nonce(again, 0)


async def test_leaving_early_leaves_no_task_behind() -> None:
    board = Board()
    before = asyncio.all_tasks()
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal()) as delivery:
        board.gate.clear()
        delivery.show("a")
        await board.until(lambda: board.in_flight == 1)
    assert asyncio.all_tasks() == before
    assert board.typing == 0


async def test_buttons_are_below_the_last_message_and_change_with_the_ending() -> None:
    board = Board(limit=200)
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal(), buttons=STOP) as delivery:
        delivery.show("word " * 30)
        await board.until(lambda: len(board.posted) == 1)
        assert board.posted[0].buttons == STOP
        delivery.show("word " * 60)
        await board.until(lambda: len(board.posted) == 2)
        assert [message.buttons for message in board.posted] == [(), STOP]
        await delivery.finish("word " * 60, WHY)
    assert [message.buttons for message in board.posted] == [(), WHY]


async def test_who_waits_in_the_queue_sees_the_place_until_there_is_text() -> None:
    board, journal = Board(), Journal()
    async with Delivery(
        board.outlet(PLACE, "100"), reply(), journal, buttons=STOP, patience=0.0
    ) as delivery:
        delivery.waiting = lambda: Waiting(3, 20.4)
        await board.until(lambda: bool(board.posted))
        assert board.texts == ["You are number 3 in the queue, about 20 s."]
        assert board.posted[0].buttons == STOP
        assert board.typing == 1
        delivery.show("Hello")
        await board.until(lambda: board.texts == [f"Hello{MARKER}"])
        await delivery.finish("Hello.")
    assert board.texts == ["Hello."]
    assert journal.parts == [Part(0, "m1", "")]


@pytest.mark.parametrize(
    ("waiting", "words"),
    [
        (Waiting(1), "You are number 1 in the queue."),
        (Waiting(2, 0.2), "You are number 2 in the queue, about 1 s."),
        (Waiting(9, 600.0), "You are number 9 in the queue, about 10 min."),
        (Waiting(0, 5.0), ""),
    ],
)
def test_a_place_in_the_queue_in_words(waiting: Waiting, words: str) -> None:
    assert queued(waiting, "en") == words


@pytest.mark.parametrize("why_not", ["no budget", "only grows", "being written"])
async def test_nothing_is_said_of_the_queue_where_that_would_do_harm(why_not: str) -> None:
    board = Board(appends=why_not == "only grows")
    outlet = (NeverBefore if why_not == "no budget" else BoardOutlet)(board, PLACE, "100")
    asked = asyncio.Event()

    def waiting() -> Waiting:
        asked.set()
        return Waiting(0 if why_not == "being written" else 1)

    async with Delivery(outlet, reply(), Journal(), patience=0.0) as delivery:
        delivery.waiting = waiting
        await asked.wait()
        asked.clear()
        await asked.wait()
        await delivery.finish("Hello.")
    assert board.posted[0].shown == ["Hello."]


async def test_a_notice_that_the_platform_does_not_take_holds_nothing_up() -> None:
    board = Board()
    board.failures = [Throttled("slow down", retry_after=0.01)]
    async with Delivery(board.outlet(PLACE, "100"), reply(), Journal(), patience=0.0) as delivery:
        delivery.waiting = lambda: Waiting(1)
        await board.until(lambda: not board.failures)
        await delivery.finish("Hello.")
    assert board.texts == ["Hello."]
