"""Steps in which every answer gets one token: from ids to ids without a word from the host."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import structlog
import torch
from torch import Tensor

from bot.errors import GenerationError
from bot.generation.graphs.inputs import DecodeInputs
from bot.generation.graphs.recording import Compute, Recorder
from bot.generation.memory.paged import PagedMemory
from bot.generation.memory.paged_packing import (
    LENGTHS,
    ROWS,
    Addresses,
    PagedPacking,
    batch_of,
    bucket,
    width_for,
)
from bot.generation.sampling.rows import Row
from bot.generation.sampling.tensors import SamplingTensors, sample
from bot.generation.scheduler import Work
from bot.generation.shortage import is_out_of_memory
from bot.generation.weights.loading import LoadedModel

log = structlog.get_logger(__name__)

USUAL_LENGTH = 1024
"""Steps of conversations up to this length are recorded at the start, longer ones when needed."""
MOST_STEPS = 64
"""Recorded steps that are kept; the one that was not needed for longest makes room."""
PROBE = 3
"""The token and position that a recorded step is tried with; it was recorded with zeros."""
TOLERANCE = 0.02


class DecodeGraphs:
    """The model's forward and the sampler for pure decoding, in few shapes. One thread at a time.

    Answers are filled up to a number of rows and conversations to a length that repeat, with rows
    that write to a page of nobody. A shape is recorded when first met, or by `warm_up`. If that
    ever fails it is not tried again: `run` then gives None, and nothing has happened. If memory was
    short for it, that is so for this one shape only, and until `drop`.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        memory: PagedMemory,
        recorder: Recorder,
        *,
        vocab_size: int,
        barred: Tensor | None,
        most: int,
    ) -> None:
        self._model: Any = loaded.model
        self._device = loaded.device
        self._dtype = loaded.dtype
        self._memory = memory
        self._recorder = recorder
        self._barred = barred
        self._vocab_size = vocab_size
        self._most = most
        self._failed = False
        self._pools: list[Tensor] | None = None
        self._steps: OrderedDict[tuple[int, int], Compute] = OrderedDict()
        self._too_large: set[tuple[int, int]] = set()
        self._draws: dict[tuple[int, bool, bool], Compute] = {}
        self._known: list[tuple[Row, int]] = []
        self._allocate(bucket(most, ROWS))

    def takes(self, work: Sequence[Work]) -> bool:
        """Whether this is a step for `run`: one token each, and no adapters."""
        return (
            not self._failed
            and 0 < len(work) <= self._most
            and all(w.count == 1 and w.samples and not w.request.adapter for w in work)
        )

    @torch.inference_mode()
    def run(self, work: Sequence[Work]) -> list[int | None] | None:
        """The next token of each, None where no number was finite.

        None for the whole if it must be computed in another way.
        """
        self._look_at_pools()
        rows = [one.request.row for one in work]
        count = bucket(len(work), ROWS)
        width = self._width(max(one.request.computed + 1 for one in work))
        drawn = any(row.draws for row in rows)
        if (count, width) in self._too_large:
            return None
        try:
            step = self._step(count, width)
            draw = self._draw(count, drawn=drawn, ranked=drawn and any(row.ranks for row in rows))
        except Exception as error:  # noqa: BLE001 -- whatever it was, it works without
            self._do_without(count, width, error)
            return None
        self._load(rows, count)
        self._write(work, rows, count, width)
        step()
        draw()
        ids = self._ids[: len(work)].tolist()  # the one time that the host waits
        self._known = [(row, len(row.tokens) + 1) for row in rows]
        return [None if token < 0 else token for token in ids]

    @torch.inference_mode()
    def warm_up(self) -> None:
        """Record the usual shapes, the largest first. Takes seconds; never raises."""
        try:
            self._look_at_pools()
        except Exception as error:  # noqa: BLE001 -- whatever it was, it works without
            if not is_out_of_memory(error):
                self._give_up(error)
            return
        shapes = self._usual_shapes()
        for done, (count, width) in enumerate(reversed(shapes), start=1):
            if self._failed:
                return
            log.info("decoding_warms_up", step=done, of=len(shapes))
            self._warm_up(count, width)

    def _warm_up(self, count: int, width: int) -> None:
        try:
            self._step(count, width)
            self._draw(count, drawn=False, ranked=False)
            self._draw(count, drawn=True, ranked=True)
        except Exception as error:  # noqa: BLE001 -- whatever it was, it works without
            self._do_without(count, width, error)

    def _usual_shapes(self) -> list[tuple[int, int]]:
        """Rows and widths, the smallest first."""
        usual = min(USUAL_LENGTH, self._memory.context)
        widths = {self._width(length) for length in (*LENGTHS, usual) if length <= usual}
        rows = [size for size in ROWS if size <= bucket(self._most, ROWS)]
        # Twice what there is room for: beginnings may be shared.
        most = 2 * self._memory.budget // self._memory.kernels.page
        gathers = self._memory.kernels.gathers
        shapes = [(count, width) for count in rows for width in sorted(widths)]
        return [one for one in shapes if not gathers or one[0] * one[1] <= most]

    def drop(self) -> None:
        """Give back what the recordings hold; they are made again when needed."""
        self._steps.clear()
        self._draws.clear()
        self._too_large.clear()
        self._known = []
        self._pools = None

    def _allocate(self, rows: int) -> None:
        with torch.inference_mode():
            width = self._width(self._memory.context)
            self._inputs = DecodeInputs(rows, width, self._device)
            size = (rows, self._vocab_size)
            self._tensors = SamplingTensors.allocate(*size, device=self._device)
            self._logits = torch.zeros(size, device=self._device)
            self._ids = torch.zeros(rows, dtype=torch.int64, device=self._device)

    def _width(self, length: int) -> int:
        kernels = self._memory.kernels
        # Where only what is there is read, one width does for all.
        return width_for(length if kernels.gathers else self._memory.context, kernels.page)

    def _write(self, work: Sequence[Work], rows: Sequence[Row], count: int, width: int) -> None:
        spans = [one.span for one in work]
        ids = [one.request.tokens[one.request.computed] for one in work]
        self._inputs.write(ids, spans, self._memory.tables, rows=count, width=width)
        self._inputs.roll([row.dice.random() if row.draws else 0.0 for row in rows])
        self._inputs.send()

    def _load(self, rows: Sequence[Row], count: int) -> None:
        """Bring the settings up to date, which the last step has done unless others were in it."""
        known, self._known = self._known, []
        same = len(known) == len(rows) and all(
            row is other and (length == len(row.tokens) or not row.penalises)
            for row, (other, length) in zip(rows, known, strict=True)
        )
        if not same:
            self._tensors.first(count).load(rows, self._barred)

    def _look_at_pools(self) -> None:
        """What was recorded reads and writes the pools that there were."""
        if self._pools is not self._memory.pools:
            self.drop()
            self._pools = self._memory.pools

    def _step(self, count: int, width: int) -> Compute:
        """The forward, which leaves logits."""
        if (count, width) not in self._steps:
            if len(self._steps) >= MOST_STEPS:
                self._steps.popitem(last=False)
            # With zeros, since what the last step left would be written again, to its places.
            self._inputs.probe(count, width, 0)
            self._steps[count, width] = self._recorded(count, width)
        self._steps.move_to_end((count, width))
        return self._steps[count, width]

    def _recorded(self, count: int, width: int) -> Compute:
        def compute() -> None:
            self._forward(count, width)

        replay = self._recorder.record(compute)
        self._inputs.probe(count, width, PROBE)
        compute()
        logits = self._logits[:count]
        wanted = logits.clone()
        logits.zero_()
        replay()
        within = TOLERANCE * float(wanted.abs().max())
        if not torch.allclose(logits, wanted, rtol=TOLERANCE, atol=within):
            raise GenerationError("a recorded step computes other numbers than it should")
        return replay

    def _forward(self, count: int, width: int) -> None:
        inputs, kernels = self._inputs, self._memory.kernels
        positions = inputs.positions(count).long()
        batch = batch_of(inputs.tables(count, width), positions, kernels, self._dtype)
        where = Addresses(positions, inputs.places(count).long(), [batch])
        output = self._model(
            input_ids=inputs.ids(count).long()[None],
            position_ids=positions[None],
            use_cache=False,
            logits_to_keep=0,
            packing=PagedPacking.single(self._memory.pools, where, kernels),
        )
        self._logits[:count].copy_(output.logits[0, :, : self._vocab_size])

    def _draw(self, count: int, *, drawn: bool, ranked: bool) -> Compute:
        """The sampler, which leaves ids. Recording it spoils what it knows of the rows."""
        key = count, drawn, ranked
        if key not in self._draws:
            self._known = []

            def compute() -> None:
                self._sample(count, drawn=drawn, ranked=ranked)

            self._draws[key] = self._recorder.record(compute)
        return self._draws[key]

    def _sample(self, count: int, *, drawn: bool, ranked: bool) -> None:
        tensors = self._tensors.first(count, self._inputs.uniform(count))
        ids = sample(self._logits[:count], tensors, drawn=drawn, ranked=ranked)
        tensors.note(ids)
        self._ids[:count].copy_(ids)

    def _do_without(self, count: int, width: int, error: Exception) -> None:
        if not is_out_of_memory(error):
            self._give_up(error)
            return
        self._steps.pop((count, width), None)
        self._too_large.add((count, width))
        log.warning("decoding_step_is_too_large_to_record", rows=count, pages=width)

    def _give_up(self, error: Exception) -> None:
        self._failed = True
        self.drop()
        log.warning("decoding_is_not_recorded", error=f"{type(error).__name__}: {error}")
