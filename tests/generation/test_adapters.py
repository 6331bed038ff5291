"""Adapters in one packed row: each token's logits are what PEFT computes for its adapter."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bot.generation.adapters.bank import AdapterBank, load_adapters
from bot.generation.adapters.lora import SHORT, Layout, Run, Stack, merge
from bot.generation.weights.loading import LoadedModel, load
from tests.adapters_made import ATTENTION, Peft, save_adapter
from tests.generation.speaking import Reference, some_ids

KINDS: dict[str, dict[str, Any]] = {
    "all": {"target_modules": "all-linear"},
    "attention": {"target_modules": list(ATTENTION), "r": 3},
    "stable": {"use_rslora": True, "r": 9, "lora_alpha": 5},
    "patterns": {
        "rank_pattern": {"q_proj": 7, "layers.1.mlp.up_proj": 2},
        "alpha_pattern": {"o_proj": 1},
    },
    "some layers": {"layers_to_transform": [0, 2], "target_modules": ["q_proj", "down_proj"]},
    "a regular expression": {"target_modules": r".*\.2\..*(k|gate)_proj"},
    "all but some": {"exclude_modules": ["k_proj", "model.layers.0.mlp.up_proj"]},
    "transposed": {"fan_in_fan_out": True, "target_modules": ["q_proj"]},
    "orthogonal": {"init_lora_weights": "orthogonal", "lora_dropout": 0.1},
}
Text = tuple[str, list[int]]


@torch.inference_mode()
def packed(loaded: LoadedModel, bank: AdapterBank, texts: Sequence[Text]) -> list[Tensor]:
    """The logits of several texts in one row, each through its own adapter."""
    lengths = [len(ids) for _, ids in texts]
    ends = torch.tensor(lengths).cumsum(0).tolist()
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    own = torch.block_diag(*(torch.ones(length, length).tril() for length in lengths))
    bank.select([(name, a, b) for (name, _), a, b in zip(texts, starts, ends, strict=True)])
    model: Any = loaded.model
    model.set_attn_implementation("eager")
    logits: Tensor = model(
        input_ids=torch.tensor([[token for _, ids in texts for token in ids]]),
        position_ids=torch.tensor([[at for length in lengths for at in range(length)]]),
        attention_mask=(1 - own)[None, None] * torch.finfo(torch.float32).min,
        use_cache=False,
    ).logits[0]
    return [logits[a:b] for a, b in zip(starts, ends, strict=True)]


@pytest.fixture(scope="module")
def folders(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An adapter of each kind."""
    root = tmp_path_factory.mktemp("adapters")
    return {
        kind: save_adapter(checkpoint, root / kind.replace(" ", "-"), seed, **settings)
        for seed, (kind, settings) in enumerate(KINDS.items())
    }


@pytest.fixture(scope="module")
def base(checkpoint: Path) -> LoadedModel:
    return load(checkpoint, device="cpu")


@pytest.fixture(scope="module")
def bank(base: LoadedModel, folders: dict[str, Path]) -> AdapterBank:
    """All the adapters, on `base`."""
    return load_adapters(base, list(folders.items()))


@pytest.fixture(scope="module")
def oracles(checkpoint: Path, folders: dict[str, Path]) -> dict[str, Peft | Reference]:
    """What each text's logits must be, by the adapter's name."""
    peft: dict[str, Peft | Reference] = {
        name: Peft(checkpoint, folder) for name, folder in folders.items()
    }
    return peft | {"": Reference(checkpoint)}


def wanted(oracle: Peft | Reference, ids: list[int]) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = oracle.model(torch.tensor([ids])).logits[0]
    return logits


def close(ours: Tensor, theirs: Tensor) -> bool:
    return bool((ours - theirs).abs().max() <= 1e-4 * theirs.abs().max())


@pytest.mark.parametrize("kind", ["", *KINDS])
def test_one_adapters_logits_are_pefts(
    base: LoadedModel, bank: AdapterBank, oracles: dict[str, Peft | Reference], kind: str
) -> None:
    ids = some_ids(random.Random(3), 40)
    (ours,) = packed(base, bank, [(kind, ids)])
    assert close(ours, wanted(oracles[kind], ids))
    if kind:
        assert not close(ours, wanted(oracles[""], ids))


