"""A configured model that runs in this process.

The generation room, and torch with it, is imported by what loads a model or asks for memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from bot import checkpoint as checkpoints
from bot.checkpoint import Checkpoint
from bot.engines.adapters import adapter_folder
from bot.engines.engine import Engine, Room
from bot.engines.format import make_builder, make_engine, within
from bot.log import adopt
from bot.prompt.builder import PromptBuilder
from bot.prompt.load import load_tokenizer
from bot.settings import AdapterSettings, ModelSettings, SamplingSettings

if TYPE_CHECKING:
    from bot.generation.adapters.bank import AdapterBank
    from bot.generation.weights.loading import LoadedModel


class LocalSource:
    """Implements Source. `model` has its title, idle time and warmth already."""

    def __init__(
        self,
        model: ModelSettings,
        sampling: SamplingSettings,
        adapters: Sequence[AdapterSettings] = (),
    ) -> None:
        self._model = model
        self._sampling = sampling
        self._adapters = tuple(adapters)
        self.adapters = tuple(each.name for each in adapters)
        self.title = model.title or model.label
        self.idle = model.idle or 0.0
        self.warm = bool(model.warm)

    @cached_property
    def _checkpoint(self) -> Checkpoint:
        found = checkpoints.find(self._model.name, revision=self._model.revision)
        return within(found, self._model.context)

    @property
    def share(self) -> float | None:
        """Of the memory beside the weights, for conversations; None is as much as is sensible."""
        return self._model.memory

    @property
    def context(self) -> int:
        """Tokens that the configuration and the model's files allow."""
        return self._checkpoint.context

    def fetch(self) -> None:
        """Download what is not here yet: the model, unless it cannot be loaded, and adapters."""
        self.__dict__.pop("_checkpoint", None)
        model = self._model
        small = checkpoints.find(model.name, revision=model.revision, weights=False)
        self._refuse(small)
        _ = self._checkpoint
        self._adapter_folders()

    def builder(self) -> PromptBuilder:
        """From the small files, which are downloaded if they are not here."""
        model = self._model
        found = checkpoints.find(model.name, revision=model.revision, weights=False)
        return make_builder(within(found, model.context), self._sampling)

    def room(self) -> Room | None:
        """What the weights and one conversation need, on the device of the configuration."""
        from bot.generation.weights.residency import demand

        model = self._model
        return Room(
            *demand(
                self._checkpoint.path,
                device=model.device,
                dtype=model.dtype,
                quantisation=model.quantisation,
                context=self.context,
                share=self.share,
            )
        )

    def load(self) -> Engine:
        """The weights on their device, the adapters tied to them, and a worker that generates."""
        from bot.generation.generator import LocalGenerator
        from bot.generation.supervisor import Patience
        from bot.generation.weights.loading import load

        self._refuse(self._checkpoint, beside=True)
        model = self._model
        loaded = load(
            self._checkpoint.path,
            device=model.device,
            dtype=model.dtype,
            quantisation=model.quantisation,
        )
        generator = LocalGenerator(
            loaded,
            load_tokenizer(self._checkpoint),
            max_batch=model.batch,
            queue=model.queue,
            prefill_budget=model.prefill,
            stall=model.stall,
            memory=self._memory(loaded),
            adapters=self._bank(loaded),
            patience=Patience(hang=model.hang),
            repeats=model.repeats,
        )
        return make_engine(
            self.title,
            self._checkpoint,
            self._sampling,
            generator,
            precision=loaded.precision,
            adapters=self.adapters,
        )

    def release(self) -> None:
        """Hand freed memory back to the device."""
        from bot.generation.weights.giving_back import release

        release()

    def _refuse(self, found: Checkpoint, *, beside: bool = False) -> None:
        """ModelLoadError for what can be known not to load before the weights are here."""
        from bot.generation.weights.refusal import refuse_too_large, refuse_without_library

        adopt()  # transformers puts up a log handler of its own when it is imported
        model = self._model
        precision = {"dtype": model.dtype, "quantisation": model.quantisation}
        refuse_without_library(device=model.device, **precision)
        refuse_too_large(
            found.path, device=model.device, context=model.context, beside=beside, **precision
        )

    def _bank(self, loaded: LoadedModel) -> AdapterBank | None:
        if not self._adapters:
            return None
        from bot.generation.adapters.bank import load_adapters

        return load_adapters(loaded, self._adapter_folders())

    def _adapter_folders(self) -> list[tuple[str, Path]]:
        return [(each.name, adapter_folder(each.path, each.revision)) for each in self._adapters]

    def _memory(self, loaded: LoadedModel) -> int | None:
        """Bytes for conversations, of what is free beside the loaded weights."""
        from bot.generation.weights.residency import free_memory

        if self.share is None:
            return None
        return int(self.share * free_memory(loaded.layer_devices))
