"""The bound on the model's stack: frames along the calls of a linked image, where pointers choose among inner blocks alone."""

from __future__ import annotations

from pathlib import Path

import handmade
import pytest

from tinyc.board import load
from tinyc.build import Target, build

pytestmark = pytest.mark.tools

FUNCTION = """
static __attribute__((noinline)) void {name}(volatile uint8_t *to)
{{
    volatile uint8_t kept[{frame}];
    for (unsigned i = 0; i < sizeof kept; ++i) {{
        kept[i] = *to;
        {calls}
    }}
}}
"""


def functions(**frames: tuple[int, str]) -> str:
    """C functions by name, each with a frame of so many bytes and a call in it."""
    made = (FUNCTION.format(name=name, frame=frame, calls=calls) for name, (frame, calls) in frames.items())
    return "typedef void chosen(volatile uint8_t *to);\n" + "".join(made)


def bound(folder: Path, helpers: str, mischief: str) -> int:
    tree = handmade.tree(helpers=helpers, mischief=mischief)
    found = build(tree, board=load("stm32f746"), target=Target.parse("qemu"), directory=folder).stack_bound_bytes
    assert found is not None
    return found


def choose(one: str, other: str, to: str = "(volatile uint8_t *)target") -> str:
    return f"chosen *volatile pointer = x1 > 7 ? {one} : {other}; pointer({to});"


def test_frames_add_up_along_calls(tmp_path: Path, arm_tools: None) -> None:
    plain = bound(tmp_path / "plain", "", "")
    inner = functions(tinyc_inner=(200, "(void)0;"), tinyc_outer=(100, "tinyc_inner(kept);"))
    assert 300 <= bound(tmp_path / "calls", inner, "tinyc_outer((volatile uint8_t *)target);") - plain <= 400


def test_a_pointer_chooses_among_all_inner_blocks(tmp_path: Path, arm_tools: None) -> None:
    blocks = functions(tinyc_small_blocks_relu=(8, "(void)0;"), tinyc_large_blocks_ties=(600, "(void)0;"))
    assert 600 <= bound(tmp_path, blocks, choose("tinyc_small_blocks_relu", "tinyc_large_blocks_ties")) <= 750


@pytest.mark.parametrize("name", ["tinyc_store_sums", "tinyc_blocks", "tinyc_odd_block_ties"])
def test_what_only_a_pointer_calls_has_an_inner_blocks_name(name: str, tmp_path: Path, arm_tools: None) -> None:
    blocks = functions(tinyc_small_blocks_relu=(8, "(void)0;"), **{name: (600, "(void)0;")})
    with pytest.raises(ValueError, match=rf"^{name} is called by nothing but through a pointer, and is neither"):
        bound(tmp_path, blocks, choose("tinyc_small_blocks_relu", name))


def test_an_end_calls_through_no_pointer(tmp_path: Path, arm_tools: None) -> None:
    ends = functions(
        tinyc_small_ends_relu=(8, "(void)0;"),
        tinyc_large_ends_ties=(8, "chosen *volatile p = tinyc_small_ends_relu; p(kept);"),
        tinyc_a_blocks_relu=(8, "(void)0;"),
        tinyc_a_blocks_ties=(8, "chosen *volatile p = tinyc_large_ends_ties; p(kept);"),
    )
    with pytest.raises(ValueError, match=r"^tinyc_large_ends_ties calls through a pointer \(blx"):
        bound(tmp_path, ends, choose("tinyc_a_blocks_relu", "tinyc_a_blocks_ties"))


def test_a_last_call_through_a_pointer_counts(tmp_path: Path, arm_tools: None) -> None:
    """It is a BX, not a BLX."""
    helpers = functions(tinyc_small_blocks_relu=(8, "(void)0;"), tinyc_large_blocks_ties=(600, "(void)0;")) + (
        "static __attribute__((noinline)) void tinyc_last(chosen *pointer, volatile uint8_t *to)\n{\n    pointer(to);\n}\n"
    )
    chosen = "chosen *volatile pointer = x1 > 7 ? tinyc_small_blocks_relu : tinyc_large_blocks_ties;"
    assert 600 <= bound(tmp_path, helpers, f"{chosen} tinyc_last(pointer, (volatile uint8_t *)target);") <= 750


def test_recursion_has_no_bound(tmp_path: Path, arm_tools: None) -> None:
    helpers = functions(tinyc_again=(8, "if (*to > 3) tinyc_again(kept);"))
    with pytest.raises(ValueError, match=r"^tinyc_again calls itself by way of tiny_run -> tiny_l01 -> tinyc_again"):
        bound(tmp_path, helpers, "tinyc_again((volatile uint8_t *)target);")
