"""Weights in fewer bits: bitsandbytes' nf4 and int8, and on a CPU torch's own int8."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from bot.errors import ModelLoadError
from bot.extras import to_install
from bot.generation.weights.machine import has_vnni, is_x86
from bot.generation.weights.packed import bias_of, can_pack
from bot.generation.weights.placement import Plan

LEVELS = 127
"""The largest int8, in both directions."""
TINY = 1e-12


class Int8Linear(nn.Module):
    """An `nn.Linear` with int8 weights, one scale for each output, packed for fbgemm.

    Each row of the input is brought to int8 by its own largest number, so that what one request
    computes does not depend on whose rows are beside it.
    """

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self._dtype = dtype
        # Without VNNI products are summed in 16 bits, and eight times eight bits would overflow.
        self._levels = LEVELS if has_vnni() else LEVELS // 2
        self._packed: Any = _pack(linear.weight.detach().float())
        self.bias = bias_of(linear, dtype)

    def forward(self, rows: Tensor) -> Tensor:
        largest = rows.abs().amax(-1, keepdim=True).float().clamp_(min=TINY)
        product: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(
            rows / largest, 1 / self._levels, self._levels + 1, self._packed
        )
        product = product.mul_(largest).to(self._dtype)
        return product if self.bias is None else product.add_(self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


def is_own(plan: Plan) -> bool:
    """Whether the plan's quantisation is torch's own: int8 where its kernels are the fastest."""
    if plan.quantisation != "int8" or plan.device.type != "cpu" or not can_pack(plan.dtype):
        return False
    return is_x86() and "fbgemm" in torch.backends.quantized.supported_engines


def lacks_bitsandbytes(plan: Plan) -> bool:
    """Whether the plan needs the library, and it is not installed."""
    if plan.quantisation == "none" or is_own(plan):
        return False
    return importlib.util.find_spec("bitsandbytes") is None


def require_bitsandbytes(plan: Plan) -> None:
    """ModelLoadError, with the command that installs it, if the plan needs it and has it not."""
    if lacks_bitsandbytes(plan):
        raise ModelLoadError(
            f"quantisation {plan.quantisation} needs bitsandbytes: {to_install('quantisation')}"
        )


def left_whole(model: PreTrainedModel, plan: Plan) -> list[str]:
    """The linear layers of a model that the plan's quantisation leaves as they are."""
    head = model.get_output_embeddings()
    return [
        name
        for name, module in model.named_modules()
        if module is head
        or (isinstance(module, nn.Linear) and not plan.quantises(module.weight.shape))
    ]


def bitsandbytes_config(plan: Plan, whole: Sequence[str] | None = None) -> Any:
    """What transformers is told to quantise with; None if bitsandbytes has no part in the plan.

    Output and input embeddings are left as they are, or just the layers `whole` if they are given.
    ModelLoadError if the library is missing.
    """
    if plan.quantisation == "none" or is_own(plan):
        return None
    require_bitsandbytes(plan)
    from transformers import BitsAndBytesConfig

    if plan.quantisation == "int8":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        llm_int8_skip_modules=None if whole is None else list(whole),
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=plan.dtype,  # fp32 unless it is said, and slow
    )


def _pack(weight: Tensor) -> Any:
    scales = weight.abs().amax(1).clamp(min=TINY) / LEVELS
    rounded = (weight / scales[:, None]).round_().clamp_(-LEVELS, LEVELS).to(torch.int8)
    zeros = torch.zeros(len(scales), dtype=torch.int64)
    with warnings.catch_warnings():
        # torch prefers torchao, which has no kernel of this speed; the packed form is not affected.
        warnings.filterwarnings("ignore", ".*quantized tensor.*", UserWarning)
        quantised = torch._make_per_channel_quantized_tensor(rounded, scales.double(), zeros, 0)
    return torch.ops.quantized.linear_prepack(quantised, None)
