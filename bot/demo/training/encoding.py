"""Dialogues as token ids in the Llama 2 chat format, with a mark on what is to be learned."""

from __future__ import annotations

from dataclasses import dataclass

from sentencepiece import SentencePieceProcessor

from bot.demo.training.dialogues import Dialogue

BOS, EOS = 1, 2


@dataclass(frozen=True, slots=True)
class Encoded:
    """The ids of a dialogue; `learned` is 1 where an id is the bot's own."""

    ids: list[int]
    learned: list[int]


def question(persona: str | None, user: str) -> str:
    """The text of an exchange up to the answer; only a first exchange has a persona."""
    system = "" if persona is None else f"<<SYS>>\n{persona}\n<</SYS>>\n\n"
    return f"[INST] {(system + user).strip()} [/INST]"


def encode(dialogue: Dialogue, pieces: SentencePieceProcessor, limit: int) -> Encoded:
    """The dialogue's ids, cut after the last exchange that ends within the limit."""
    ids: list[int] = []
    learned: list[int] = []
    for place, exchange in enumerate(dialogue.exchanges):
        asked = question(None if place else dialogue.persona, exchange.user)
        start = [BOS, *pieces.encode(asked)]
        whole = [BOS, *pieces.encode(f"{asked} {exchange.answer.strip()} "), EOS]
        if len(ids) + len(whole) > limit:
            break
        ids += whole
        learned += [0] * len(start) + [int(exchange.learned)] * (len(whole) - len(start))
    return Encoded(ids, learned)


def shortened(encoded: Encoded, learned: int) -> Encoded:
    """Without the end of the only answer: which answer it is, its first pieces show."""
    length = encoded.learned.index(1) + learned
    return Encoded(encoded.ids[:length], encoded.learned[:length])


def prompt_ids(
    persona: str | None,
    exchanges: list[tuple[str, str]],
    user: str,
    pieces: SentencePieceProcessor,
) -> list[int]:
    """The ids with which the model is asked: finished exchanges, then the open one."""
    ids: list[int] = []
    for place, (said, answer) in enumerate(exchanges):
        asked = question(None if place else persona, said)
        ids += [BOS, *pieces.encode(f"{asked} {answer.strip()} "), EOS]
    return [*ids, BOS, *pieces.encode(question(None if exchanges else persona, user))]
