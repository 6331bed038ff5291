"""Whatever a request attends to was computed from its own tokens, and from nobody else's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.generation import prefixes
from bot.generation.generator import LocalGenerator, Stats
from bot.generation.memory.key_value import KeyValueMemory, KeyValueShape
from bot.generation.memory.paged import PagedMemory
from bot.generation.prefixes import Slots
from bot.generation.request import Request
from bot.generation.runner import Runner
from bot.generation.scheduler import Work
from bot.generation.weights.loading import LoadedModel
from bot.values import Sampling
from tests.generation.loads import hold, random_load
from tests.generation.speaking import CONTEXT, Characters, Reference

CLOSE = 1e-3
"""Keys and values are of the order of one; another prefix makes them quite different."""


def held(memory: KeyValueMemory, slot: int, layer: int, length: int) -> torch.Tensor:
    """The keys and values that lie in a slot of the memory itself: [2, heads, length, dim]."""
    if isinstance(memory, PagedMemory):
        pages = memory.tables.of(slot)
        rows = memory.pools[layer][pages].flatten(0, 1)[:length]
        return rows.permute(1, 2, 0, 3)
    slots: Any = getattr(memory, "_slots")  # noqa: B009 - the test looks where nobody else does
    return torch.stack([slots[slot][2 * layer + at, 0, :, :length] for at in (0, 1)])


@dataclass
class Witness:
    """Looks, after every step, at all that the step's requests could attend to."""

    reference: Reference
    rows: int = 0
    foreign: list[str] = field(default_factory=list)

    def look(self, memory: KeyValueMemory, work: Sequence[Work]) -> None:
        for one in work:
            request, span = one.request, one.span
            length = span.end
            own = self._computed(request.tokens[:length])
            for layer, wanted in enumerate(own):
                found = held(memory, span.slot, layer, length)
                apart = (found - wanted).abs().amax((0, 1, 3))
                at = [int(row) for row in (apart > CLOSE).nonzero().flatten()]
                if at:
                    self.foreign.append(f"{request.place}: layer {layer}, rows {at}")
            self.rows += length

    def _computed(self, tokens: list[int]) -> list[torch.Tensor]:
        """The keys and values of these tokens alone, by transformers' own cache."""
        output = self.reference.model(torch.tensor([tokens]), use_cache=True)
        layers = output.past_key_values.layers
        return [torch.stack((layer.keys[0], layer.values[0])) for layer in layers]


@pytest.fixture
def witness(reference: Reference, monkeypatch: pytest.MonkeyPatch) -> Witness:
    witness = Witness(reference)
    run = Runner.run

    @torch.inference_mode()
    def seen(self: Runner, work: Sequence[Work]) -> list[int | None]:
        found = run(self, work)
        witness.look(self._memory, work)
        return found

    monkeypatch.setattr(Runner, "run", seen)
    return witness


async def talked(loaded: LoadedModel, *, paged: bool, talks: int) -> Stats:
    """Places that begin alike, go on, give up and are put back, in room for few of them."""
    shape = KeyValueShape.of(loaded.model.config)
    room = (CONTEXT + 200) * shape.bytes_per_token(torch.float32)
    generator = LocalGenerator(
        loaded, Characters(), max_batch=3, queue=64, prefill_budget=24, paged=paged, memory=room
    )
    try:
        await hold(generator, random_load(1, talks=talks))
        return generator.stats()
    finally:
        await generator.close()


@pytest.mark.parametrize("talks", [4, pytest.param(12, marks=pytest.mark.slow)])
async def test_every_row_that_a_request_reads_comes_from_its_own_words(
    loaded: LoadedModel, paged: bool, witness: Witness, talks: int
) -> None:
    stats = await talked(loaded, paged=paged, talks=talks)
    assert witness.foreign == []
    assert witness.rows > 1000
    assert stats.reused_tokens > 0
    assert talks < 10 or stats.evicted > 0


async def test_the_witness_sees_a_beginning_that_is_not_the_same(
    loaded: LoadedModel, paged: bool, witness: Witness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Were the beginnings of prompts not compared, words of others would be read."""
    monkeypatch.setattr(prefixes, "common_prefix", lambda one, other: min(len(one), len(other)))
    await talked(loaded, paged=paged, talks=6)
    assert witness.foreign


TOKENS = st.lists(st.integers(1, 3), min_size=1, max_size=12)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "end", "evict", "forget", "grow"]),
        st.sampled_from(["slack:T1/C1", "slack:T2/C1", "slack:T1/C1/1", "discord:1/2"]),
        st.sampled_from(["", "up"]),
        TOKENS,
        st.integers(0, 5),
    ),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(STEPS)
def test_only_the_very_same_beginning_under_the_same_adapter_is_shared(
    steps: list[tuple[str, str, str, list[int], int]],
) -> None:
    slots, running = Slots(4), list[Request]()
    truth: dict[int, tuple[str, list[int]]] = {}
    for action, place, adapter, tokens, number in steps:
        match action:
            case "add" if not slots.full or slots.evict() is not None:
                request = Request(
                    tuple(tokens), Sampling(), place, frozenset(), seed=1, adapter=adapter
                )
                match = slots.match(request)
                if match.source is not None:
                    whose, lies = truth[match.source.index]
                    assert whose == adapter
                    assert lies[: match.shared] == tokens[: match.shared]
                    assert match.shared < len(tokens)
                slot = slots.take(request, match)
                truth[slot] = (adapter, tokens[: match.shared])
                running.append(request)
            case "grow" if running:
                grown = running[number % len(running)]
                grown.tokens.append(number)
                grown.computed = len(grown.tokens) - 1
                assert grown.slot is not None
                truth[grown.slot] = (grown.adapter, grown.tokens[: grown.computed])
            case "end" if running:
                slots.release(running.pop(number % len(running)))
            case "evict":
                slots.evict()
            case "forget":
                slots.forget()
                truth = {at: (whose, []) for at, (whose, _) in truth.items()}
