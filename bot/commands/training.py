"""Feedback as lines that TRL's trainers read: for supervised, preference and KTO training.

Prompts and answers are lists of messages (TRL's conversational format); `metadata` says how an
answer was made, and trainers pass it over. An answer whose own prompt is no longer kept is left
out, and so is a pair of answers that were not given to the same.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import Any

from bot.control.ports import FeedbackStore
from bot.control.records import Alternative, Example, Messages, Verdict
from bot.prompt.exchange import UNFINISHED
from bot.values import Role

PAGE = 200


class Format(StrEnum):
    """What the lines are for."""

    SFT = "sft"
    PREFERENCE = "preference"
    KTO = "kto"


async def lines(store: FeedbackStore, shape: Format) -> AsyncIterator[str]:
    """One JSON text for each line, in the order of the replies."""
    after, opted_out = 0, await store.opted_out()
    while examples := await store.examples(after=after, limit=PAGE, opted_out=opted_out):
        for example in examples:
            for row in rows(example, shape):
                yield json.dumps(row, ensure_ascii=False)
        after = examples[-1].reply_id


def rows(example: Example, shape: Format) -> Iterator[dict[str, Any]]:
    """What one reply gives: answers on which votes are even give nothing."""
    match shape:
        case Format.SFT:
            yield from _supervised(example)
        case Format.KTO:
            yield from _labelled(example)
        case Format.PREFERENCE:
            yield from _preferred(example)


@dataclass(frozen=True, slots=True)
class _Given:
    """An answer and what it was given to; it may go on from another one, by that one's number."""

    answer: Alternative
    prompt: Messages
    continues: int | None = None


def _given(example: Example) -> dict[int, _Given]:
    """The answers of which it is known what they were given to, by their numbers."""
    found: dict[int, _Given] = {}
    for answer in example.answers:
        prompt = example.prompts.get(answer.number)
        if prompt is None:
            continue
        if prompt and prompt[-1][0] == Role.ASSISTANT:
            whole = _continued(answer, prompt, found)
        else:
            whole = _Given(answer, prompt)
        if whole is not None:
            found[answer.number] = whole
    return found


def _continued(answer: Alternative, prompt: Messages, found: dict[int, _Given]) -> _Given | None:
    """An answer whose prompt ends with how it begins, as the whole that people judged.

    None if the beginning was given to something else: a message or persona may have changed since.
    """
    *asked, (_, begun) = prompt
    for number, first in reversed(found.items()):
        if first.prompt == tuple(asked) and first.answer.text.rstrip(UNFINISHED) == begun:
            return _Given(answer, first.prompt, number)
    return None


def _supervised(example: Example) -> Iterator[dict[str, Any]]:
    for row in _labelled(example):
        if row.pop("label"):
            yield row


def _labelled(example: Example) -> Iterator[dict[str, Any]]:
    balance = _balance(example)
    for number, given in _given(example).items():
        if balance[number]:
            yield {
                "prompt": _prompt(given),
                "completion": _said(given),
                "label": balance[number] > 0,
                "metadata": {"reply": example.reply_id, **_made(given)},
            }


def _preferred(example: Example) -> Iterator[dict[str, Any]]:
    for better, worse in _pairs(example):
        yield {
            "prompt": _prompt(better),
            "chosen": _said(better),
            "rejected": _said(worse),
            "metadata": {
                "reply": example.reply_id,
                "chosen": _made(better),
                "rejected": _made(worse),
            },
        }


def _pairs(example: Example) -> Iterator[tuple[_Given, _Given]]:
    """Better and worse of every two answers to the same: by choices between them, else by votes."""
    chosen = Counter((each.better, each.worse) for each in example.preferences)
    balance = _balance(example)
    for one, other in combinations(_given(example).values(), 2):
        first, second = one.answer.number, other.answer.number
        here, there = (first, second), (second, first)
        margin = chosen[here] - chosen[there]
        if here not in chosen and there not in chosen:
            opposite = balance[first] * balance[second] < 0
            margin = balance[first] - balance[second] if opposite else 0
        if margin and one.prompt == other.prompt and one.answer.text != other.answer.text:
            yield (one, other) if margin > 0 else (other, one)


def _balance(example: Example) -> Counter[int]:
    """For each answer's number the votes up less the votes down."""
    found = Counter[int]()
    for vote in example.votes:
        found[vote.number] += 1 if vote.verdict is Verdict.UP else -1
    return found


def _prompt(given: _Given) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in given.prompt]


def _said(given: _Given) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": given.answer.text}]


def _made(given: _Given) -> dict[str, Any]:
    """Only plain values: a loader of tables wants the same type in every line."""
    answer, origin = given.answer, given.answer.origin
    scalar = {key: value for key, value in origin.sampling if not isinstance(value, list | tuple)}
    return {
        "answer": answer.number,
        "continues": given.continues,
        "model": origin.model,
        "precision": origin.precision,
        "adapter": origin.adapter,
        "seed": answer.seed,
        "sampling": scalar,
    }
