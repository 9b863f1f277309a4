"""What kinds of instructions are executed: the decoder on every kind of instruction, the plugin on a known loop, models layer by layer."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from tinyc.build import Target, build
from tinyc.build.sizes import symbols
from tinyc.emit import emit
from tinyc.pipeline import Options, analyze
from tinyc.report.compare import make_samples
from tinyc.run import classes, run
from tinyc.run.classes import ClassCounts

pytestmark = pytest.mark.tools

THUMB = {
    "loads": """
        ldr r0, [r1] | ldr.w r8, [r1, #100] | ldr r0, [pc, #8] | ldrb r0, [r1, r2] | ldrsb r0, [r1, r2] | ldrh r0, [r1, #2]
        ldrsh.w r8, [r1], #2 | ldrd r0, r1, [r2, #8] | ldm r0!, {r1, r2} | ldm.w r8, {r0, r9} | pop {r0, r1} | pop.w {r4, r8}
        ldr r0, [sp, #4] | ldrex r0, [r1] | ldmdb r0, {r1, r2} | vldr s0, [r0] | vldm r0!, {s0-s3} | vpop {s16} | pop {r4, pc}""",
    "stores": """
        str r0, [r1] | strb r0, [r1, r2] | strh r0, [r1, r2] | strh.w r8, [r1], #2 | strd r0, r1, [r2, #8] | stm r0!, {r1, r2}
        stm.w r8, {r0, r9} | push {r0, r1} | push.w {r4, r8} | str r0, [sp, #4] | strex r2, r0, [r1] | stmdb r0!, {r1, r2}
        vstr s0, [r0] | vstm r0!, {s0-s3} | vpush {s16} | push {r4, lr}""",
    "multiplies": """
        muls r0, r1, r0 | mul r8, r1, r2 | mla r0, r1, r2, r3 | mls r0, r1, r2, r3 | smull r0, r1, r2, r3 | umull r0, r1, r2, r3
        smlal r0, r1, r2, r3 | smlad r0, r1, r2, r3 | smladx r0, r1, r2, r3 | smuad r0, r1, r2 | smlabb r0, r1, r2, r3
        smlabt r0, r1, r2, r3 | smulwb r0, r1, r2 | smmul r0, r1, r2 | smmlar r0, r1, r2, r3 | smlald r0, r1, r2, r3
        umaal r0, r1, r2, r3 | vmul.f32 s0, s1, s2 | vmla.f32 s0, s1, s2 | vfma.f32 s0, s1, s2 | vnmul.f32 s0, s1, s2""",
    "branches": """
        b . | b.w . | bne . | bne.w . | bl . | bx lr | blx r3 | cbz r0, .+4 | cbnz r0, .+4 | tbb [pc, r0] | tbh [pc, r0, lsl #1]
        mov pc, r0 | add pc, r0""",
    "other": """
        adds r0, r1, r2 | add.w r8, r1, r2, lsl #3 | subs r0, #1 | subw r0, r1, #1000 | movs r0, #1 | movw r0, #1000 | movt r0, #1
        mov r8, r1 | add r8, r1 | cmp r0, r8 | lsls r0, r1 | lsrs.w r8, r1, r2 | ands r0, r1 | tst r0, r1 | sxtb r0, r1 | uxth r0, r1
        sxtb16 r0, r1, ror #8 | sxtab16 r0, r1, r2 | pkhbt r0, r1, r2, lsl #16 | ssat r0, #8, r1, asr #3 | usat r0, #8, r1
        ssat16 r0, #8, r1 | qadd r0, r1, r2 | sadd8 r0, r1, r2 | sel r0, r1, r2 | usada8 r0, r1, r2, r3 | sdiv r0, r1, r2
        udiv r0, r1, r2 | ubfx r0, r1, #2, #3 | bfi r0, r1, #2, #3 | clz r0, r1 | rbit r0, r1 | rev r0, r1 | nop | nop.w | dsb | mrs r0, msp
        msr msp, r0 | svc 1 | bkpt 1 | udf #1 | cpsid i | add r0, sp, #4 | adr r0, .+4 | sub sp, #8 | vadd.f32 s0, s1, s2
        vdiv.f32 s0, s1, s2 | vmov s0, r1 | vmov r0, r1, s2, s3 | vcvt.s32.f32 s0, s1 | vmrs apsr_nzcv, fpscr | vabs.f32 s0, s1""",
}
HELIUM = {
    "loads": """
        vldrb.8 q0, [r0] | vldrb.s16 q0, [r0, #4] | vldrb.u32 q0, [r0], #4 | vldrh.s32 q0, [r0]! | vldrw.32 q0, [r0, #16]!
        vldrb.8 q0, [r0], #16 | vldrb.u8 q0, [r0, q1] | vldrw.u32 q0, [r0, q1, uxtw #2] | vldrw.u32 q0, [q1, #4] | vld20.8 {q0, q1}, [r0]
        vld43.8 {q0, q1, q2, q3}, [r0]! | vldr d0, [r0]""",
    "stores": """
        vstrb.8 q0, [r0] | vstrb.16 q0, [r0, #4] | vstrb.32 q0, [r0], #4 | vstrh.32 q0, [r0] | vstrw.32 q0, [r0, #16]!
        vstrb.8 q0, [r0, q1] | vstrw.32 q0, [q1, #4] | vst20.8 {q0, q1}, [r0] | vst43.8 {q0, q1, q2, q3}, [r0]!""",
    "multiplies": """
        vmladav.s8 r0, q0, q1 | vmladava.s8 r0, q0, q1 | vmladava.u8 r0, q0, q1 | vmladavax.s8 r0, q0, q1 | vmladava.s16 r0, q0, q1
        vmladava.s32 r0, q0, q1 | vmlsdava.s8 r0, q0, q1 | vmlaldava.s16 r0, r1, q0, q1 | vmlaldav.s32 r0, r1, q0, q1
        vrmlaldavh.s32 r0, r1, q0, q1 | vrmlaldavha.s32 r2, r3, q0, q1 | vmul.i8 q0, q1, q2 | vmul.i32 q0, q1, r2 | vmla.s16 q0, q1, r2
        vmlas.s8 q0, q1, r2 | vmulh.s16 q0, q1, q2 | vrmulh.s32 q0, q1, q2 | vmullb.s8 q0, q1, q2 | vmullt.u16 q0, q1, q2
        vqdmulh.s32 q0, q1, q2 | vqrdmulh.s32 q0, q1, q2 | vqdmulh.s16 q0, q1, r2 | vqrdmulh.s32 q0, q1, r2 | vqdmlah.s16 q0, q1, r2
        vqrdmlah.s32 q0, q1, r2 | vqdmladh.s8 q0, q1, q2""",
    "branches": "wls lr, r0, .+8 | dls lr, r0 | le lr, .-4 | wlstp.8 lr, r0, .+8 | dlstp.32 lr, r0 | letp lr, .-4",
    "other": """
        vadd.i8 q0, q1, q2 | vadd.i32 q0, q1, r2 | vsub.i16 q0, q1, q2 | vaddv.s8 r0, q1 | vaddva.u16 r0, q1 | vaddlv.s32 r0, r1, q2
        vmax.s8 q0, q1, q2 | vmin.s32 q0, q1, q2 | vmaxv.s8 r0, q1 | vminv.s8 r0, q1 | vabav.s8 r0, q1, q2 | vabd.s8 q0, q1, q2
        vshl.i8 q0, q1, #2 | vshl.s32 q0, q1, q2 | vrshl.s32 q0, q1, q2 | vrshl.s32 q0, r1 | vrshr.s16 q0, q1, #3 | vqrshl.s32 q0, r1
        vmovnb.i16 q0, q1 | vqmovnb.s32 q0, q1 | vqmovunt.s16 q0, q1 | vmovlb.s8 q0, q1 | vmovlt.u16 q0, q1 | vshllb.s8 q0, q1, #2
        vshrnb.i32 q0, q1, #4 | vqrshrnb.s32 q0, q1, #4 | vdup.8 q0, r0 | vmov q0, q1 | vmov.i32 q0, #1 | vmov.8 q0[1], r0
        vmov q0[2], q0[0], r0, r1 | vmov r0, r1, q0[2], q0[0] | vand q0, q1, q2 | vbic q0, q1, q2
        veor q0, q1, q2 | vmvn q0, q1 | vrev32.8 q0, q1 | vbrsr.8 q0, q1, r2
        vidup.u8 q0, r0, #1 | vddup.u16 q0, r0, #2 | vcmp.i8 eq, q0, q1 | vpst \n vaddt.i8 q0, q1, q2 | vpsel q0, q1, q2 | vctp.8 r0
        vcls.s8 q0, q1 | vclz.i8 q0, q1 | vabs.s8 q0, q1 | vqadd.s8 q0, q1, q2 | vhadd.s8 q0, q1, q2 | vadc.i32 q0, q1, q2 | lsll r0, r1, #3
        sqrshrl r0, r1, #48, r2 | csel r0, r1, r2, eq | cset r0, ne""",
}


def instructions(text: str) -> list[str]:
    return [each.strip().replace(r"\n", "\n") for line in text.strip().splitlines() for each in line.split("|")]


def assembled(lines: Sequence[str], folder: Path, *flags: str, link: Sequence[str] = ()) -> Path:
    """An object, or with linker flags an image, of these lines of assembly."""
    source, target = folder / "code.s", folder / "code.o"
    source.write_text("\n".join([".syntax unified", ".thumb", ".text", *lines, ""]))
    command = ["arm-none-eabi-gcc", "-mthumb", *flags, *(link or ["-c"]), str(source), "-o", str(target)]
    subprocess.run(command, check=True)
    return target


def decoded(halves: Sequence[tuple[int, int]], folder: Path) -> list[str]:
    """The class of each instruction, by the header that the plugin is made of."""
    source, program = folder / "decode.c", folder / "decode"
    source.write_text(
        '#include <stdio.h>\n#include "thumb.h"\n'
        "int main(void) { unsigned a, b; "
        'while (scanf("%x %x", &a, &b) == 2) printf("%d\\n", (int)thumb_class(a, b)); return 0; }\n'
    )
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", f"-I{classes.SOURCE.parent}"]
    subprocess.run(["cc", *flags, str(source), "-o", str(program)], check=True)
    text = "".join(f"{a:x} {b:x}\n" for a, b in halves)
    done = subprocess.run([program], input=text, capture_output=True, text=True, check=True)
    return [classes.CLASSES[int(word)] for word in done.stdout.split()]


def halves_of(path: Path) -> list[tuple[int, int]]:
    """The instructions of an object's code."""
    subprocess.run(["arm-none-eabi-objcopy", "-O", "binary", "-j", ".text", str(path), f"{path}.bin"], check=True)
    data = Path(f"{path}.bin").read_bytes()
    words = [int.from_bytes(data[at : at + 2], "little") for at in range(0, len(data), 2)]
    found = []
    while words:
        first = words.pop(0)
        found.append((first, words.pop(0) if first >= 0xE800 else 0))
    return found


@pytest.mark.parametrize(
    ("core", "table"), [("-mcpu=cortex-m7", THUMB), ("-mcpu=cortex-m55", THUMB), ("-mcpu=cortex-m55", HELIUM)]
)
@pytest.mark.parametrize("kind", classes.CLASSES)
def test_every_instruction_is_of_its_class(
    kind: str, core: str, table: dict[str, str], tmp_path: Path, arm_tools: None
) -> None:
    lines = instructions(table[kind])
    flags = (core, "-mfloat-abi=hard", *(("-mfpu=fpv5-d16",) if core.endswith("m7") else ()))
    found = decoded(halves_of(assembled(lines, tmp_path, *flags)), tmp_path)
    expanded = [part for line in lines for part in line.split("\n")]
    wrong = [(line, each) for line, each in zip(expanded, found, strict=True) if each != kind]
    assert wrong == []


LOOP = """
    .word 0x20001000
    .word start + 1
    .type layer, %function
layer:
    mov.w r0, #1000
again:
    ldr r1, [r2]
    smlad r3, r1, r1, r3
    str r3, [r2]
    subs r0, #1
    bne again
    push {lr}
    bl library
    pop {pc}
    .size layer, . - layer
library:
    sdiv r1, r1, r0
    bx lr
    .type schedule, %function
schedule:
    push {lr}
    bl layer
    nop
    bl layer
    pop {pc}
    .size schedule, . - schedule
    .type start, %function
start:
    movw r2, #0
    movt r2, #0x2000
    bl schedule
    movs r0, #0x18
    movw r1, #0x26
    movt r1, #2
    bkpt 0xab
    .size start, . - start
"""


def test_a_known_loop_is_counted_to_the_instruction(tmp_path: Path, arm_tools: None) -> None:
    """Twice round a layer that calls a function of nobody's: that is the layer's too, what lies between is the schedule's."""
    flags = ("-mcpu=cortex-m4", "-nostdlib", "-Wl,-Ttext=0", "-Wl,-estart")
    program = assembled(LOOP.splitlines(), tmp_path, *flags, link=("-static",))
    owners = {"layer": 0, "schedule": 1, "start": 2}
    functions = [(first, first + size, owners[name]) for first, size, name in symbols(program) if name in owners]
    counter = classes.prepare(functions, layers=1, folder=tmp_path)
    machine = ["qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-semihosting", "-kernel", str(program)]
    subprocess.run([*machine, *counter.options], timeout=60, check=True)
    found = counter.counts()
    assert found.layers == (ClassCounts(loads=2002, stores=2002, multiplies=2000, branches=2004, other=2004),)
    assert found.schedule == ClassCounts(loads=1, stores=1, multiplies=0, branches=2, other=1)


@pytest.mark.parametrize("board", ["stm32f746", "mps3_an547"])
@pytest.mark.parametrize("how", [{}, {"optimize": "size"}, {"input": "rows"}], ids=str)
def test_the_classes_of_a_model_add_up_to_what_the_timer_counts(
    how: dict[str, str], board: str, digits: Path, tmp_path: Path, arm_tools: None
) -> None:
    """The probe's count of a call includes what passes its arguments: up to five instructions a call."""
    analysis = analyze(digits, board=board, options=Options(**how), progress=lambda said: None, front=False)
    assert analysis.board is not None
    program = analysis.program
    firmware = build(emit(program), board=analysis.board, target=Target.parse("qemu"), directory=tmp_path)
    samples = make_samples([port.tensor for port in program.inputs], count=1, seed=0)
    found = run(firmware, samples, profile=True, classes=True)
    assert found.classes is not None
    assert found.layer_instructions is not None
    assert found.instructions is not None
    calls = Counter(layer for layer, _ in program.calls())
    for layer in program.layers:
        more = found.layer_instructions[layer.index] - found.classes.layers[layer.index].total
        assert 0 <= more <= 5 * calls[layer.index], layer.name
    pushes = program.inputs[0].rows
    assert 0 <= found.instructions - found.classes.total <= 20 * pushes
    assert sum(layer.multiplies for layer in found.classes.layers) * 32 > sum(layer.macs for layer in program.layers)


def test_where_classes_cannot_be_told_apart_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYC_CC", "no-such-compiler")
    assert (
        classes.unavailable()
        == "TINYC_CC is no-such-compiler, which is no program; it is needed for --on host, the board host, and kinds of instructions."
    )
    monkeypatch.delenv("TINYC_CC")
    old = tmp_path / "qemu-system-arm"
    old.write_text("#!/bin/sh\necho QEMU emulator version 10.0.2\n")
    old.chmod(0o755)
    monkeypatch.setenv("TINYC_QEMU", str(old))
    assert classes.unavailable() == f"{old} is not QEMU 6 to 8."
