"""Runs catalogue rows for real: cases become one C program for the host (under sanitizers), for mps2-an386 or for mps3-an547.

Inputs and outputs live in buffers of exact size, so that on the host every over-read or stray write is an error.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tinyc.ir import Op, Operands, Window
from tinyc.ir.types import Array
from tinyc.kernels.contract import Bound, CArray, Extent, Kernel, PaddingRows, Strides

HERE = Path(__file__).parent
KERNEL_SOURCES = HERE.parents[1] / "codegen" / "kernels"
GAP = 0x55
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-Wno-unused-function")
HOST = ("gcc", "-std=gnu99", "-O0", "-g1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
AN386 = (
    *("arm-none-eabi-gcc", "-O2", "-mcpu=cortex-m4", "-mthumb", "-ffreestanding", "-fno-common", "-nostartfiles"),
    *("-specs=nosys.specs", "-specs=nano.specs"),
)
AN386_CLANG = (
    *("clang-19", "--target=armv7em-none-eabi", "-O2", "-mcpu=cortex-m4", "-mfloat-abi=soft", "-ffreestanding"),
    *("-isystem", "/usr/include/newlib"),
)
AN547 = ("arm-none-eabi-gcc", "-O2", "-mcpu=cortex-m55", "-mfloat-abi=hard", *AN386[3:])
NS_A_TICK = {"host": 0.0, "an386": 40.0, "an386-clang": 40.0, "an547": 31.25}
NS_AN_INSTRUCTION = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kernel on one operation: `values` has an array for every input (constants too) or None where it is absent.

    `ranges` are the column ranges of each row's calls; `long_row` passes the tensor as one row, `strides` and
    `misalignment` (bytes) place the activations.  Cases that are `shared` run one copy of their kernel, which does not see
    the constants, as layers that share a kernel do.  With `reach` the output lies in the buffer of input 0, so many bytes
    after its start, and its rows are made in the given direction.
    """

    kernel: Kernel
    op: Op
    operands: Operands
    values: tuple[Array | None, ...]
    ranges: tuple[tuple[int, int], ...] | None = None
    strides: Strides | None = None
    misalignment: int = 0
    long_row: bool = False
    shared: bool = False
    reach: int | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a case wrote, and the instructions that it took (0 on the host)."""

    output: Array
    instructions: int


def run_kernel(
    kernel: Kernel,
    op: Op,
    operands: Operands,
    values: tuple[Array | None, ...],
    *,
    target: str = "host",
    ranges: tuple[tuple[int, int], ...] | None = None,
) -> Array:
    """The output of one kernel on one operation."""
    case = Case(kernel=kernel, op=op, operands=operands, values=values, ranges=ranges)
    return run_cases([case], target=target)[0].output


def run_cases(cases: Sequence[Case], *, target: str = "host", flags: Sequence[str] = ()) -> list[Result]:
    """The results of many cases from one program; AssertionError where a byte between output pixels was touched."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cases.c").write_text(program(cases))
        build_and_run(folder, target, flags)
        raw = (folder / "results.bin").read_bytes()
    return list(_results(cases, raw, NS_A_TICK[target]))


def has_tools(target: str) -> bool:
    """Whether the compiler and the emulator of `target` are installed."""
    cross = ("arm-none-eabi-gcc", "qemu-system-arm")
    tools = {"host": ("gcc",), "an386": cross, "an386-clang": ("clang-19", *cross), "an547": cross}[target]
    return all(shutil.which(tool) for tool in tools)


def program(cases: Sequence[Case]) -> str:
    """The C text of one program that runs `cases`."""
    headers = dict.fromkeys(case.kernel.header for case in cases)
    lines = [f'#include "{header}"' for header in headers] + ['#include "runner.c"']
    for kernel in dict.fromkeys(case.kernel.name for case in cases if case.shared):
        lines += _shared_copy(next(case for case in cases if case.kernel.name == kernel))
    for index, case in enumerate(cases):
        lines += _case_data(f"c{index}", case)
    lines += ["static const test_case cases[] = {"]
    lines += [_case_row(f"c{index}", case) for index, case in enumerate(cases)]
    lines += ["};", f"int main(void) {{ return run_all(cases, {len(cases)}); }}"]
    return "\n".join(lines) + "\n"


