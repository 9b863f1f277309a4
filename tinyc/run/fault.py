"""A fault report from the target, decoded: which exception, why, where.  Source: Armv7-M ARM, sections B1.5 and B3.2.15."""

from __future__ import annotations

import signal
import struct
from collections.abc import Sequence
from dataclasses import dataclass, fields

from tinyc.errors import TargetFault

LAYOUT = struct.Struct("<16I")
EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault"}
MMARVALID, BFARVALID = 1 << 7, 1 << 15
CFSR_BITS = (
    (0, "IACCVIOL", "executed from a protected address"),
    (1, "DACCVIOL", "accessed a protected address"),
    (3, "MUNSTKERR", "could not unstack: the stack is outside its memory"),
    (4, "MSTKERR", "could not stack: the stack overflowed"),
    (5, "MLSPERR", "could not stack floating-point registers"),
    (8, "IBUSERR", "fetched an instruction where there is no memory"),
    (9, "PRECISERR", "accessed an address where there is no memory"),
    (10, "IMPRECISERR", "wrote somewhere where there is no memory"),
    (11, "UNSTKERR", "could not unstack: the stack is outside its memory"),
    (12, "STKERR", "could not stack: the stack overflowed"),
    (13, "LSPERR", "could not stack floating-point registers"),
    (16, "UNDEFINSTR", "executed an undefined instruction"),
    (17, "INVSTATE", "left Thumb state"),
    (18, "INVPC", "returned from an exception with a damaged address"),
    (19, "NOCP", "used a coprocessor that is off"),
    (24, "UNALIGNED", "made an unaligned access"),
    (25, "DIVBYZERO", "divided by zero"),
)
HFSR_BITS = (
    (1, "VECTTBL", "could not read the vector table"),
    (30, "FORCED", ""),
    (31, "DEBUGEVT", "hit a breakpoint"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The registers of firmware/harness/port.h's fault_report."""

    exception: int
    frame_valid: int
    r0: int
    r1: int
    r2: int
    r3: int
    r12: int
    lr: int
    pc: int
    xpsr: int
    sp: int
    exc_return: int
    cfsr: int
    hfsr: int
    mmfar: int
    bfar: int

    @staticmethod
    def decode(payload: bytes) -> Fault:
        """The fault of a FAULT frame's payload."""
        if len(payload) != LAYOUT.size:
            raise TargetFault(f"the target faulted, and its report has {len(payload)} bytes, not {LAYOUT.size}.")
        words = dict(zip((each.name for each in fields(Fault)), LAYOUT.unpack(payload), strict=True))
        return Fault(**words)

    def explain(self, symbols: Sequence[tuple[int, int, str]]) -> str:
        """One sentence with the cause, the address, the place in the program, and the raw registers."""
        causes = [f"{name}: {meaning}" for bit, name, meaning in CFSR_BITS if self.cfsr >> bit & 1]
        causes += [f"{name}: {meaning}" for bit, name, meaning in HFSR_BITS if self.hfsr >> bit & 1 and meaning]
        what = EXCEPTIONS.get(self.exception, f"exception {self.exception}")
        address = self.address
        at = "" if address is None else f" (address {address:#010x})"
        where = f" at {place(self.pc, symbols)}, called from {place(self.lr, symbols)}" if self.frame_valid else ""
        cause = "; ".join(causes) or "no cause recorded"
        return f"the target stopped with a {what}{where}: {cause}{at}. {self.registers()}."

    def registers(self) -> str:
        """The raw registers that matter; PC and LR only where the core could stack them."""
        names = ("cfsr", "hfsr", "mmfar", "bfar", "sp", *(("pc", "lr") if self.frame_valid else ()))
        return " ".join(f"{name.upper()}={getattr(self, name):#010x}" for name in names)

    def explain_signal(self) -> str:
        """The sentence for this computer, where `exception` is a signal."""
        try:
            name = signal.Signals(self.exception).name
        except ValueError:
            name = f"signal {self.exception}"
        return f"the program stopped with {name} at an address that ends in {self.mmfar:#010x}."

    @property
    def address(self) -> int | None:
        """The address that could not be accessed, where the core recorded it."""
        if self.cfsr & MMARVALID:
            return self.mmfar
        return self.bfar if self.cfsr & BFARVALID else None


def place(address: int, symbols: Sequence[tuple[int, int, str]]) -> str:
    """`function+offset`, or the bare address."""
    for start, size, name in symbols:
        if start <= address & ~1 < start + size:
            return f"{name}+{(address & ~1) - start:#x}"
    return f"{address:#010x}"
