"""Generated code under every compiler: strict C99, freestanding, no warning; what its objects define, need and hold."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from small_models import MODELS, tree

from tinyc.emit import SourceTree
from tinyc.oracle import evaluate

STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-ffreestanding")
PEDANTIC = ("-pedantic", "-Wno-overlength-strings")
ARM = ("arm-none-eabi-gcc", "-mthumb")
M4 = (*ARM, "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard")
M7 = (*ARM, "-mcpu=cortex-m7", "-mfpu=fpv5-sp-d16", "-mfloat-abi=hard")
M55 = (*ARM, "-mcpu=cortex-m55", "-mfloat-abi=hard")
CLANG_M7 = ("clang-19", "--target=arm-none-eabi", "-mthumb", "-mcpu=cortex-m7", "-mfloat-abi=hard")
COMPILERS = {
    "host": (("gcc",), ("clang-19",)),
    "stm32f746": (M4, M7, CLANG_M7, ("gcc",), ("clang-19",)),
    "stm32h743": (M7, ("gcc",)),
    "mps3_an547": (M55,),
}
CASES = [
    pytest.param(board, command, level, id=f"{board}-{command[0]}-{command[-2] if len(command) > 1 else 'here'}{level}")
    for board, commands in COMPILERS.items()
    for command in commands
    for level in ("-O0", "-O2")
]
MAY_NEED = {"memcpy", "memset"}
HELPERS = "__aeabi_"
"""The Arm run-time ABI's division and the like, which libgcc brings; its memcpy and memset are the C library's."""


def written(generated: SourceTree, folder: Path) -> Path:
    for name, text in generated.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def objects(generated: SourceTree, command: Sequence[str], level: str, folder: Path) -> list[Path]:
    """The model's units compiled; skips where the compiler is missing."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} missing: run make setup")
    written(generated, folder)
    includes = ["-I", "kernels", *_library(command)]
    made = []
    for unit in generated.model_units:
        made.append(folder / f"{Path(unit).stem}.o")
        call([*command, *STRICT, *PEDANTIC, level, *includes, "-c", unit, "-o", str(made[-1])], folder)
    return made


def _library(command: Sequence[str]) -> list[str]:
    """Where clang finds string.h for a bare core: the C library of the cross compiler."""
    if command[0] != "clang-19" or len(command) == 1:
        return []
    if shutil.which(ARM[0]) is None:
        pytest.skip(f"{ARM[0]} missing: run make setup")
    for line in call([ARM[0], "-E", "-Wp,-v", "-xc", "/dev/null"], Path.cwd()).splitlines():
        if (Path(line.strip()) / "string.h").is_file():
            return ["-isystem", line.strip()]
    raise AssertionError("the cross compiler has no string.h")


def call(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stderr[:4000]}"
    return done.stderr


@pytest.mark.tools
@pytest.mark.parametrize(("board", "command", "level"), CASES)
@pytest.mark.parametrize("model", MODELS)
def test_compiles_without_a_warning(
    model: str, board: str, command: tuple[str, ...], level: str, tmp_path: Path
) -> None:
    generated = tree(model, board)
    defined: set[str] = set()
    needed: set[str] = set()
    for path in objects(generated, command, level, tmp_path):
        with path.open("rb") as file:
            elf = ELFFile(file)
            _expect_no_mutable_data(elf, path.name)
            for symbol in elf.get_section_by_name(".symtab").iter_symbols():
                if symbol["st_info"]["bind"] != "STB_LOCAL" and symbol.name:
                    (needed if symbol["st_shndx"] == "SHN_UNDEF" else defined).add(symbol.name)
    foreign = {name for name in needed - defined - MAY_NEED if not name.startswith(HELPERS)}
    assert not foreign, "the model may need nothing but memcpy and memset"
    prefix = generated.program.prefix
    assert {name for name in defined if not name.startswith(f"{prefix}_")} == set()
    assert {f"{prefix}_{name}" for name in ("init", "run", "input", "output")} <= defined


def _expect_no_mutable_data(elf: ELFFile, name: str) -> None:
    for section in elf.iter_sections():
        if section.name.startswith((".data", ".bss", "COMMON")) and not section.name.startswith(".data.rel.ro"):
            assert section["sh_size"] == 0, f"{name} has {section['sh_size']} bytes of {section.name}"


