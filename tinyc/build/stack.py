"""How deep the model's stack can get: the compiler's frame sizes along the call graph of the linked image.

Frames come from `-fstack-usage`; functions that the compiler did not frame (assembly, the C library) are read from their own instructions.
The model's code has no recursion, and a pointer only ever chooses among the kernels' inner blocks (`tinyc_..._blocks_...`), in a block
among its ends (`tinyc_..._ends_...`), which call nothing through a pointer.  The bound rests on this, so it is verified here: a function of
the kernels that nothing calls by its name is one of these.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinyc.build import tools
from tinyc.errors import ToolMissing

SU_LINE = re.compile(r"^.*:\d+:\d+:(?P<name>\S+)\t(?P<bytes>\d+)\t(?P<kind>\S+)$")
FUNCTION = re.compile(r"^[0-9a-f]+ <(?P<name>[^>]+)>:$")
INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\t[0-9a-f ]+\t(?P<mnemonic>\S+)\s*(?P<operands>.*)$")
BRANCH_TARGET = re.compile(r"<(?P<name>[^>+]+)>$")
STACK_DROP = re.compile(r"^(?:sp, )?(?:sp, )?#(?P<bytes>\d+)")
PUSHED = re.compile(r"\{(?P<registers>[^}]*)\}")
OF_KERNELS = re.compile(r"^tinyc_\w+")
INNER_BLOCK = re.compile(r"^tinyc_\w+_blocks_\w+$")
BLOCK_END = re.compile(r"^tinyc_\w+_ends_\w+$")
CLONE_NUMBER = re.compile(r"\.\d+$")


@dataclass(slots=True)
class _Function:
    """What a function's instructions say: registers pushed and bytes dropped, whom it calls, and what it returns to."""

    bytes: int = 0
    calls: set[str] = field(default_factory=set)
    indirect: str = ""
    returns: set[str] = field(default_factory=lambda: {"lr"})


def stack_bound(elf: Path, usage: Iterable[Path], root: str) -> int:
    """Bytes of stack that `root` and everything below it can take, its own frame included; ValueError where there is no bound."""
    frames = _frames(usage)
    functions = _functions(elf)
    _check_pointers(functions, frames)
    return _depth(root, functions, frames, path=())


def _frames(usage: Iterable[Path]) -> dict[str, int]:
    """Bytes by function name, from .su files; clones count as the largest of their kind."""
    frames: dict[str, int] = {}
    for path in usage:
        for line in path.read_text(encoding="utf-8").splitlines():
            match = SU_LINE.match(line)
            if match is None or "dynamic" in match["kind"]:
                raise ValueError(f"no bound in {path.name}: {line}")
            frames[match["name"]] = max(frames.get(match["name"], 0), int(match["bytes"]))
    return frames


def _check_pointers(functions: Mapping[str, _Function], frames: Mapping[str, int]) -> None:
    """ValueError where a kernel's function can only be called through a pointer, and is not one that `_depth` expects there."""
    called = {name for function in functions.values() for name in function.calls}
    for name in sorted(functions.keys() - called):
        of_kernel = OF_KERNELS.match(name) and CLONE_NUMBER.sub("", name) in frames
        if of_kernel and not INNER_BLOCK.match(name) and not BLOCK_END.match(name):
            raise ValueError(
                f"{name} is called by nothing but through a pointer, and is neither an inner block nor an end of one"
            )


def _depth(name: str, functions: Mapping[str, _Function], frames: Mapping[str, int], *, path: tuple[str, ...]) -> int:
    if name in path:
        raise ValueError(f"{name} calls itself by way of {' -> '.join(path)}")
    function = functions[name]
    calls = set(function.calls)
    if function.indirect:
        if BLOCK_END.match(name):
            raise ValueError(f"{name} calls through a pointer ({function.indirect})")
        chosen = BLOCK_END if INNER_BLOCK.match(name) else INNER_BLOCK
        calls |= {other for other in functions if chosen.match(other)}
    frame = max(frames.get(CLONE_NUMBER.sub("", name), 0), function.bytes)
    below = [_depth(callee, functions, frames, path=(*path, name)) for callee in sorted(calls)]
    return frame + max(below, default=0)


def _functions(elf: Path) -> dict[str, _Function]:
    functions: dict[str, _Function] = {}
    current = _Function()
    name = ""
    for line in _disassembly(elf).splitlines():
        header = FUNCTION.match(line)
        if header is not None:
            name = header["name"]
            current = functions.setdefault(name, _Function())
            continue
        instruction = INSTRUCTION.match(line)
        if instruction is not None:
            _read(current, name, instruction["mnemonic"], instruction["operands"])
    return functions


def _read(function: _Function, name: str, mnemonic: str, operands: str) -> None:
    stem, target = mnemonic.split(".")[0], BRANCH_TARGET.search(operands)
    if stem in ("push", "vpush") or (stem == "stmdb" and operands.startswith("sp!")):
        pushed = PUSHED.search(operands)
        assert pushed is not None
        function.bytes += (8 if "d" in pushed["registers"] else 4) * _count(pushed["registers"])
    elif stem in ("sub", "subw") and operands.startswith("sp"):
        drop = STACK_DROP.match(operands)
        function.bytes += int(drop["bytes"]) if drop else 0
    elif stem == "str" and "[sp, #-" in operands and operands.endswith("!"):
        function.bytes += int(operands.rsplit("#-", 1)[1].rstrip("]!"))
    elif (stem == "blx" and not target) or (stem == "bx" and operands not in function.returns):
        function.indirect = f"{mnemonic} {operands}"
    elif stem == "mov" and operands.endswith(", lr"):
        function.returns.add(operands.removesuffix(", lr"))
    elif stem.startswith("b") and target and (stem == "bl" or target["name"] != name):
        function.calls.add(target["name"])


def _count(registers: str) -> int:
    """How many registers a list such as `r4, r5, r7-r9, lr` names."""
    total = 0
    for item in registers.split(","):
        first, _, last = item.strip().partition("-")
        total += int(last[1:]) - int(first[1:]) + 1 if last else 1
    return total


def _disassembly(elf: Path) -> str:
    compiler = tools.find(tools.ARM_GCC)
    objdump = _output([compiler, "-print-prog-name=objdump"], elf).strip()
    return _output([objdump, "-d", str(elf)], elf)


def _output(command: list[str], elf: Path) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise ToolMissing(f"{command[0]} failed on {elf.name}: {error}.") from error
