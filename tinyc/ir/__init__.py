"""The immutable graph: tensors, operations, their verification and their text form.

Decision: values are named by strings, not numbered.  Because: passes remove and add tensors without renumbering, and the
text form reads like the model.  Rejected: integer ids (TFLite's way), which every rewrite would have to compact.
"""

from tinyc.ir.graph import Graph, Operation
from tinyc.ir.op import ALL_ROWS, Constraint, Op, Operands, Window
from tinyc.ir.text import to_text
from tinyc.ir.types import DType, Quantization, Tensor

__all__ = [
    "ALL_ROWS",
    "Constraint",
    "DType",
    "Graph",
    "Op",
    "Operands",
    "Operation",
    "Quantization",
    "Tensor",
    "Window",
    "to_text",
]
