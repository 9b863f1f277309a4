"""The witness of a .tflite model: tflite-runtime 2.14 with its reference kernels, where it is installed and runs the model.

Decision: it confirms numpy and never overrules it.  Because: its wheels end with Python 3.11, and it has faults of its own,
each a row of FAULTS with a test that shows it.  Rejected: its default kernels and newer runtimes, which round otherwise.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tinyc.ir import DType, Graph, Op, Operands, Operation
from tinyc.ir.types import Array
from tinyc.ops import FullyConnected, Logistic, Mul, Quantize, Softmax
from tinyc.ops.arithmetic import quantize_multiplier
from tinyc.ops.scaling import Multiplier, centered
from tinyc.ops.softmax import ACCUMULATOR_BITS
from tinyc.oracle.numpy import evaluate

NAME = "tflite-runtime {version}, reference kernels"


Values = tuple[Array | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something the witness computes wrongly: `sentence` says what, `applies` in which operation, `shows` on which inputs."""

    sentence: str
    applies: Callable[[Op, Operands], bool]
    shows: Callable[[Op, Operands, Values], bool] | None = None
    """None: on any input."""


def _is_per_channel_dense_of_rank_3(op: Op, operands: Operands) -> bool:
    if not isinstance(op, FullyConnected) or len(operands.input(0).shape) < 3:
        return False
    quantization = operands.input(1).quantization
    return quantization is not None and len(quantization.scales) > 1


def _is_wide_softmax(op: Op, operands: Operands) -> bool:
    return isinstance(op, Softmax) and operands.input(0).shape[-1] >= SOFTMAX_LIMIT


def _shifts_too_far(op: Op, operands: Operands, values: Values) -> bool:
    assert isinstance(op, Softmax) and values[0] is not None
    return bool((op.sums(operands, values[0]) >= SOFTMAX_LIMIT << (31 - ACCUMULATOR_BITS)).any())


def _is_from_float(op: Op, operands: Operands) -> bool:
    return isinstance(op, Quantize) and operands.input(0).dtype is DType.FLOAT32


def _leaves_int32(op: Op, operands: Operands, values: Values) -> bool:
    assert values[0] is not None
    quotient = values[0].astype(np.float64) / operands.output.scale
    return not bool((np.abs(quotient) < 2**31 - 2**10).all())


def _is_product(op: Op, operands: Operands) -> bool:
    return isinstance(op, Mul)


def _float32_multiplier_shows(op: Op, operands: Operands, values: Values) -> bool:
    assert isinstance(op, Mul)
    a, b, output = (np.float32(t.scale) for t in (operands.input(0), operands.input(1), operands.output))
    theirs = Multiplier(*quantize_multiplier(float(a * b / output)))
    return not np.array_equal(op.rescaled(operands, values, theirs), op.evaluate(operands, values)[0])


def _is_logistic(op: Op, operands: Operands) -> bool:
    return isinstance(op, Logistic)


def _float32_logistic_shows(op: Op, operands: Operands, values: Values) -> bool:
    """Whether the real function, in units of the output, is not safely nearest to the stored value."""
    x, (stored,) = operands.input(0), op.evaluate(operands, values)
    with np.errstate(over="ignore"):  # the exponential of what is far below zero is infinite, and the function zero
        real = 256.0 / (1.0 + np.exp(-x.scale * centered(values[0], x)))
    meant = np.minimum(real, 255.0)
    return bool((np.abs(centered(stored, operands.output) - meant) > 0.5 - LOGISTIC_DOUBT).any())


LOGISTIC_DOUBT = 1e-3
"""In units of the output: how near to a tie float32 may round either way."""
SOFTMAX_LIMIT = 512

