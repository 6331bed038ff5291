"""Linear layers of a CPU model whose weights lie as the processor's kernels want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bot.generation.weights.machine import is_x86


class PackedLinear(nn.Module):
    """Computes what its `nn.Linear` did, with oneDNN's own layout of the weight.

    A plain weight is laid out anew at every call, which takes longer than the product itself
    when few rows are multiplied. In fp32 results differ by rounding alone.
    """

    packed: Tensor

    def __init__(self, linear: nn.Linear, dtype: torch.dtype) -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        weight = linear.weight.detach().to(dtype).contiguous()
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, None)
        # Not part of the state: nothing but this class can read the layout.
        self.register_buffer("packed", packed, persistent=False)
        self.bias = bias_of(linear, dtype)

    def forward(self, rows: Tensor) -> Tensor:
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self.packed, self.bias, "none", [], ""
        )
        return product

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class SharedLinear(nn.Module):
    """Computes what its `nn.Linear` did, from a weight that is another layer's, too, as it lies.

    oneDNN lays it out anew at every call, and is still twice as quick in fp32 as torch's own
    product for few rows (32,000 words by 768: 5 ms for 12.5 on two cores of Zen 5).
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features = linear.in_features
        self.out_features = linear.out_features
        self.weight = linear.weight
        self.bias = linear.bias

    def forward(self, rows: Tensor) -> Tensor:
        if self.weight.dtype is not torch.float32:
            return functional.linear(rows, self.weight, self.bias)
        product: Tensor = torch.ops.mkldnn._linear_pointwise(
            rows, self.weight, self.bias, "none", [], ""
        )
        return product


def can_pack(dtype: torch.dtype) -> bool:
    """Whether this processor has packed kernels for the dtype."""
    if not is_x86() or not torch.backends.mkldnn.is_available():
        return False
    if dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return dtype is torch.float32


def swap_linears(
    model: nn.Module,
    make: Callable[[nn.Linear], nn.Module],
    drop: Callable[[], None] = lambda: None,
) -> None:
    """Put what `make` returns in the place of each linear layer.

    One layer at a time, so that no more than one layer's weight is there twice; `drop` is called
    after each. Weights that are shared with another layer, such as tied embeddings, stay as they
    are: `SharedLinear`.
    """
    every = model.named_parameters(remove_duplicate=False)
    shares = Counter(id(parameter) for _, parameter in every)
    for name in [name for name, module in model.named_modules() if type(module) is nn.Linear]:
        linear: Any = model.get_submodule(name)
        alone = shares[id(linear.weight)] == 1
        model.set_submodule(name, (make if alone else SharedLinear)(linear).train(linear.training))
        drop()


def own_parameters(model: nn.Module, stored: torch.dtype, dtype: torch.dtype) -> None:
    """Copy what parameters are left out of the checkpoint's file, in the type to compute in.

    Then nothing refers to the mapped file any more and its pages are given back. Parameters that
    the architecture keeps in a type of their own keep it, and quantised ones are copies already.
    """
    for parameter in model.parameters():
        if type(parameter) is not nn.Parameter:
            continue
        own = dtype if parameter.dtype is stored else parameter.dtype
        parameter.data = parameter.data.to(own, copy=True)


def bias_of(linear: nn.Linear, dtype: torch.dtype) -> nn.Parameter | None:
    """The layer's bias as a parameter of its own; None if it has none."""
    bias: Any = linear.bias
    if bias is None:
        return None
    return nn.Parameter(bias.detach().to(dtype, copy=True), requires_grad=False)