@given(
    names=st.lists(st.sampled_from(["", *KINDS]), min_size=1, max_size=12),
    seed=st.integers(0, 10_000),
    longest=st.sampled_from([1, 3, SHORT + 20]),
)
@settings(max_examples=40, deadline=None)
def test_any_mixture_in_one_row_gives_each_text_its_own_adapters_logits(
    base: LoadedModel,
    bank: AdapterBank,
    oracles: dict[str, Peft | Reference],
    names: list[str],
    seed: int,
    longest: int,
) -> None:
    dice = random.Random(seed)
    texts = [(name, some_ids(dice, dice.randint(1, longest))) for name in names]
    for (name, ids), ours in zip(texts, packed(base, bank, texts), strict=True):
        assert close(ours, wanted(oracles[name], ids))


def test_a_step_without_adapters_is_the_models_own_to_the_bit(
    base: LoadedModel, bank: AdapterBank, checkpoint: Path
) -> None:
    texts = [("", some_ids(random.Random(number), 9)) for number in range(3)]
    packed(base, bank, [("all", texts[0][1]), ("stable", texts[1][1])])
    plain = load(checkpoint, device="cpu")
    for ours, own in zip(
        packed(base, bank, texts), packed(plain, load_adapters(plain, []), texts), strict=True
    ):
        assert torch.equal(ours, own)


def test_a_bank_knows_its_names_and_its_size(
    bank: AdapterBank, folders: dict[str, Path], base: LoadedModel
) -> None:
    assert bank.names == tuple(folders)
    weights = [(folder / "adapter_model.safetensors").stat().st_size for folder in folders.values()]
    assert 0.7 * sum(weights) < bank.nbytes < sum(weights)
    assert bank.nbytes % base.dtype.itemsize == 0


def test_neighbours_of_one_adapter_are_one_run() -> None:
    parts = [(1, 0, 1), (1, 1, 2), (-1, 2, 3), (1, 3, 9), (0, 9, 9), (1, 9, 12)]
    assert merge(parts) == (Run(1, 0, 2), Run(-1, 2, 3), Run(1, 3, 12))
    assert merge([(-1, 0, 4), (-1, 4, 5)]) == ()


def test_short_runs_are_added_together_and_long_ones_alone() -> None:
    layout = Layout([4, 0, 4], 64, torch.device("cpu"))
    long = 2 + SHORT + 1
    layout.place([Run(0, 0, 1), Run(2, 1, 2), Run(0, 2, long), Run(1, long, long + 1)])
    together, alone = layout.additions
    assert (together.first, together.last, together.low, together.high) == (0, 2, 0, 8)
    assert together.foreign is not None
    assert together.foreign.tolist() == [[False] * 4 + [True] * 4, [True] * 4 + [False] * 4]
    assert (alone.first, alone.last, alone.low, alone.high) == (2, long, 0, 4)
    assert alone.foreign is None


def test_few_adapters_of_very_many_are_not_computed_with_all_that_lie_between() -> None:
    layout = Layout([4] * 100, 1024, torch.device("cpu"))
    layout.place([Run(0, 0, 1), Run(99, 1, 2)])
    assert [addition.high - addition.low for addition in layout.additions] == [4, 4]
    layout.place([Run(0, 0, 1), Run(1, 1, 2)])
    assert [addition.high - addition.low for addition in layout.additions] == [8]


def test_another_adapters_infinity_does_not_reach_a_token() -> None:
    layout = Layout([1, 1], 2, torch.device("cpu"))
    down, up = torch.tensor([[3e38], [1.0]]), torch.ones(2, 1)
    layer = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(layer.weight)
    layer.register_forward_hook(Stack(layout, down, up))
    layout.place([Run(0, 0, 1), Run(-1, 1, 2), Run(1, 2, 3)])
    with torch.inference_mode():
        out = layer(torch.full((1, 3, 1), 5.0))[0, :, 0].tolist()
    assert out == [float("inf"), 0.0, 5.0]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_adapters_are_kept_in_the_models_precision(
    checkpoint: Path, folders: dict[str, Path], dtype: str
) -> None:
    half = load(checkpoint, device="cpu", dtype=dtype)
    whole = load(checkpoint, device="cpu")
    few = [("attention", folders["attention"])]
    small, large = load_adapters(half, few), load_adapters(whole, few)
    assert small.nbytes * 2 == large.nbytes
    layer: Any = half.model.get_submodule("model.layers.1.self_attn.q_proj")
    exact: Any = whole.model.get_submodule("model.layers.1.self_attn.q_proj")
    for bank in (small, large):
        bank.select([("attention", 0, 4), ("", 4, 6)])
    with torch.inference_mode():
        row = torch.randn(1, 6, 64, generator=torch.Generator().manual_seed(1))
        ours = layer(row.to(half.dtype))
        assert ours.dtype is half.dtype
        torch.testing.assert_close(ours.float(), exact(row), rtol=0.02, atol=0.05)
