"""What surely cannot be loaded, said before: on a CPU the kernel would end the whole process."""

from __future__ import annotations

from math import prod
from pathlib import Path

import torch

from bot.errors import ModelLoadError
from bot.generation.weights.amounts import in_bytes
from bot.generation.weights.anatomy import QUANTISED_BITS, Anatomy, examine
from bot.generation.weights.expected import expected_shapes
from bot.generation.weights.fit import judge
from bot.generation.weights.headers import FLOATS, Header, stored_dtype
from bot.generation.weights.machine import held_memory, most_memory
from bot.generation.weights.packed import can_pack
from bot.generation.weights.placement import DTYPES, Plan, make_plan
from bot.generation.weights.quantisation import require_bitsandbytes

NOT_READ = ("vision", "visual", "image", "audio")
"""What the names of tensors hold that a language model may leave in their files."""


def refuse_without_library(*, device: str, dtype: str, quantisation: str) -> None:
    """ModelLoadError if the precision needs bitsandbytes, and it is not installed."""
    # How many parameters there are makes no difference to what is needed.
    require_bitsandbytes(make_plan(0, device=device, dtype=dtype, quantisation=quantisation))


def refuse_too_large(
    path: Path,
    *,
    device: str,
    dtype: str,
    quantisation: str,
    context: int | None = None,
    beside: bool = False,
) -> None:
    """ModelLoadError if the weights alone are more than this machine could ever give.

    `beside` counts what the process holds by now, which is there to stay. Whatever is in doubt is
    let through: a tight machine gets the doctor's warning. The settings are those of `load`.
    """
    most = most_memory()
    if most is None:
        return
    try:
        anatomy = examine(path)
    except ModelLoadError:
        return  # loading says what is wrong with the files
    plan = make_plan(anatomy.parameters, device=device, dtype=dtype, quantisation=quantisation)
    held = held_memory() if beside else 0
    if plan.device.type != "cpu" or anatomy.weight_bytes(plan) <= most - held:
        return
    if (least := _least_bytes(path, anatomy, plan)) <= most - held:
        return
    taken = f", and {in_bytes(held)} are taken" if held else ""
    free = max(0, min(plan.available_memory(), most - held))
    found = judge(anatomy, plan, free, min(anatomy.context, context or anatomy.context))
    raise ModelLoadError(
        f"{path} does not fit: at least {in_bytes(least)} of weights in {plan.precision}, and "
        f"this machine has {in_bytes(most)} of memory in all{taken}; " + "; ".join(found.remedies)
    )


def _least_bytes(path: Path, anatomy: Anatomy, plan: Plan) -> int:
    """Bytes of the weights that cannot be less, and that no page of a file stands for."""
    kept = None if can_pack(plan.dtype) else _stored(anatomy) or plan.dtype
    try:
        shapes = expected_shapes(path)
    except ModelLoadError:
        return 0
    if shapes is not None:
        return sum(_bytes(shape, plan, kept) for shape in shapes.values())
    return sum(min(_bytes(one.shape, plan, kept), _on_disk(one)) for one in anatomy.tensors)


def _bytes(shape: tuple[int, ...], plan: Plan, kept: torch.dtype | None) -> int:
    """Of one tensor; none if it stays in its file, as all do that are computed with as `kept`."""
    if len(shape) == 2 and plan.quantises(shape):  # embeddings, too, which are rather larger
        return int(prod(shape) * QUANTISED_BITS[plan.quantisation] / 8)
    return 0 if kept is plan.dtype else prod(shape) * plan.dtype.itemsize


def _stored(anatomy: Anatomy) -> torch.dtype | None:
    """What most numbers are stored in, by the files or by the configuration."""
    return stored_dtype(anatomy.tensors) or DTYPES.get(anatomy.tensors[0].dtype)


def _on_disk(tensor: Header) -> int:
    """Bytes of a tensor in its file; none if it is stored quantised, or may be left there."""
    stored = FLOATS.get(tensor.dtype)
    if stored is None or any(part in tensor.name for part in NOT_READ):
        return 0
    return tensor.numbers * stored.itemsize
