"""How the tests talk to an endpoint."""

from __future__ import annotations

from typing import Any

from bot.endpoint.answer import EndpointAnswer
from bot.endpoint.generator import EndpointGenerator
from bot.ports import Answer
from bot.values import Finish, Place, Prompt, Sampling

GREEDY = Sampling(max_new_tokens=24, temperature=0.0)
HERE = Place("test", "workspace", "channel")


def prompt(text: str = "hello", **changes: Any) -> Prompt:
    """One question, as ids and as messages."""
    settings: dict[str, Any] = {
        "ids": tuple(range(10, 30)),
        "text": text,
        "persona": None,
        "kept": 1,
        "dropped": 0,
        "messages": (("user", text),),
    }
    return Prompt(**(settings | changes))


def place(name: str) -> Place:
    return Place("test", "workspace", name)


def ask(
    generator: EndpointGenerator,
    asked: Prompt | None = None,
    sampling: Sampling = GREEDY,
    where: Place = HERE,
) -> EndpointAnswer:
    return generator.generate(asked or prompt(), sampling, where)


async def read(answer: Answer, seen: list[str] | None = None) -> tuple[str, Finish]:
    """The whole answer; what came before a failure is in `seen`."""
    deltas = [] if seen is None else seen
    async for delta in answer:
        deltas.append(delta)
    assert answer.finish is not None
    return "".join(deltas), answer.finish