MAIN = """
#include "branching.h"
#include "residual.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void show(const char *name, const int8_t *values, unsigned count)
{
    printf("%s", name);
    for (unsigned i = 0; i < count; ++i) {
        printf(" %d", values[i]);
    }
    printf("\\n");
}

int main(void)
{
    residual_t first, second;
    branching_t third;
    void *arenas[3];
    arenas[0] = aligned_alloc(RESIDUAL_ARENA_ALIGN, (RESIDUAL_ARENA_BYTES + 15u) / 16u * 16u);
    arenas[1] = aligned_alloc(RESIDUAL_ARENA_ALIGN, (RESIDUAL_ARENA_BYTES + 15u) / 16u * 16u);
    arenas[2] = aligned_alloc(BRANCHING_ARENA_ALIGN, (BRANCHING_ARENA_BYTES + 15u) / 16u * 16u);
    if (residual_init(&first, arenas[0], RESIDUAL_ARENA_BYTES) != RESIDUAL_OK ||
        residual_init(&second, arenas[1], RESIDUAL_ARENA_BYTES) != RESIDUAL_OK ||
        branching_init(&third, arenas[2], BRANCHING_ARENA_BYTES) != BRANCHING_OK) {
        return 2;
    }
    memset(residual_input(&first, 0), 1, RESIDUAL_INPUT_0_BYTES);
    memset(residual_input(&second, 0), 100, RESIDUAL_INPUT_0_BYTES);
    memset(branching_input(&third, 0), 7, BRANCHING_INPUT_0_BYTES);
    memset(branching_input(&third, 1), 50, BRANCHING_INPUT_1_BYTES);
    if (residual_run(&second) != RESIDUAL_OK || branching_run(&third) != BRANCHING_OK || residual_run(&first) != RESIDUAL_OK) {
        return 3;
    }
    show("first", residual_output(&first, 0), RESIDUAL_OUTPUT_0_BYTES);
    show("second", residual_output(&second, 0), RESIDUAL_OUTPUT_0_BYTES);
    show("third", branching_output(&third, 1), BRANCHING_OUTPUT_1_BYTES);
    if (residual_init(&first, arenas[0], RESIDUAL_ARENA_BYTES - 1u) != RESIDUAL_ERR_ARENA_BYTES ||
        residual_run(&first) != RESIDUAL_ERR_ARGUMENT || residual_input(&first, 0) != NULL ||
        residual_init(&first, (char *)arenas[0] + 1, RESIDUAL_ARENA_BYTES) != RESIDUAL_ERR_ARENA_ALIGN ||
        residual_init(NULL, arenas[0], RESIDUAL_ARENA_BYTES) != RESIDUAL_ERR_ARGUMENT ||
        residual_init(&first, NULL, RESIDUAL_ARENA_BYTES) != RESIDUAL_ERR_ARGUMENT ||
        residual_output(&second, RESIDUAL_OUTPUT_COUNT) != NULL || residual_input(&second, RESIDUAL_INPUT_COUNT) != NULL) {
        return 4;
    }
    free(arenas[0]);
    free(arenas[1]);
    free(arenas[2]);
    return 0;
}
"""


EXPECTED = (
    ("first", "residual", (1,), 0),
    ("second", "residual", (100,), 0),
    ("third", "branching", (7, 50), 1),
)
"""What MAIN prints: name, model, the value that fills each input, the output shown."""


@pytest.mark.tools
@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_two_models_and_two_instances_in_one_program(compiler: str, tmp_path: Path) -> None:
    """Linked together, run in turns, wrong arguments refused; what they compute is numpy's."""
    linked: list[str] = []
    for model in ("residual", "branching"):
        folder = tmp_path / model
        linked += map(str, objects(tree(model, "host"), (compiler,), "-O2", folder))
    (tmp_path / "main.c").write_text(MAIN)
    call(
        [compiler, "-std=c11", "-Wall", "-Werror", "-Iresidual", "-Ibranching", "main.c", *linked, "-o", "both"],
        tmp_path,
    )
    done = subprocess.run([tmp_path / "both"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.returncode
    found = {line.split()[0]: [int(word) for word in line.split()[1:]] for line in done.stdout.splitlines()}
    for name, model, fills, output in EXPECTED:
        graph = tree(model, "host").program.plan.graph
        inputs = {
            name: np.full(graph.tensors[name].shape, fill, np.int8)
            for name, fill in zip(graph.inputs, fills, strict=True)
        }
        assert found[name] == evaluate(graph, inputs)[graph.outputs[output]].reshape(-1).tolist()