FAULTS: tuple[Fault, ...] = (
    Fault(
        sentence="FULLY_CONNECTED with one weight scale a channel on an input of rank 3 or more takes wrong scales",
        applies=_is_per_channel_dense_of_rank_3,
    ),
    Fault(
        sentence="LOGISTIC is computed in float32, so it is not cut off at large inputs and ties round by chance",
        applies=_is_logistic,
        shows=_float32_logistic_shows,
    ),
    Fault(
        sentence="MUL derives its multiplier in float32",
        applies=_is_product,
        shows=_float32_multiplier_shows,
    ),
    Fault(
        sentence="SOFTMAX shifts a 32-bit value by 32 or more where the exponentials sum to 512 or more",
        applies=_is_wide_softmax,
        shows=_shifts_too_far,
    ),
    Fault(
        sentence="QUANTIZE of a float beyond 2^31 steps, or NaN, wraps instead of saturating",
        applies=_is_from_float,
        shows=_leaves_int32,
    ),
)
"""What is known to be wrong in tflite-runtime 2.14's reference kernels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A runtime with a model in it: `name` is empty and `note` says why where there is none."""

    name: str = ""
    note: str = ""
    interpreter: Any = field(default=None, repr=False, compare=False)
    graph: Graph | None = field(default=None, repr=False, compare=False)
    """The model as imported, where one of its operations has a fault that shows on some inputs."""

    def run(self, inputs: Sequence[Array]) -> tuple[Array, ...] | None:
        """The stored outputs, or None where nobody can testify: no runtime, or a known fault shows on these inputs."""
        if self.interpreter is None or (self.graph is not None and _shows_fault(self.graph, inputs)):
            return None
        _invoke(self.interpreter, inputs)
        return tuple(_stored(self.interpreter, detail) for detail in self.interpreter.get_output_details())

    def tensors(self, inputs: Sequence[Array]) -> Mapping[int, Array]:
        """The stored value of every tensor that still has one, by its index in the model file, faults and all."""
        if self.interpreter is None:
            return {}
        _invoke(self.interpreter, inputs)
        return dict(_readable(self.interpreter))


def open_witness(path: Path, graph: Graph | None = None) -> Witness:
    """The witness of the model file at `path`; with the imported `graph` it is silent where a known fault would show."""
    try:
        import tflite_runtime
        from tflite_runtime.interpreter import Interpreter, OpResolverType
    except ImportError:
        return Witness(note="tflite-runtime is not installed (it needs Python 3.11 or older)")
    known = [] if graph is None else [fault for _, fault in faults(graph)]
    certain = [fault for fault in known if fault.shows is None]
    if certain:
        return Witness(note=f"tflite-runtime is known to be wrong here: {certain[0].sentence}")
    try:
        interpreter = Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
            experimental_preserve_all_tensors=True,
        )
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError) as refusal:
        return Witness(note=f"tflite-runtime refuses the model: {_brief(refusal)}")
    name = NAME.format(version=tflite_runtime.__version__)
    return Witness(name=name, interpreter=interpreter, graph=graph if known else None)


def faults(graph: Graph) -> Iterator[tuple[Operation, Fault]]:
    """The operations of `graph` that the witness is known to compute wrongly, on some inputs at least."""
    for operation in graph.operations:
        operands = graph.operands(operation)
        yield from ((operation, fault) for fault in FAULTS if fault.applies(operation.op, operands))


def _shows_fault(graph: Graph, inputs: Sequence[Array]) -> bool:
    values: Mapping[str, Array] = evaluate(graph, dict(zip(graph.inputs, inputs, strict=True)))
    for operation, fault in faults(graph):
        known = tuple(None if name is None else values[name] for name in operation.inputs)
        if fault.shows is None or fault.shows(operation.op, graph.operands(operation), known):
            return True
    return False


def _invoke(interpreter: Any, inputs: Sequence[Array]) -> None:
    for detail, value in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(detail["index"], value.reshape(detail["shape"]))
    interpreter.invoke()


def _stored(interpreter: Any, detail: Mapping[str, Any]) -> Array:
    value: Array = interpreter.get_tensor(detail["index"])
    return value


def _readable(interpreter: Any) -> Iterator[tuple[int, Array]]:
    """Tensors that still hold their value: some operators write over an input, so of one address only the last counts."""
    written = [int(index) for node in interpreter._get_ops_details() for index in node["outputs"]]
    others = {int(detail["index"]) for detail in interpreter.get_tensor_details()} - set(written)
    latest: dict[int, tuple[int, Array]] = {}
    for index in (*sorted(others), *written):
        try:
            value = interpreter.tensor(index)()
        except ValueError:
            continue  # nothing touched it, so it has no memory
        latest[int(value.__array_interface__["data"][0])] = (index, value)
    yield from ((index, np.array(value)) for index, value in latest.values())


def _brief(error: Exception) -> str:
    return textwrap.shorten(str(error), 120, placeholder=" ...") or type(error).__name__
