"""One kernel run over one operation, before it is known when and how its rows are made."""

from __future__ import annotations

from dataclasses import dataclass

from tinyc.ir import Op, Operands
from tinyc.kernels.contract import Kernel
from tinyc.plan.views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`inputs` belong to the activation inputs `activations` (None: a constant in flash)."""

    name: str
    op: Op
    operands: Operands
    kernel: Kernel
    activations: tuple[int, ...]
    inputs: tuple[View | None, ...]
    output: View
    source_index: int = -1
    pushed: bool = False
    """Whether its rows come from the caller, one at a time."""

    @property
    def upward_only(self) -> bool:
        """Whether its rows can only be made from the first to the last."""
        return self.pushed or self.op.kept_rows is not None

    @property
    def scratch_bytes(self) -> int:
        return self.kernel.scratch(self.op, self.operands)
