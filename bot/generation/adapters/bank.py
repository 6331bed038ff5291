"""The adapters of one model, and which of its next tokens go through which of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog
import torch

from bot.errors import ModelLoadError
from bot.generation.adapters.folder import Factors, read_adapter
from bot.generation.adapters.lora import Layout, Run, Stack, merge
from bot.generation.weights.loading import LoadedModel

log = structlog.get_logger(__name__)

LAYER = re.compile(r"\.layers\.(\d+)\.")


class AdapterBank:
    """Adapters by name, ready beside the layers they change. One thread only.

    `select` says before each forward whose tokens the packed row holds. What depends on it are
    slices and masks whose shapes differ from step to step, so a step with adapters runs eagerly. A
    step without adds nothing and may replay a captured graph. To capture steps with adapters, give
    each layer one `Addition` over all rows and all ranks of its stack, and keep its `foreign` mask
    as a buffer of fixed shape [rows, ranks] that `select` writes into.
    """

    def __init__(
        self, names: Sequence[str], layouts: Sequence[Layout], stacks: Sequence[Stack]
    ) -> None:
        self.names = tuple(names)
        self._numbers = {"": -1} | {name: number for number, name in enumerate(names)}
        self._layouts = tuple(layouts)
        self._stacks = tuple(stacks)
        self._runs: tuple[Run, ...] = ()

    @property
    def nbytes(self) -> int:
        """Memory that all the adapters take."""
        return sum(stack.nbytes for stack in self._stacks)

    def select(self, parts: Sequence[tuple[str, int, int]]) -> None:
        """The next forward's row: tokens [first, last) belong to the adapter, "" being none.

        Parts come in the row's order; tokens in no part have no adapter.
        """
        runs = merge([(self._numbers[name], first, last) for name, first, last in parts])
        if runs == self._runs:
            return
        for layout in self._layouts:
            layout.place(runs)
        self._runs = runs


def load_adapters(loaded: LoadedModel, sources: Sequence[tuple[str, Path]]) -> AdapterBank:
    """Read PEFT's LoRA folders and tie them to the model; one bank to a model.

    ModelLoadError says which adapter does not fit and why; the model is then as it was. Takes
    seconds: call it off the event loop.
    """
    names = [name for name, _ in sources]
    if twice := [name for name, count in Counter(names).items() if count > 1 or not name]:
        raise ModelLoadError(f"each adapter needs a name of its own; look at {twice[0]!r}")
    adapters = [read_adapter(name, folder, loaded) for name, folder in sources]
    try:
        bank = _tie(loaded, names, adapters)
    except torch.OutOfMemoryError as error:
        raise ModelLoadError("beside the model there is no memory for the adapters") from error
    if names:
        log.info("adapters_loaded", names=names, megabytes=round(bank.nbytes / 1e6, 1))
    return bank


def _tie(
    loaded: LoadedModel, names: Sequence[str], adapters: Sequence[Mapping[str, Factors]]
) -> AdapterBank:
    layouts: dict[tuple[tuple[int, ...], int, torch.device], Layout] = {}
    stacks: dict[str, Stack] = {}
    for layer in dict.fromkeys(layer for adapter in adapters for layer in adapter):
        factors = [adapter.get(layer) for adapter in adapters]
        ranks = tuple(0 if one is None else len(one.down) for one in factors)
        device = _device(loaded, layer)
        given = [one for one in factors if one is not None]
        width = given[0].down.shape[1] + given[0].up.shape[1]
        key = (ranks, width, device)
        layout = layouts.setdefault(key, Layout(*key))
        down = torch.cat([one.down for one in given]).to(device)
        up = torch.cat([one.up for one in given]).to(device)
        stacks[layer] = Stack(layout, down, up)
    for layer, stack in stacks.items():
        loaded.model.get_submodule(layer).register_forward_hook(stack)
    return AdapterBank(names, list(layouts.values()), list(stacks.values()))


def _device(loaded: LoadedModel, layer: str) -> torch.device:
    found = LAYER.search(layer)
    return loaded.layer_devices[int(found[1])] if found else loaded.device
