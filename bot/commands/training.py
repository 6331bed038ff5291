"""Feedback as lines that TRL's trainers read: for supervised, preference and KTO training.

Prompts and answers are lists of messages (TRL's conversational format); `metadata` says how an
answer was made, and trainers pass it over.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from enum import StrEnum
from itertools import combinations
from typing import Any

from bot.control.ports import FeedbackStore
from bot.control.records import Alternative, Example, Verdict

PAGE = 200


class Format(StrEnum):
    """What the lines are for."""

    SFT = "sft"
    PREFERENCE = "preference"
    KTO = "kto"


async def lines(store: FeedbackStore, shape: Format) -> AsyncIterator[str]:
    """One JSON text for each line, in the order of the replies."""
    after = 0
    while examples := await store.examples(after=after, limit=PAGE):
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


def _supervised(example: Example) -> Iterator[dict[str, Any]]:
    for row in _labelled(example):
        if row.pop("label"):
            yield row


def _labelled(example: Example) -> Iterator[dict[str, Any]]:
    balance = _balance(example)
    for answer in example.answers:
        if balance[answer.number]:
            yield {
                "prompt": _prompt(example),
                "completion": _said(answer),
                "label": balance[answer.number] > 0,
                "metadata": {"reply": example.reply_id, **_made(answer)},
            }


def _preferred(example: Example) -> Iterator[dict[str, Any]]:
    for better, worse in _pairs(example):
        yield {
            "prompt": _prompt(example),
            "chosen": _said(better),
            "rejected": _said(worse),
            "metadata": {
                "reply": example.reply_id,
                "chosen": _made(better),
                "rejected": _made(worse),
            },
        }


def _pairs(example: Example) -> Iterator[tuple[Alternative, Alternative]]:
    """Better and worse of every two answers: by choices between them, else by their votes."""
    chosen = Counter((each.better, each.worse) for each in example.preferences)
    balance = _balance(example)
    for one, other in combinations(example.answers, 2):
        here, there = (one.number, other.number), (other.number, one.number)
        margin = chosen[here] - chosen[there]
        if here not in chosen and there not in chosen:
            first, second = balance[one.number], balance[other.number]
            margin = first - second if first * second < 0 else 0
        if margin and one.text != other.text:
            yield (one, other) if margin > 0 else (other, one)


def _balance(example: Example) -> Counter[int]:
    """For each answer's number the votes up less the votes down."""
    found = Counter[int]()
    for vote in example.votes:
        found[vote.number] += 1 if vote.verdict is Verdict.UP else -1
    return found


def _prompt(example: Example) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in example.messages]


def _said(answer: Alternative) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": answer.text}]


def _made(answer: Alternative) -> dict[str, Any]:
    """Only plain values: a loader of tables wants the same type in every line."""
    origin = answer.origin
    scalar = {key: value for key, value in origin.sampling if not isinstance(value, list | tuple)}
    return {
        "answer": answer.number,
        "model": origin.model,
        "precision": origin.precision,
        "adapter": origin.adapter,
        "seed": answer.seed,
        "sampling": scalar,
    }
