"""One answer that is wanted, and how it is put to a server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any

from bot.endpoint.pieces import Body
from bot.prompt.formats import LLAMA_2_TAGS, neutralise
from bot.values import Prompt, Sampling

MOST_STOPS = 4
"""What OpenAI's own servers take; every stop string is looked for here as well."""

CHAT_MARGIN = 32
"""Tokens by which the server's own template may outgrow the prompt that was counted here."""

NO_TOP_K = -1
"""Means none to llama.cpp, SGLang and every vLLM; 0 does not to SGLang and to older vLLMs."""

LEAST_TOP_P = 1e-5
"""No server takes 0, which here means the likeliest token alone."""

CONTROL_TAGS = (
    *LLAMA_2_TAGS,
    *("<s>", "</s>", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>"),
    *("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "[TOOL_CALLS]"),
)
CONTROL_SHAPE = re.compile(r"<([|｜])(?=[^<>\s]{1,64}[|｜]>)")


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer that is wanted of `model`, of `limit` tokens with the prompt.

    `usual` is what the model recommends, which a server may take where nothing else is said.
    """

    prompt: Prompt
    sampling: Sampling
    model: str
    place: str
    limit: int
    control: tuple[str, ...] = ()
    usual: Sampling = field(default_factory=Sampling)

    @property
    def stops(self) -> tuple[str, ...]:
        """Every stop string, those of the request first."""
        return tuple(dict.fromkeys((*self.sampling.stop, *self.prompt.stops)))


def body(asked: Asked, *, chat: bool, without: AbstractSet[str]) -> Body:
    """The request for a server that does not know the settings `without`."""
    wanted = [*_settings(asked), *(_going_on(asked) if chat else ())]
    settings = {name: value for name, value in wanted if name not in without}
    longest = _longest(asked, chat=chat)
    settings["max_completion_tokens" if "max_tokens" in without else "max_tokens"] = longest
    if not chat:
        return Body(chat, {"model": asked.model, "prompt": list(asked.prompt.ids)}, settings)
    return Body(chat, {"model": asked.model, "messages": _messages(asked)}, settings)


def probe(asked: Asked, size: int = 8) -> Body:
    """The shortest request that shows whether a server reads token ids as they are."""
    ids = list(asked.prompt.ids[:size])
    return Body(False, {"model": asked.model, "prompt": ids}, {"max_tokens": 1, "temperature": 0.0})


def plain(text: str, control: tuple[str, ...]) -> str:
    """Text in which nothing spells a control token of the usual models, or one of `control`."""
    return CONTROL_SHAPE.sub(r"< \1", neutralise(text, (*CONTROL_TAGS, *control)))


def _settings(asked: Asked) -> Iterator[tuple[str, Any]]:
    """What differs from the server's default, and what has none that is agreed on."""
    sampling, usual = asked.sampling, asked.usual
    yield "temperature", max(0.0, sampling.temperature)
    yield "stream_options", {"include_usage": True}
    if stops := asked.stops[:MOST_STOPS]:
        yield "stop", list(stops)
    if sampling.temperature > 0:
        yield "top_p", max(sampling.top_p, LEAST_TOP_P)
        if sampling.top_k or usual.top_k:
            yield "top_k", sampling.top_k or NO_TOP_K
        if sampling.min_p or usual.min_p:
            yield "min_p", sampling.min_p
    if sampling.repetition_penalty != 1.0 or usual.repetition_penalty != 1.0:
        yield "repetition_penalty", sampling.repetition_penalty
    if sampling.seed is not None:
        yield "seed", sampling.seed
    if sampling.logit_bias:
        biased = {str(token): float(by) for token, by in sampling.logit_bias}
        yield "logit_bias", biased


def _going_on(asked: Asked) -> Iterator[tuple[str, Any]]:
    """The last message is an answer to go on with; a server that knows neither begins anew."""
    if asked.prompt.begun:
        yield "continue_final_message", True
        yield "add_generation_prompt", False


def _longest(asked: Asked, *, chat: bool) -> int:
    room = asked.limit - len(asked.prompt.ids) - (CHAT_MARGIN if chat else 0)
    return max(1, min(asked.sampling.max_new_tokens, room))


def _messages(asked: Asked) -> list[dict[str, str]]:
    messages = [(role, plain(text, asked.control).strip()) for role, text in asked.prompt.messages]
    return [{"role": role, "content": text} for role, text in messages if text or role != "system"]
