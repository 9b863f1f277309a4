"""Single changes in the constants of a program's C, and a native run of the program that takes them without being compiled again.

A mutation starts from the model: one weight, one bias, one channel's multiplier or one zero point of one layer is changed and the layer's
kernel bound again.  Of the constants of the generated C that then differ, exactly one is changed: a packed word, an entry of an array or a
field of the layer's parameters.
"""

from __future__ import annotations

import math
import shutil
import struct
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tinyc.build import harness_sources
from tinyc.emit import emit
from tinyc.ir import Operands, Quantization, Tensor
from tinyc.ir.types import Array
from tinyc.kernels.contract import Bound, CArray, Strides
from tinyc.kernels.requantize import multipliers
from tinyc.lower import Program
from tinyc.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mul, Sub
from tinyc.paths import CODEGEN, FIRMWARE
from tinyc.plan import Step

HERE = Path(__file__).parent
FILTERS = (Conv2D, DepthwiseConv2D, FullyConnected)
JOINS = (Add, Sub, Mul)
Random = np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A constant of the C, by the place that the native program gives it: `field` of the parameters, or an array (field's element)."""

    layer: int
    field: str
    is_array: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """`after` in place of `before` (their bytes) at byte `offset` of `site`; `channel` of the layer's output is what should differ."""

    kind: str
    site: Site
    offset: int
    before: bytes
    after: bytes
    channel: int | None
    input_channel: int | None = None

    def __str__(self) -> str:
        where = f"{self.site.field}+{self.offset}" if self.site.is_array else self.site.field
        return f"{self.kind} of layer {self.site.layer}, channel {self.channel}: {where}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    kind: str
    operands: Operands
    channel: int | None
    input_channel: int | None = None


NO_CHANGE = _Change(kind="", operands=Operands(inputs=(), outputs=()), channel=None)


def mutate(program: Program, random: Random) -> Mutation:
    """A random single change in a weight, bias, multiplier or offset of a random layer that has one."""
    layers = [index for index, step in enumerate(program.plan.steps) if isinstance(step.op, FILTERS + JOINS)]
    while True:
        layer = int(random.choice(layers))
        step = program.plan.steps[layer]
        ways = _WAYS if isinstance(step.op, FILTERS) else (_multiplier, _offset)
        change = ways[int(random.integers(len(ways)))](step, random)
        found = None if change is None else _pick(layer, step, change, random)
        if found is not None:
            return found


def _weight(step: Step, random: Random) -> _Change | None:
    """Another int8 value."""
    weights = step.operands.input(1)
    values = weights.values.copy()
    place = tuple(int(random.integers(extent)) for extent in values.shape)
    old = int(values[place])
    values[place] = int(random.choice([value for value in range(-127, 128) if value != old]))
    depthwise = isinstance(step.op, DepthwiseConv2D)
    channel = place[-1] if depthwise else place[0]
    read = channel // step.op.multiplier if depthwise else place[-1]
    pixelwise = len(weights.shape) == 4 or step.operands.input(0).hwc[2] == weights.shape[1]
    return _Change(
        kind="weight",
        operands=_with_input(step.operands, 1, replace(weights, name="mutant", data=values)),
        channel=channel,
        input_channel=read if pixelwise else None,
    )


def _bias(step: Step, random: Random) -> _Change | None:
    """Off by one to thirty steps of the output."""
    bias = step.operands.optional(2)
    if bias is None:
        return None
    channel = int(random.integers(bias.elements))
    factor = multipliers(step.op, step.operands)[channel]
    step_size = math.ceil(2.0 ** (31 - factor.shift) / max(factor.mantissa, 1))
    delta = round(step_size * 30.0 ** float(random.random())) * int(random.choice((-1, 1)))
    values = bias.values.astype(np.int64)
    values[channel] += delta
    if abs(int(values[channel])) >= 2**31:
        return None
    mutant = replace(bias, name="mutant", data=values.astype(np.int32))
    return _Change(kind="bias", operands=_with_input(step.operands, 2, mutant), channel=channel)


def _multiplier(step: Step, random: Random) -> _Change | None:
    """A channel's scale, or that of one input or of the output, off by ten percent to a factor of two."""
    factor = float(random.uniform(1.1, 2.0)) ** int(random.choice((-1, 1)))
    if isinstance(step.op, FILTERS):
        weights = step.operands.input(1)
        assert weights.quantization is not None
        scales = list(weights.quantization.scales)
        channel = int(random.integers(len(scales)))
        scales[channel] = float(np.float32(scales[channel] * factor))
        mutant = replace(weights, name="mutant", quantization=replace(weights.quantization, scales=tuple(scales)))
        shown = channel if len(scales) > 1 else None
        return _Change(kind="multiplier", operands=_with_input(step.operands, 1, mutant), channel=shown)
    index = int(random.integers(2))
    source = step.operands.input(index)
    assert source.quantization is not None
    scales = (float(np.float32(source.scale * factor)),)
    mutant = replace(source, name="mutant", quantization=replace(source.quantization, scales=scales))
    return _Change(kind="multiplier", operands=_with_input(step.operands, index, mutant), channel=None)


def _offset(step: Step, random: Random) -> _Change | None:
    """The zero point of the output or of an input, off by one to eight."""
    delta = int(random.integers(1, 9)) * int(random.choice((-1, 1)))
    index = int(random.integers(-1, 2 if isinstance(step.op, JOINS) else 1))
    tensor = step.operands.output if index < 0 else step.operands.input(index)
    if tensor.quantization is None or not -128 <= tensor.zero_point + delta <= 127 or tensor.is_constant:
        return None
    quantization = replace(tensor.quantization, zero_points=(tensor.zero_point + delta,))
    mutant = replace(tensor, name="mutant", quantization=quantization)
    if index < 0:
        return _Change(kind="offset", operands=replace(step.operands, outputs=(mutant,)), channel=None)
    return _Change(kind="offset", operands=_with_input(step.operands, index, mutant), channel=None)


_WAYS: tuple[Callable[[Step, Random], _Change | None], ...] = (_weight, _weight, _bias, _multiplier, _offset)


def _with_input(operands: Operands, index: int, tensor: Tensor) -> Operands:
    inputs = list(operands.inputs)
    inputs[index] = tensor
    return replace(operands, inputs=tuple(inputs))


def _pick(layer: int, step: Step, change: _Change, random: Random) -> Mutation | None:
    """One of the constants that the change alters; None where the kernel cannot express it, or it alters none."""
    strides = _strides(step)
    before = step.kernel.bind(step.op, step.operands, strides)
    after = _bound(step, change.operands, strides)
    found = [] if after is None else list(_differences(layer, change, before, after))
    if change.kind == "weight":  # what is folded from it into a bias is another constant
        folded = _bias_places(layer, step, change, before, strides)
        found = [mutation for mutation in found if (mutation.site, mutation.offset) not in folded]
    if not _pads(step):
        found = [mutation for mutation in found if mutation.site.field not in ("outside", "in_zero_point")]
    return found[int(random.integers(len(found)))] if found else None


def _strides(step: Step) -> Strides:
    return Strides(
        inputs=tuple(
            step.operands.input(index).hwc[2] * step.operands.input(index).dtype.bytes
            if view is None
            else view.pixel_stride
            for index, view in zip(step.activations, step.inputs, strict=True)
        ),
        output=step.output.pixel_stride,
    )


def _bound(step: Step, operands: Operands, strides: Strides) -> Bound | None:
    """The step's kernel on other operands, None where it does not take them."""
    return step.kernel.bind(step.op, operands, strides) if step.kernel.accepts(step.op, operands) else None


def _bias_places(layer: int, step: Step, change: _Change, before: Bound, strides: Strides) -> set[tuple[Site, int]]:
    """The constants that hold the bias of the channel that a change is for."""
    bias = step.operands.optional(2)
    if bias is None or change.channel is None:
        return set()
    values = bias.values.copy()
    values[change.channel] += 1
    after = _bound(step, _with_input(step.operands, 2, replace(bias, name="mutant", data=values)), strides)
    if after is None:
        return set()
    return {(mutation.site, mutation.offset) for mutation in _differences(layer, change, before, after)}


def _pads(step: Step) -> bool:
    """Whether some window leaves the image, so that the padding's value matters."""
    return not isinstance(step.op, Conv2D) or any(step.op.padding)


def _differences(layer: int, change: _Change, before: Bound, after: Bound) -> Sequence[Mutation]:
    found: list[Mutation] = []
    for name, old in before.fields.items():
        new = after.fields[name]
        if isinstance(old, CArray):
            assert isinstance(new, CArray)
            if old.data.shape != new.data.shape:
                return []
            found += _elements(layer, change, name, old, new)
        elif old != new:
            assert not isinstance(new, CArray)
            site = Site(layer=layer, field=name, is_array=False)
            found.append(_mutation(change, site, 0, struct.pack("<i", old), struct.pack("<i", new)))
    return found


def _elements(layer: int, change: _Change, name: str, old: CArray, new: CArray) -> list[Mutation]:
    flat = [np.ascontiguousarray(each.data).reshape(-1) for each in (old, new)]
    size = 4 if old.data.ndim == 2 else flat[0].dtype.itemsize
    pack = {1: "<b", 2: "<h", 4: "<i"}[size]
    site = Site(layer=layer, field=name, is_array=True)
    return [
        _mutation(
            change, site, int(at) * size, struct.pack(pack, int(flat[0][at])), struct.pack(pack, int(flat[1][at]))
        )
        for at in np.flatnonzero(flat[0] != flat[1])
    ]


def _mutation(change: _Change, site: Site, offset: int, before: bytes, after: bytes) -> Mutation:
    return Mutation(
        kind=change.kind,
        site=site,
        offset=offset,
        before=before,
        after=after,
        channel=change.channel,
        input_channel=change.input_channel,
    )


class Mutable:
    """The program running natively, with its constants in memory that can be written."""

    def __init__(self, program: Program, folder: Path) -> None:
        self.program = program
        self.sites = _sites(program)
        self.process = subprocess.Popen(
            [str(_build(program, self.sites, folder))], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(timeout=60) == 0

    def change(self, mutation: Mutation, data: bytes) -> None:
        """Put `data` where the mutation is."""
        header = struct.pack("<III", self.sites.index(mutation.site), mutation.offset, len(data))
        self._send(b"P" + header + data)

    def run(self, sample: Sequence[Array]) -> tuple[list[Array], list[tuple[int, int]]]:
        """Outputs, and (layer, CRC-32) of every call."""
        self._send(b"R" + b"".join(np.ascontiguousarray(array).tobytes() for array in sample))
        (calls,) = struct.unpack("<I", self._receive(4))
        numbers = struct.unpack(f"<{2 * calls}I", self._receive(8 * calls))
        outputs = [
            np.frombuffer(self._receive(port.tensor.bytes), port.tensor.dtype.numpy).reshape(port.tensor.shape)
            for port in self.program.outputs
        ]
        return outputs, list(zip(numbers[::2], numbers[1::2], strict=True))

    def _send(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def _receive(self, count: int) -> bytes:
        assert self.process.stdout is not None
        data = self.process.stdout.read(count)
        assert len(data) == count, f"the program ended with {self.process.wait()}"
        return data


def _sites(program: Program) -> list[Site]:
    return [
        Site(layer=layer.index, field=name, is_array=isinstance(value, str))
        for layer in program.layers
        for name, value in layer.fields.items()
    ]


def _build(program: Program, sites: Sequence[Site], folder: Path) -> Path:
    """The units with their constants no longer constant, each compiled by itself so that no compiler sees their values."""
    prefix = program.prefix
    files = {name: _writable(text) for name, text in emit(program).files.items() if not name.startswith("kernels/")}
    names = {site: _symbol(program, site) for site in sites}
    files[f"{prefix}_layers.c"] += "\n".join(
        [
            "",
            "extern void *const mutable_sites[];",
            "void *const mutable_sites[] = {",
            *(f"    (void *){'' if site.is_array else '&'}{names[site]}," for site in sites),
            "};",
            "",
        ]
    )
    for name, text in {**files, **harness_sources(program)}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    includes = (f"-I{CODEGEN / 'kernels'}", f"-I{FIRMWARE / 'harness'}", "-I.")
    compiler = "clang-19" if shutil.which("clang-19") else "gcc"
    units = (*(name for name in files if name.endswith(".c")), "harness/model_entry.c", "harness/probe.c")
    objects = []
    for unit in (*units, str(HERE / "mutant_runner.c")):
        objects.append(f"{Path(unit).stem}_unit{len(objects)}.o")
        _call([compiler, "-O2", "-std=gnu99", *includes, "-c", unit, "-o", objects[-1]], folder)
    wraps = [f"-Wl,--wrap={layer.symbol}" for layer in program.layers]
    _call(["gcc", *wraps, *objects, "-o", "mutable"], folder)
    return folder / "mutable"


def _symbol(program: Program, site: Site) -> str:
    layer = program.layers[site.layer]
    return str(layer.fields[site.field]) if site.is_array else f"{layer.symbol}_parameters.{site.field}"


def _writable(text: str) -> str:
    """Definitions and declarations of constants without their `const`; parameters that point to constants keep it."""
    lines = []
    for line in text.splitlines():
        for start, writable in (("static const ", "static "), ("extern const ", "extern "), ("const ", "")):
            if line.startswith(start) and ("[" in line or line.endswith("_parameters = {")):
                line = writable + line[len(start) :]
                break
        lines.append(line)
    return "\n".join(lines) + "\n"


def _call(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[:2000]


def explain(program: Program, mutation: Mutation, values: Sequence[Mapping[str, Array]]) -> str:
    """Why no sample shows a mutation: its channel never leaves one value, or its input is zero throughout; else the empty string."""
    step = program.plan.steps[mutation.site.layer]
    if mutation.input_channel is not None:
        seen = [_channels(step.operands.input(0), each)[:, mutation.input_channel] for each in values]
        if not np.concatenate(seen).any():
            return "the weight's input is stored as 0 on every sample"
    channel = mutation.channel if mutation.channel is not None else _channel_of(step, mutation)
    if channel is not None:
        made = np.concatenate([_channels(step.operands.output, each)[:, channel] for each in values])
        if (made == made[0]).all():
            return "the channel has one value on every sample"
    return ""


def visibility(program: Program, mutation: Mutation, values: Sequence[Mapping[str, Array]]) -> str:
    """How much of its channel the samples show, for a mutation without an explanation."""
    step = program.plan.steps[mutation.site.layer]
    channel = mutation.channel if mutation.channel is not None else _channel_of(step, mutation)
    if channel is None:
        return "of no single channel"
    made = np.concatenate([_channels(step.operands.output, each)[:, channel] for each in values])
    common = int((made == np.bincount(made.astype(np.int64) + 128).argmax() - 128).sum())
    return f"{made.size - common} of {made.size} values of channel {channel} are not its most common one"


def _channel_of(step: Step, mutation: Mutation) -> int | None:
    """The output channel that a constant of a filter's requantization belongs to: whose scale changes it."""
    weights = step.operands.optional(1)
    if not isinstance(step.op, FILTERS) or weights is None or weights.quantization is None:
        return None
    channels, strides = step.operands.output.shape[-1], _strides(step)
    axis = 3 if isinstance(step.op, DepthwiseConv2D) else 0
    scales = (weights.quantization.scales * channels)[:channels]

    def bound(chosen: Sequence[float]) -> Bound | None:
        quantization = Quantization(scales=tuple(chosen), zero_points=(0,) * channels, axis=axis)
        mutant = replace(weights, name="mutant", quantization=quantization)
        return _bound(step, _with_input(step.operands, 1, mutant), strides)

    before = bound(scales)
    for channel in range(channels):
        for factor in (3.0, 0.3):  # changes mantissa and shift, and with the shift the offset
            after = bound([scale * (factor if index == channel else 1.0) for index, scale in enumerate(scales)])
            if mutation.offset in _altered(mutation.site, before, after):
                return channel
    # A channel that was found constant has no scale.  Its row {bias, mantissa, offset, shift} has an offset that follows the zero point.
    offsets = _altered(mutation.site, *(_bound(step, _zeroed(step.operands, by), strides) for by in (0, 1)))
    rows = [range(offset - 8, offset + 8) for offset in offsets]
    return (
        next((row for row, span in enumerate(rows) if mutation.offset in span), None) if len(rows) == channels else None
    )


def _zeroed(operands: Operands, by: int) -> Operands:
    """With the output's zero point moved by so much."""
    output = operands.output
    zero = output.zero_point + (by if output.zero_point < 0 else -by)
    quantization = Quantization(scales=(output.scale,), zero_points=(zero,))
    return replace(operands, outputs=(replace(output, name="mutant", quantization=quantization),))


def _altered(site: Site, before: Bound | None, after: Bound | None) -> list[int]:
    """The offsets within `site` at which two bindings differ, ascending."""
    if before is None or after is None:
        return []
    found = _differences(site.layer, NO_CHANGE, before, after)
    return sorted(mutation.offset for mutation in found if mutation.site == site)


def _channels(tensor: Tensor, values: Mapping[str, Array]) -> Array:
    return values[tensor.name].reshape(-1, tensor.hwc[2])