def build_and_run(folder: Path, target: str, flags: Sequence[str] = ()) -> None:
    """Compile `folder`/cases.c for `target` and run it there."""
    common = (*WARNINGS, f"-I{KERNEL_SOURCES}", f"-I{HERE}", *flags, "cases.c")
    if target == "host":
        _call((*HOST, *(flag for flag in common if flag != "-std=c99"), "-o", "cases"), folder)
        _call(("./cases",), folder)
        return
    compiler = {"an386": AN386, "an386-clang": AN386_CLANG, "an547": AN547}[target]
    linker, script, model = (AN547, "mps3.ld", "mps3-an547") if target == "an547" else (AN386, "mps2.ld", "mps2-an386")
    _call((*compiler, *common, "-c", "-o", "cases.o"), folder)
    _call((*linker, "cases.o", "-T", str(HERE / script), "-o", "cases"), folder)
    machine = ("qemu-system-arm", "-M", model, "-display", "none", "-monitor", "none", "-serial", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native")
    _call((*machine, "-icount", "shift=6,sleep=off", *semihosting, "-kernel", "cases"), folder)


def _call(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        said = [line[:200] for line in (done.stderr + done.stdout).splitlines()]
        raise AssertionError("\n".join((f"{command[0]} failed ({done.returncode}):", *said[:60])))


def _results(cases: Sequence[Case], raw: bytes, ns_a_tick: float) -> Iterator[Result]:
    baseline = int(np.frombuffer(raw, np.uint64, 1)[0])
    position = 8
    for case in cases:
        output = case.operands.output
        rows, columns, channels = output.hwc
        width, stride = channels * output.dtype.bytes, _strides(case).output
        extent = (rows * columns - 1) * stride + width
        ticks = int(np.frombuffer(raw, np.uint64, 1, position)[0])
        data = np.full(rows * columns * stride, GAP, np.uint8)
        data[:extent] = np.frombuffer(raw, np.uint8, extent, position + 8)
        position += 8 + extent
        pixels = data.reshape(rows * columns, stride)
        assert (pixels[:, width:] == GAP).all(), f"{case.kernel.name} wrote between output pixels"
        calls = (1 if case.long_row or case.kernel.extent is Extent.WHOLE else rows) * len(_ranges(case))
        instructions = round((ticks - baseline * calls / 1000) * ns_a_tick / NS_AN_INSTRUCTION)
        values = np.ascontiguousarray(pixels[:, :width]).reshape(-1).view(output.dtype.numpy)
        yield Result(output=values.reshape(output.shape), instructions=instructions)
    assert position == len(raw)


def _strides(case: Case) -> Strides:
    if case.strides is not None:
        return case.strides
    operands = case.operands
    return Strides(
        inputs=tuple(_pixel_bytes(operands.input(i)) for i in case.op.activations(operands)),
        output=_pixel_bytes(operands.output),
    )


def _pixel_bytes(tensor: object) -> int:
    return int(tensor.hwc[2] * tensor.dtype.bytes)  # type: ignore[attr-defined]


def _ranges(case: Case) -> tuple[tuple[int, int], ...]:
    rows, columns, _ = case.operands.output.hwc
    return case.ranges or ((0, rows * columns if case.long_row else columns),)


def _case_data(name: str, case: Case) -> Iterator[str]:
    kernel, op, operands, strides = case.kernel, case.op, case.operands, _strides(case)
    yield from parameters(name, kernel, kernel.bind(op, operands, strides))
    rows = []
    for place, index in enumerate(op.activations(operands)):
        tensor, value = operands.input(index), case.values[index]
        assert value is not None
        data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        yield f"static const uint8_t {name}_in{index}[] = {{{_numbers(data)}}};"
        height, width, _ = (1, tensor.hwc[0] * tensor.hwc[1], 0) if case.long_row else tensor.hwc
        row, column = op.row_rule(operands, index), op.column_rule(operands, index)
        zero_point = tensor.quantization.zero_points[0] if tensor.quantization is not None else 0
        fields = (
            *(f"{name}_in{index}", height, width, _pixel_bytes(tensor), strides.inputs[place]),
            *(_window(row, height), _window(column, width)),
            *(int(kernel.padding_rows is PaddingRows.ZERO_POINT), zero_point, case.misalignment, kernel.over_read),
        )
        rows.append("{" + ", ".join(map(str, fields)) + "}")
    yield f"static const input {name}_inputs[] = {{{', '.join(rows)}}};"
    yield f"static const int32_t {name}_ranges[] = {{{', '.join(f'{a}, {b}' for a, b in _ranges(case))}}};"
    scratch = ", scratch" if kernel.scratch(op, operands) else ""
    yield f"static void {name}_run(void *out, const void *const *in, int32_t x0, int32_t x1, void *scratch)"
    function = f"shared_{kernel.name}" if case.shared else kernel.name
    yield f"{{ (void)scratch; {function}(out, in, x0, x1, &{name}_p{scratch}); }}"


def _shared_copy(case: Case) -> Iterator[str]:
    kernel = case.kernel
    scratch = (", void *scratch", ", scratch") if kernel.scratch(case.op, case.operands) else ("", "")
    arguments = f"void *out, const void *const *in, int32_t x0, int32_t x1, const {kernel.struct} *p{scratch[0]}"
    yield f"TINYC_SHARED void shared_{kernel.name}({arguments})"
    yield f"{{ {kernel.name}(out, in, x0, x1, p{scratch[1]}); }}"


def _case_row(name: str, case: Case) -> str:
    height, width, _ = case.operands.output.hwc
    rows, columns = (1, height * width) if case.long_row else (height, width)
    fields = (
        *(f"{name}_run", f"{name}_inputs", len(case.op.activations(case.operands))),
        *(rows, columns, _pixel_bytes(case.operands.output), _strides(case).output),
        *(int(case.kernel.extent is Extent.WHOLE), f"{name}_ranges", len(_ranges(case))),
        *(case.kernel.scratch(case.op, case.operands), case.misalignment),
        *(int(case.reach is not None), case.reach or 0, int(case.descending)),
    )
    return "    {" + ", ".join(map(str, fields)) + "},"


def parameters(name: str, kernel: Kernel, bound: Bound) -> Iterator[str]:
    """C that defines `name`_p, a kernel's parameters, and the constants that they point to."""
    fields = []
    for field, value in bound.fields.items():
        if isinstance(value, CArray):
            array = f"{name}_{field.replace('.', '_')}"
            yield f"static const {value.c_type} {array}[] = {{{_rows(value.data)}}};"
            fields.append(f".{field} = {array}")
        else:
            fields.append(f".{field} = {_number(int(value))}")
    yield f"static const {kernel.struct} {name}_p = {{{', '.join(fields)}}};"


def _window(rule: object, size: int) -> str:
    window = rule if isinstance(rule, Window) else Window(a=0, lo_offset=0, hi_offset=size)
    return f"{{{window.a}, {window.lo_offset}, {window.hi_offset}, {window.c}}}"


def _rows(data: npt.NDArray[np.generic]) -> str:
    if data.ndim == 1:
        return _numbers(data)
    return ", ".join(f"{{{_numbers(row)}}}" for row in data)


def _numbers(values: npt.NDArray[np.generic]) -> str:
    return ", ".join(_number(value) for value in values.tolist()) if values.size else "0"


def _number(value: float) -> str:
    if isinstance(value, float):
        return f"{value.hex()}f"
    return "(-2147483647 - 1)" if value == -(2**31) else str(value)
