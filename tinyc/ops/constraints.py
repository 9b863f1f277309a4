"""Constraints that several operators share; each is built once, its sentence says what is supported."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tinyc.ir import Constraint, DType, Op, Operands, Tensor
from tinyc.ops.scaling import Multiplier

Predicate = Callable[[Tensor], bool]


def all_tensors(operands: Operands) -> Iterator[Tensor]:
    """Every input that is present, and every output."""
    yield from (tensor for tensor in operands.inputs if tensor is not None)
    yield from operands.outputs


def on_tensors(
    sentence: str, holds: Predicate, found: Callable[[Tensor], str], *, inputs: slice = slice(None)
) -> Constraint:
    """A constraint that `holds` for each of the chosen inputs and every output."""

    def offenders(operands: Operands) -> list[Tensor]:
        chosen = [tensor for tensor in operands.inputs[inputs] if tensor is not None]
        return [tensor for tensor in (*chosen, *operands.outputs) if not holds(tensor)]

    def check(op: Op, operands: Operands) -> bool:
        return not offenders(operands)

    def describe(op: Op, operands: Operands) -> str:
        return ", ".join(f"{tensor.name} is {found(tensor)}" for tensor in offenders(operands))

    return Constraint(sentence, check, describe)


def of_types(*dtypes: DType) -> Constraint:
    """Inputs and outputs have one of these types."""
    sentence = f"inputs and outputs are {' or '.join(dtype.value for dtype in dtypes)}"
    return on_tensors(sentence, lambda t: t.dtype in dtypes, lambda t: t.dtype.value)


def _per_tensor(tensor: Tensor) -> bool:
    if tensor.dtype in (DType.FLOAT32, DType.INT32, DType.INT64, DType.BOOL):
        return True
    return tensor.quantization is not None and len(tensor.quantization.scales) == 1


def _quantization_text(tensor: Tensor) -> str:
    if tensor.quantization is None:
        return "not quantized"
    return f"quantized with {len(tensor.quantization.scales)} scales"


PER_TENSOR = on_tensors("inputs and outputs are quantized with one scale", _per_tensor, _quantization_text)
PER_TENSOR_X = on_tensors(
    "input 0 and the output are quantized with one scale", _per_tensor, _quantization_text, inputs=slice(0, 1)
)
INT8 = of_types(DType.INT8)
INT8_X = on_tensors(
    "input 0 and the output are int8", lambda t: t.dtype is DType.INT8, lambda t: t.dtype.value, inputs=slice(0, 1)
)


def _one_type(op: Op, operands: Operands) -> bool:
    return len({tensor.dtype for tensor in all_tensors(operands)}) == 1


SAME_TYPE = Constraint(
    "inputs and outputs have one type",
    _one_type,
    lambda op, operands: ", ".join(f"{t.name} is {t.dtype.value}" for t in all_tensors(operands)),
)


def _one_quantization(op: Op, operands: Operands) -> bool:
    quantizations = [tensor.quantization for tensor in all_tensors(operands)]
    return len({None if q is None else (q.scales, q.zero_points) for q in quantizations}) == 1


SAME_QUANTIZATION = Constraint(
    "inputs and outputs have one scale and zero point",
    _one_quantization,
    lambda op, operands: ", ".join(f"{t.name} has {_scale_text(t)}" for t in all_tensors(operands)),
)


def _scale_text(tensor: Tensor) -> str:
    if tensor.quantization is None:
        return "none"
    return f"{tensor.quantization.scales[0]:.9g} and {tensor.quantization.zero_points[0]}"


IMAGE = Constraint(
    "input 0 has rank 4 and batch 1",
    lambda op, operands: len(operands.input(0).shape) == 4 and operands.input(0).shape[0] == 1,
    lambda op, operands: f"{operands.input(0).name} has shape {operands.input(0).shape}",
)


def _weights(op: Op, operands: Operands) -> bool:
    weights = operands.input(1)
    return weights.dtype is DType.INT8 and weights.is_constant


WEIGHTS = Constraint(
    "weights are constant int8",
    _weights,
    lambda op, operands: (
        f"{operands.input(1).name} is {operands.input(1).dtype.value}"
        + ("" if operands.input(1).is_constant else ", computed")
    ),
)


def _symmetric(op: Op, operands: Operands) -> bool:
    quantization = operands.input(1).quantization
    return quantization is not None and not any(quantization.zero_points)


WEIGHTS_SYMMETRIC = Constraint(
    "weights are quantized with zero point 0",
    _symmetric,
    lambda op, operands: f"{operands.input(1).name} has {_zero_points(operands.input(1))}",
)


def _zero_points(tensor: Tensor) -> str:
    if tensor.quantization is None:
        return "no quantization"
    return f"zero point {next(zero for zero in tensor.quantization.zero_points if zero)}"


def weights_axis(channel_axis: int) -> Constraint:
    """Weights have one scale, or one for every output channel along `channel_axis`."""

    def holds(op: Op, operands: Operands) -> bool:
        quantization = operands.input(1).quantization
        if quantization is None:
            return False
        count, channels = len(quantization.scales), operands.input(1).shape[channel_axis]
        return count == 1 or (count == channels and quantization.axis == channel_axis)

    def found(op: Op, operands: Operands) -> str:
        quantization = operands.input(1).quantization
        if quantization is None:
            return f"{operands.input(1).name} is not quantized"
        return f"{operands.input(1).name} has {len(quantization.scales)} scales along axis {quantization.axis}"

    return Constraint(f"weights have one scale, or one an output channel along axis {channel_axis}", holds, found)


def _bias(op: Op, operands: Operands) -> bool:
    bias = operands.optional(2)
    if bias is None:
        return True
    return bias.dtype is DType.INT32 and bias.is_constant and bias.elements == operands.output.shape[-1]


BIAS = Constraint(
    "a bias is constant int32, one an output channel",
    _bias,
    lambda op, operands: f"{operands.input(2).dtype.value} of shape {operands.input(2).shape}",
)

STRIDE = Constraint(
    "strides are at least 1",
    lambda op, operands: min(op.stride) >= 1,
    lambda op, operands: f"{op.stride}",
)
DILATION = Constraint(
    "dilations are at least 1",
    lambda op, operands: min(op.dilation) >= 1,
    lambda op, operands: f"{op.dilation}",
)


def rescales(multipliers: Callable[[Operands], tuple[Multiplier, ...]]) -> Constraint:
    """The derived multipliers shift left by few enough bits for a 32-bit register."""

    def largest(operands: Operands) -> int:
        return max(multiplier.shift for multiplier in multipliers(operands))

    return Constraint(
        "the inputs' scale is less than 2^16 times the output's",
        lambda op, operands: largest(operands) <= 16,
        lambda op, operands: f"about 2^{largest(operands)} times",
    )
