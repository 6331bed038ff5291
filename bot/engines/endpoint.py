"""A configured model that others serve: its small files may be here, its weights are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.endpoint.estimate import EstimatedFormat
from bot.engines.engine import Engine, Room
from bot.engines.format import make_builder, make_engine, within
from bot.prompt.builder import PromptBuilder
from bot.prompt.load import load_tokenizer
from bot.settings import AdapterSettings, ModelSettings, SamplingSettings
from bot.settings.units import plain
from bot.values import Sampling

CONTEXT = 4096
"""Tokens of a model whose files are not here and whose context is not configured: Llama 2's."""

PRECISION = "endpoint"


class EndpointSource:
    """Implements Source; nothing of it ever leaves, for it takes no memory to speak of."""

    idle = 0.0

    def __init__(
        self,
        model: ModelSettings,
        sampling: SamplingSettings,
        adapters: Sequence[AdapterSettings] = (),
    ) -> None:
        self._model = model
        self._sampling = sampling
        self._served = {each.name: each.path for each in adapters}
        self.adapters = tuple(self._served)
        self.title = model.title or model.label
        self.warm = bool(model.warm)

    def fetch(self) -> None:
        """Download the small files, if they have a name."""
        self._checkpoint()

    def builder(self) -> PromptBuilder:
        """Exact to the token where the small files are known, else by a careful guess."""
        if found := self._checkpoint():
            return make_builder(found, self._sampling)
        chosen = self._sampling.over(Sampling())
        context = self._model.context or CONTEXT
        return PromptBuilder(EstimatedFormat(), context=context, reserve=chosen.max_new_tokens)

    def room(self) -> Room | None:
        """None of this machine's."""
        return None

    def load(self) -> Engine:
        """The way to the servers; they are asked nothing before the first answer."""
        from bot.endpoint.generator import EndpointGenerator

        model, found = self._model, self._checkpoint()
        generator = EndpointGenerator(
            model.urls,
            served=model.served or "",
            api_key=plain(model.api_key) or "",
            timeout=model.timeout,
            context=found.context if found else model.context or CONTEXT,
            token_ids=model.token_ids,
            tokenizer=load_tokenizer(found) if found else None,
            usual=checkpoints.recommended(found) if found else None,
            adapters=self._served,
            limit=model.batch + model.queue,
            repeats=model.repeats,
        )
        names = self.adapters
        if found:
            sampling = self._sampling
            return make_engine(
                self.title, found, sampling, generator, precision=PRECISION, adapters=names
            )
        chosen = self._sampling.over(Sampling())
        return Engine(self.title, self.builder(), generator, chosen, PRECISION, names)

    def release(self) -> None:
        """It held nothing."""

    def _checkpoint(self) -> Checkpoint | None:
        model = self._model
        if model.files is None:
            return None
        found = checkpoints.find(model.files, revision=model.revision, weights=False)
        return within(replace(found, context=found.longest), model.context)
