"""A hand-written model of two layers with the generated code's interface, so that build and run are tested by themselves.

Layer 0 adds one to every byte, row by row; layer 1 looks each byte up in a table of weights, all at once.  `mischief` is C that layer 1
runs first: it may loop, fault or write where it must not.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from tinyc.emit import SourceTree
from tinyc.ir import DType, Tensor
from tinyc.lower import Port
from tinyc.lower.program import Arena

ROWS, PIXELS, CHANNELS = 4, 8, 2
BYTES = ROWS * PIXELS * CHANNELS
ARENA_BYTES = 2 * BYTES + 8
TABLE = np.random.default_rng(0).integers(-128, 128, 256).astype(np.int8)

HEADER = """#ifndef TINY_H
#define TINY_H
#include <stddef.h>
#include <stdint.h>
#define TINY_MODEL_SHA256 "{sha256}"
#define TINY_ARENA_BYTES {arena_bytes}u
#define TINY_ARENA_ALIGN 16u
typedef struct {{
    uint8_t *arena;
}} tiny_t;
int tiny_init(tiny_t *model, void *arena, size_t arena_bytes);
int tiny_run(tiny_t *model);
int8_t *tiny_input(tiny_t *model, unsigned index);
const int8_t *tiny_output(const tiny_t *model, unsigned index);
#endif
"""

INTERNAL = """#include <stdint.h>
extern const int8_t tiny_table[256];
void tiny_l00(void *out, const void *const *in, int32_t x0, int32_t x1);
void tiny_l01(void *out, const void *const *in, int32_t x0, int32_t x1, void *scratch);
"""

SCHEDULE = """#include "tiny.h"
#include "tiny_internal.h"

int tiny_init(tiny_t *model, void *arena, size_t arena_bytes)
{{
    if (arena_bytes < TINY_ARENA_BYTES || (uintptr_t)arena % TINY_ARENA_ALIGN != 0) {{
        return -1;
    }}
    model->arena = (uint8_t *)arena;
    return 0;
}}

int tiny_run(tiny_t *model)
{{
    const void *in[1];
    for (int32_t row = 0; row < {rows}; ++row) {{
        in[0] = model->arena + row * {row_bytes};
        tiny_l00(model->arena + row * {row_bytes}, in, 0, {pixels});
    }}
    in[0] = model->arena;
    tiny_l01(model->arena + {bytes}, in, 0, {rows} * {pixels}, model->arena + 2 * {bytes});
    return {status};
}}

int8_t *tiny_input(tiny_t *model, unsigned index)
{{
    return index == 0 ? (int8_t *)model->arena : NULL;
}}

const int8_t *tiny_output(const tiny_t *model, unsigned index)
{{
    return index == 0 ? (const int8_t *)model->arena + {bytes} : NULL;
}}
"""

LAYERS = """#include "tiny_internal.h"

{helpers}
void tiny_l00(void *out, const void *const *in, int32_t x0, int32_t x1)
{{
    const uint8_t *source = (const uint8_t *)in[0];
    uint8_t *target = (uint8_t *)out;
    for (int32_t i = 0; i < (x1 - x0) * {channels}; ++i) {{
        target[i] = (uint8_t)(source[i] + 1u);
    }}
}}

void tiny_l01(void *out, const void *const *in, int32_t x0, int32_t x1, void *scratch)
{{
    const uint8_t *source = (const uint8_t *)in[0];
    int8_t *target = (int8_t *)out;
    (void)scratch;
    {mischief}
    for (int32_t i = 0; i < (x1 - x0) * {channels}; ++i) {{
        target[i] = tiny_table[source[i]];
    }}
}}
"""


def tree(*, mischief: str = "", helpers: str = "", status: int = 0, arena_bytes: int = ARENA_BYTES) -> SourceTree:
    """The model's sources around a stand-in for its Program."""
    program = _program(arena_bytes)
    values = {"rows": ROWS, "pixels": PIXELS, "channels": CHANNELS, "bytes": BYTES, "row_bytes": PIXELS * CHANNELS}
    weights = ", ".join(map(str, TABLE))
    return SourceTree(
        program=program,
        files={
            "tiny.h": HEADER.format(sha256=program.sha256, arena_bytes=arena_bytes),
            "tiny_internal.h": INTERNAL,
            "tiny.c": SCHEDULE.format(status=status, **values),
            "tiny_layers.c": LAYERS.format(mischief=mischief, helpers=helpers, **values),
            "tiny_weights.c": f'#include "tiny_internal.h"\n\nconst int8_t tiny_table[256] = {{{weights}}};\n',
        },
    )


def _program(arena_bytes: int) -> Any:
    tensor = Tensor(name="x", shape=(1, ROWS, PIXELS, CHANNELS), dtype=DType.INT8)
    layers = [
        SimpleNamespace(index=i, symbol=f"tiny_l0{i}", scratch_bytes=8 * i, pixel_bytes=CHANNELS) for i in range(2)
    ]
    return SimpleNamespace(
        prefix="tiny",
        model_name="tiny",
        sha256="5a" * 32,
        arenas=(Arena(name="arena", bank="arena", bytes=arena_bytes),),
        arena_bytes=arena_bytes,
        arena_align=16,
        layers=tuple(layers),
        pushed=None,
        loops=tuple(SimpleNamespace(layer=layer, pixel_stride=CHANNELS) for layer in layers),
        inputs=(Port(name="x", tensor=tensor, offset=0),),
        outputs=(Port(name="y", tensor=tensor, offset=BYTES),),
    )


def samples(count: int = 3) -> list[tuple[np.ndarray[Any, Any], ...]]:
    """Random full-range inputs."""
    generator = np.random.default_rng(1)
    return [(generator.integers(-128, 128, (1, ROWS, PIXELS, CHANNELS)).astype(np.int8),) for _ in range(count)]


def first_layer(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What layer 0 writes."""
    return (x.view(np.uint8) + np.uint8(1)).view(np.int8)


def expected(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the model computes."""
    return TABLE[first_layer(x).view(np.uint8)]
