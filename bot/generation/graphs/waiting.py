"""Finds out whether a computation makes the host wait, which no recording survives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from bot.errors import GenerationError

WAITING = frozenset(
    {
        "_local_scalar_dense",
        "_unique",
        "_unique2",
        "bincount",
        "equal",
        "lift_fresh",  # a tensor made of the host's numbers
        "masked_select",
        "nonzero",
        "unique_consecutive",
        "unique_dim",
    }
)
"""Operations whose result the host must know, or that bring something from there."""
INDEXING = frozenset({"index", "index_put", "index_put_", "_index_put_impl_"})


class NoWaiting(TorchDispatchMode):
    """GenerationError for what would make the host wait for a device, or bring something there.

    Inside libraries' own operations nothing is seen.
    """

    def __init__(self, device: torch.device) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen = 0
        self._kind = device.type

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = kwargs or {}
        name, form = func.overloadpacket.__name__, func._overloadname
        if self._waits(name, form, args, given) or self._crosses(name, args, given):
            raise GenerationError(f"{func} makes the host wait in each step")
        self.seen += 1
        # In inference mode an operation arrives here whole; what is in it may wait, too.
        with self:
            parts = func.decompose(*args, **given)
        return func(*args, **given) if parts is NotImplemented else parts

    def _waits(self, name: str, form: str, args: Any, given: Any) -> bool:
        if not (args and isinstance(args[0], Tensor) and args[0].device.type == self._kind):
            return False
        if name == "repeat_interleave":
            return form.endswith("Tensor") and given.get("output_size") is None
        if name in INDEXING:
            return any(
                one.dtype in (torch.bool, torch.uint8) or one.device.type != self._kind
                for one in args[1]
                if one is not None
            )
        return name in WAITING

    def _crosses(self, name: str, args: Any, given: Any) -> bool:
        """Whether numbers go from host to device, or back."""
        if name == "_to_copy":
            target = given.get("device")
            kinds = {args[0].device.type, args[0].device.type if target is None else target.type}
        elif name == "copy_":
            kinds = {one.device.type for one in args[:2]}
        else:
            return False
        return len(kinds) > 1 and self._kind in kinds
