"""The chips as far as their firmware touches them, on Unicorn: flash and RAM at the real addresses, clocks that are ready only when
started in the right order, a serial port.

Written from the reference manuals and not from the firmware: the pins, the dividers and the wait states are computed here from what the
firmware stored.  Any access to a register or an address that is not here is an error.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import unicorn
from unicorn import arm_const

from tinyc.board import Board
from tinyc.errors import TargetFault

SYSTEM = 0xE000_E000
STEPS = 50_000_000


class Chip:
    """Registers by address; a subclass gives them behaviour.  `received` waits for the firmware, `sent` comes from it."""

    registers: dict[int, int]
    spaces: tuple[int, ...] = (0x4000_0000, 0x5000_0000)
    """Where its registers are, 256 KB each."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.sent = bytearray()

    def load(self, address: int) -> int:
        return self.registers[address]

    def store(self, address: int, value: int) -> None:
        assert address in self.registers, f"store to {address:#x}"
        self.registers[address] = value

    @property
    def baud(self) -> float:
        raise NotImplementedError


RCC, PWR, FLASH = 0x4002_3800, 0x4000_7000, 0x4002_3C00
CR, PLLCFGR, CFGR, AHB1ENR, APB1ENR, APB2ENR = (RCC + offset for offset in (0x00, 0x04, 0x08, 0x30, 0x40, 0x44))
GPIOA, GPIOB = 0x4002_0000, 0x4002_0400


class Stm32(Chip):
    """What all of them share: a USART at `usart`; its registers, by their offsets, are those of the F7 and the H7."""

    usart: int
    usart_registers: tuple[int, ...] = (0x00, 0x0C, 0x1C, 0x20, 0x24, 0x28)
    control, divider, status, receives, sends = 0x00, 0x0C, 0x1C, 0x24, 0x28
    enabled = 0xD
    """UE, TE and RE in `control`."""

    def __init__(self) -> None:
        super().__init__()
        self.registers = {self.usart + offset: 0 for offset in self.usart_registers}

    def load(self, address: int) -> int:
        if address == self.usart + self.status:
            return 1 << 7 | 1 << 6 | (1 << 5 if self.received else 0)
        if address == self.usart + self.receives:
            return self.received.pop(0)
        return super().load(address)

    def store(self, address: int, value: int) -> None:
        super().store(address, value)
        if address == self.usart + self.sends:
            assert self.registers[self.usart + self.control] & self.enabled == self.enabled, "UE, TE and RE are set"
            self.sent.append(value & 0xFF)


class Stm32f(Stm32):
    """What the F4 and the F7 share: RCC, PWR, flash wait states."""

    crystal: int
    most_without_overdrive: int
    wait_state_hz: int

    def __init__(self) -> None:
        super().__init__()
        self.registers |= {
            CR: 0x83,
            PLLCFGR: 0x2400_3010,
            CFGR: 0,
            AHB1ENR: 0x0010_0000,
            APB1ENR: 0,
            APB2ENR: 0,
            PWR: 0,
            PWR + 4: 0,
            FLASH: 0,
            **{port + offset: 0 for port in (GPIOA, GPIOB) for offset in (0x00, 0x20, 0x24)},
        }

    @property
    def pll_hz(self) -> float:
        word = self.registers[PLLCFGR]
        m, n, p = word & 63, word >> 6 & 511, (2, 4, 6, 8)[word >> 16 & 3]
        assert word >> 22 & 1, "the PLL runs from the crystal"
        assert 1e6 <= self.crystal / m <= 2e6, "the PLL's input is 1 to 2 MHz"
        assert 100e6 <= self.crystal / m * n <= 432e6, "the VCO is in its range"
        assert abs(self.crystal / m * n / (word >> 24 & 15) - 48e6) < 1, "the USB clock is 48 MHz"
        return self.crystal / m * n / p

    @property
    def core_hz(self) -> float:
        return self.pll_hz if self.registers[CFGR] >> 2 & 3 == 2 else 16e6

    def bus_hz(self, shift: int) -> float:
        """An APB clock: `shift` is its prescaler's place in CFGR."""
        prescaler = self.registers[CFGR] >> shift & 7
        return self.core_hz / (1 if prescaler < 4 else 2 << (prescaler - 4))

    def store(self, address: int, value: int) -> None:
        super().store(address, value)
        if address == CR:
            self.registers[CR] = self._with_ready(value)
        if address == CFGR and value & 3 == 2:
            self._check_switch()
            self.registers[CFGR] = value & ~0xC | 2 << 2
        if address == PWR:
            assert self.registers[APB1ENR] >> 28 & 1, "PWR has a clock"
            self.registers[PWR + 4] |= (value >> 16 & 1) << 16 | (value >> 17 & 1) << 17

    def _with_ready(self, value: int) -> int:
        if value >> 16 & 1:
            value |= 1 << 17
        if value >> 24 & 1 and value >> 17 & 1:
            value |= 1 << 25
        return value

    def _check_switch(self) -> None:
        assert self.registers[CR] >> 25 & 1, "the PLL is locked"
        assert self.registers[PWR] >> 14 & 3, "the regulator is in scale 1"
        waits = self.registers[FLASH] & 15
        assert (waits + 1) * self.wait_state_hz >= self.pll_hz, "the flash has enough wait states"
        if self.pll_hz > self.most_without_overdrive:
            assert self.registers[PWR + 4] >> 16 & 3 == 3, "over-drive is on"

    def pin(self, port: int, number: int) -> int:
        """The alternate function of a pin."""
        assert self.registers[AHB1ENR] >> ((port - GPIOA) // 0x400) & 1, "the port has a clock"
        assert self.registers[port] >> (2 * number) & 3 == 2, "the pin is in its alternate function"
        return self.registers[port + (0x20 if number < 8 else 0x24)] >> (4 * (number % 8)) & 15


class Stm32f746(Stm32f):
    """USART1 on PA9 and PB7."""

    crystal, most_without_overdrive, wait_state_hz = 25_000_000, 180_000_000, 30_000_000
    usart = 0x4001_1000

    @property
    def baud(self) -> float:
        assert self.registers[APB2ENR] >> 4 & 1, "USART1 has a clock"
        assert (self.pin(GPIOA, 9), self.pin(GPIOB, 7)) == (7, 7)
        return self.bus_hz(13) / self.registers[self.usart + self.divider]


class Stm32f407(Stm32f):
    """USART2 on PA2 and PA3."""

    crystal, most_without_overdrive, wait_state_hz = 8_000_000, 168_000_000, 30_000_000
    usart = 0x4000_4400
    usart_registers = (0x00, 0x04, 0x08, 0x0C)
    status, receives, sends, divider, control = 0x00, 0x04, 0x04, 0x08, 0x0C
    enabled = 0x200C

    @property
    def baud(self) -> float:
        assert self.registers[APB1ENR] >> 17 & 1, "USART2 has a clock"
        assert (self.pin(GPIOA, 2), self.pin(GPIOA, 3)) == (7, 7)
        return self.bus_hz(10) / self.registers[self.usart + self.divider]


class Nrf52840(Chip):
    """UART0 on P0.06 and P0.08; 64 MHz comes from the crystal once HFCLKSTART has run."""

    clock_start, clock_started = 0x4000_0000, 0x4000_0100
    uart = 0x4000_2000

    def __init__(self) -> None:
        super().__init__()
        offsets = (0x000, 0x008, 0x108, 0x11C, 0x500, 0x50C, 0x514, 0x518, 0x51C, 0x524)
        self.registers = {self.clock_start: 0, self.clock_started: 0, 0x4001_E540: 0}
        self.registers |= {self.uart + offset: 0 for offset in offsets}
        self.registers |= {0x5000_0508: 0, 0x5000_0518: 0, 0x5000_0700 + 4 * 8: 2}

    @property
    def core_hz(self) -> float:
        assert self.registers[self.clock_started] == 1, "the crystal runs"
        return 64e6

    def load(self, address: int) -> int:
        if address == self.uart + 0x108:
            return 1 if self.received else 0
        if address == self.uart + 0x518:
            return self.received.pop(0)
        return super().load(address)

    def store(self, address: int, value: int) -> None:
        super().store(address, value)
        if address == self.clock_start and value:
            self.registers[self.clock_started] = 1
        if address == self.uart + 0x51C:
            assert self.registers[self.uart + 0x500] == 4, "the UART is enabled"
            assert self.registers[self.uart + 0x008] == 1, "it transmits"
            self.sent.append(value & 0xFF)
            self.registers[self.uart + 0x11C] = 1

    @property
    def baud(self) -> float:
        assert self.registers[self.uart] == 1, "it receives"
        assert (self.registers[self.uart + 0x50C], self.registers[self.uart + 0x514]) == (6, 8)
        assert self.registers[0x5000_0518] == 1 << 6, "TX is an output"
        assert self.registers[0x5000_0700 + 4 * 8] == 0, "RX is an input"
        return self.registers[self.uart + 0x524] / 2**32 * 16e6


H7_RCC, H7_PWR, H7_FLASH, H7_ODEN, H7_IDCODE = 0x5802_4400, 0x5802_4800, 0x5200_2000, 0x5800_042C, 0x5C00_1000
H7_SUPPLY, H7_D3CR = H7_PWR + 0x0C, H7_PWR + 0x18
H7_CR, H7_CFGR, H7_D1CFGR, H7_D2CFGR, H7_D3CFGR = (H7_RCC + offset for offset in (0x00, 0x10, 0x18, 0x1C, 0x20))
H7_PLLCKSELR, H7_PLLCFGR, H7_PLL1DIVR = (H7_RCC + offset for offset in (0x28, 0x2C, 0x30))
H7_AHB2ENR, H7_AHB4ENR, H7_APB1LENR, H7_APB4ENR = (H7_RCC + offset for offset in (0xDC, 0xE0, 0xE8, 0xF4))
H7_GPIOD, H7_AXI_READS = 0x5802_0C00, 0x5100_8108


class Stm32h743(Stm32):
    """USART3 on PD8 and PD9, the ST-LINK's 8 MHz as its clock; of revision V, or another."""

    usart = 0x4000_4800
    spaces = (0x4000_0000, 0x5100_0000, 0x5200_0000, 0x5800_0000, 0x5C00_0000)

    def __init__(self, revision: int = 0x2003) -> None:
        super().__init__()
        self.revision = revision
        self.registers |= {
            H7_CR: 0x25,
            H7_PLLCKSELR: 0x0202_0200,
            H7_PLLCFGR: 0x01FF_0000,
            H7_PLL1DIVR: 0x0101_0280,
            H7_SUPPLY: 6,
            H7_PWR + 4: 0,
            H7_D3CR: 0x4000,
            H7_FLASH: 0x37,
            H7_IDCODE: revision << 16 | 0x450,
            H7_GPIOD: 0xFFFF_FFFF,
            H7_GPIOD + 0x24: 0,
            **dict.fromkeys((H7_CFGR, H7_D1CFGR, H7_D2CFGR, H7_D3CFGR, H7_ODEN, H7_AXI_READS), 0),
            **dict.fromkeys((H7_AHB2ENR, H7_AHB4ENR, H7_APB1LENR, H7_APB4ENR), 0),
        }

    @property
    def is_v(self) -> bool:
        return self.revision >= 0x2003

    @property
    def pll_hz(self) -> float:
        source, config, dividers = (self.registers[each] for each in (H7_PLLCKSELR, H7_PLLCFGR, H7_PLL1DIVR))
        assert source & 3 == 2, "the PLL runs from the external clock"
        reference = 8e6 / (source >> 4 & 63)
        low, high = ((1e6, 2e6), (2e6, 4e6), (4e6, 8e6), (8e6, 16e6))[config >> 2 & 3]
        assert low <= reference <= high, "the PLL's input is in the range that it is told"
        assert not config & 3 and reference >= 2e6, "the wide VCO without a fraction"
        vco = reference * ((dividers & 511) + 1)
        assert 192e6 <= vco <= (960e6 if self.is_v else 836e6), "the VCO is in its range"
        assert config >> 16 & 1 and (dividers >> 9 & 127) % 2 == 1, "output P is on, its divider even"
        return vco / ((dividers >> 9 & 127) + 1)

    @property
    def core_hz(self) -> float:
        return self.pll_hz if self.registers[H7_CFGR] >> 3 & 7 == 3 else 64e6

    def store(self, address: int, value: int) -> None:
        assert address != H7_ODEN or self.registers[H7_APB4ENR] >> 1 & 1, "SYSCFG has a clock"
        assert address != H7_D3CR or self.registers[H7_PWR + 4] >> 13 & 1, "the supply is settled first"
        super().store(address, value)
        if address == H7_SUPPLY:
            assert value & 7 == 2, "the regulator alone supplies the core"
            self.registers[H7_PWR + 4] |= 1 << 13
        if address in (H7_D3CR, H7_ODEN):
            assert address != H7_ODEN or (self.is_v and self.registers[H7_D3CR] >> 14 & 3 == 3), (
                "scale 0 follows scale 1"
            )
            self.registers[H7_D3CR] |= 1 << 13
        if address == H7_CR:
            assert not value >> 16 & 1 or value >> 18 & 1, "a clock comes in, there is no crystal"
            value |= (value >> 16 & 1) << 17
            self.registers[H7_CR] = value | (value >> 24 & 1) << 25
        if address == H7_CFGR and value & 7 == 3:
            self._check_switch()
            self.registers[H7_CFGR] = value | 3 << 3

    def _check_switch(self) -> None:
        assert self.registers[H7_CR] >> 25 & 1, "the PLL is locked"
        assert self.registers[H7_D3CR] >> 14 & 3 == 3, "the regulator is in scale 1"
        scale0 = self.registers[H7_ODEN] & 1
        assert self.pll_hz <= (480e6 if scale0 else 400e6), "the voltage is enough"
        assert self.registers[H7_D1CFGR] & 0xF0F == 8 and self.registers[H7_D1CFGR] >> 4 & 7 == 4, (
            "AXI has half, APB3 a quarter"
        )
        assert self.registers[H7_D2CFGR] & 0x770 == 0x440, "APB1 and APB2 have a quarter"
        assert self.registers[H7_D3CFGR] & 0x70 == 0x40, "APB4 has a quarter"
        flash = self.registers[H7_FLASH]
        most = (70e6, 140e6, 210e6, 225e6, 240e6)[min(flash & 15, 4)]
        assert self.pll_hz / 2 <= most and flash >> 4 & 3 == 2, "the flash has enough wait states"
        assert self.is_v or self.registers[H7_AXI_READS] == 1, "the AXI SRAM of revision Y is read one by one"
        assert self.registers[H7_AHB2ENR] >> 29 == 7, "the SRAMs of D2 have clocks"

    @property
    def baud(self) -> float:
        assert self.registers[H7_APB1LENR] >> 18 & 1 and self.registers[H7_AHB4ENR] >> 3 & 1, (
            "USART3 and GPIOD have clocks"
        )
        assert self.registers[H7_GPIOD] >> 16 & 15 == 10, "the pins are in their alternate function"
        assert self.registers[H7_GPIOD + 0x24] & 0xFF == 0x77
        return self.core_hz / 4 / self.registers[self.usart + self.divider]


SYSC, FCACHE, MSTPCRB, SCI9, PFS = 0x4001_E000, 0x4001_C100, 0x4020_3004, 0x4035_8900, 0x4040_0800
RA_SCKDIVCR, RA_SCKDIVCR2, RA_SCKSCR, RA_PLLCCR, RA_PLLCR = (SYSC + offset for offset in (0x20, 0x24, 0x26, 0x28, 0x2A))
RA_MOSCCR, RA_OSCSF, RA_PLLCCR2, RA_SCICKDIVCR, RA_SCICKCR = (
    SYSC + offset for offset in (0x32, 0x3C, 0x4C, 0x54, 0x55)
)
RA_MOSCWTCR, RA_PRCR, RA_MOMCR = (SYSC + offset for offset in (0xA2, 0x3FA, 0xA50))
RA_FCACHEIV, RA_FLWT, RA_PWPR, RA_MSCR = FCACHE + 4, FCACHE + 0x1C, PFS + 0x514, 0xE001_E000
RA_TX, RA_RX = PFS + 0x40 * 10 + 4 * 14, PFS + 0x40 * 10 + 4 * 15
SCI_CCR0, SCI_CCR2, SCI_CSR, SCI_CFCLR = (SCI9 + offset for offset in (0x08, 0x10, 0x48, 0x68))


class Ra8m1(Chip):
    """SCI9 on PA14 and PA15; a crystal of 20 MHz, PLL1P for the core.  Registers are locked as they are after reset."""

    crystal = 20e6
    spaces = (0x4000_0000, 0x4020_0000, 0x4034_0000, 0x4040_0000, 0xE001_0000)
    divisors: tuple[int | None, ...] = (1, 2, 4, 8, 16, 32, 64, None, 3, 6, 12)
    limits = (120e6, 60e6, 60e6, 120e6, 120e6, 240e6, 240e6, 60e6)
    """Of PCLKD, PCLKC, PCLKB, PCLKA, BCLK, PCLKE, ICLK and FCLK, from the low end of SCKDIVCR."""

    def __init__(self) -> None:
        super().__init__()
        clocks = (RA_SCKDIVCR, RA_SCKDIVCR2, RA_OSCSF, RA_PLLCCR2, RA_SCICKDIVCR, RA_MOSCWTCR, RA_PRCR, RA_MOMCR)
        self.registers = {
            **dict.fromkeys((*clocks, FCACHE, RA_FCACHEIV, RA_FLWT, RA_MSCR, RA_TX, RA_RX), 0),
            **dict.fromkeys((SCI9, SCI9 + 4, SCI_CCR0, SCI_CCR2, SCI_CSR, SCI_CFCLR), 0),
            RA_SCKSCR: 1,
            RA_PLLCCR: 0x1900,
            RA_PLLCR: 1,
            RA_MOSCCR: 1,
            RA_SCICKCR: 1,
            RA_PWPR: 0x80,
            MSTPCRB: 0xFFFF_FFFF,
        }
        self.guarded = {*clocks, RA_SCKSCR, RA_PLLCCR, RA_PLLCR, RA_MOSCCR, RA_SCICKCR} - {RA_PRCR}

    def divisor(self, code: int) -> int:
        found = self.divisors[code]
        assert found is not None, "the divider is one that there is"
        return found

    @property
    def pll_hz(self) -> float:
        word, outputs = self.registers[RA_PLLCCR], self.registers[RA_PLLCCR2]
        assert not word >> 4 & 1 and word & 3 < 3, "the PLL runs from the crystal, divided by 1, 2 or 3"
        reference, multiplier = self.crystal / ((word & 3) + 1), (word >> 8 & 0xFF) + 1
        assert 6e6 <= reference <= 12e6 and 53 <= multiplier <= 180
        vco = reference * multiplier
        assert 640e6 <= vco <= 1440e6, "the VCO is in its range"
        p, q, r = ((outputs >> shift & 15) + 1 for shift in (0, 4, 8))
        assert p in (2, 4, 6, 8, 16) and 40e6 <= vco / p <= 480e6
        assert all(each in (2, 3, 4, 5, 6, 8, 9) and 71e6 <= vco / each <= 480e6 for each in (q, r))
        return vco / p

    @property
    def core_hz(self) -> float:
        assert self.registers[RA_MSCR] >> 2 & 1, "the data cache writes through"
        assert self.registers[FCACHE] == 1, "the flash cache is on"
        return self._core_hz

    @property
    def _core_hz(self) -> float:
        source = self.pll_hz if self.registers[RA_SCKSCR] == 5 else 8e6
        return source / self.divisor(self.registers[RA_SCKDIVCR2])

    def store(self, address: int, value: int) -> None:
        before = self.registers.get(address, 0)
        if address in self.guarded:
            assert self.registers[RA_PRCR] & 1, "the clock registers are unlocked"
        assert address != MSTPCRB or self.registers[RA_PRCR] & 2, "the module registers are unlocked"
        assert address not in (RA_TX, RA_RX) or self.registers[RA_PWPR] == 1 << 6, "the pins are unlocked"
        assert address != RA_PWPR or not value >> 6 & 1 or not before >> 7, "B0WI goes first"
        assert address not in (RA_MOMCR, RA_MOSCWTCR) or self.registers[RA_MOSCCR] == 1, "the crystal stands still"
        assert address not in (RA_PLLCCR, RA_PLLCCR2) or self.registers[RA_PLLCR] == 1, "the PLL stands still"
        assert address != RA_SCICKDIVCR or self.registers[RA_SCICKCR] >> 7, "SCICLK has stopped"
        assert not SCI9 <= address < SCI9 + 0x100 or not self.registers[MSTPCRB] >> 22 & 1, "SCI9 has a clock"
        assert address != SCI_CCR2 or not self.registers[SCI_CCR0], "the SCI stands still"
        super().store(address, value)
        if address == RA_PRCR:
            assert value >> 8 == 0xA5, "the key"
        self._follow(address, value)

    def _follow(self, address: int, value: int) -> None:
        """What the hardware makes of a store."""
        if address == RA_MOSCCR and not value:
            assert self.registers[RA_MOMCR] == 1 << 4 | 3 << 1 and self.registers[RA_MOSCWTCR] >= 5, (
                "a crystal of 20 MHz"
            )
            self.registers[RA_OSCSF] |= 1 << 3
        if address == RA_PLLCR and not value:
            assert self.registers[RA_OSCSF] >> 3 & 1, "the crystal runs"
            self.registers[RA_OSCSF] |= 1 << 5 if self.pll_hz else 0
        if address == RA_FCACHEIV:
            self.registers[RA_FCACHEIV] = 0
        if address == RA_SCICKCR:
            assert self.registers[RA_PRCR] & 1
            self.registers[RA_SCICKCR] = value & 0x7F | (value >> 6 & 1) << 7
        if address == RA_SCKSCR:
            assert value == 5 and self.registers[RA_OSCSF] >> 5 & 1, "the PLL is locked"
            assert self._core_hz <= 240e6, "the core goes to the PLL at half its speed"
        if address in (RA_SCKSCR, RA_SCKDIVCR, RA_SCKDIVCR2) and self.registers[RA_SCKSCR] == 5:
            self._check_clocks()
        if address == SCI9 + 4:
            assert self.registers[SCI_CCR0] == 1 << 4 | 1, "TE and RE are set"
            self.sent.append(value & 0xFF)

    def _check_clocks(self) -> None:
        word = self.registers[RA_SCKDIVCR]
        for index, most in enumerate(self.limits):
            assert self.pll_hz / self.divisor(word >> 4 * index & 15) <= most, f"clock {index} is in its range"
        buses = self.pll_hz / self.divisor(word >> 24 & 15)
        assert buses <= self._core_hz, "the core is not slower than the buses"
        assert buses <= (self.registers[RA_FLWT] + 1) * 48e6, "the flash has enough wait states"

    def load(self, address: int) -> int:
        if address == SCI_CSR:
            return 1 << 29 | 1 << 30 | (1 << 31 if self.received else 0)
        if address == SCI9:
            return self.received.pop(0)
        return super().load(address)

    @property
    def baud(self) -> float:
        assert (self.registers[RA_TX] >> 16, self.registers[RA_RX] >> 16) == (0x501, 0x501), "PSEL 5, peripheral"
        assert self.registers[RA_PRCR] == 0xA500 and self.registers[RA_PWPR] == 0x80, "all is locked again"
        source, word = self.registers[RA_SCICKCR], self.registers[SCI_CCR2]
        assert source == 5, "SCICLK comes from PLL1P and runs"
        clock = self.pll_hz / (1, 2, 4, 6, 8, 3, 5)[self.registers[RA_SCICKDIVCR]]
        assert clock <= 120e6 and not word >> 16 & 1, "SCICLK is in its range, no modulation"
        clocks = {0: 64, 1: 32, 2: 32, 3: 16}[word >> 4 & 3]
        return clock / (clocks * 2 ** (2 * (word >> 20 & 3) - 1) * ((word >> 8 & 0xFF) + 1))


CHIPS = {
    "stm32f746": Stm32f746,
    "stm32f407": Stm32f407,
    "stm32h743": Stm32h743,
    "nrf52840": Nrf52840,
    "ra8m1": Ra8m1,
}
CORES = {
    "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}


def on_unicorn(board: Board) -> Board:
    """The board with a core that Unicorn has: no Armv8.1-M, so its start-up code is compiled for a Cortex-M33."""
    return board if board.core in CORES else replace(board, core="cortex-m33", fpu="fpv5-sp-d16")


@dataclass
class UnicornStream:
    """A board with its flash programmed and its reset released; bytes come and go as at its serial port."""

    board: Board
    image: bytes
    chip: Any = None

    def __post_init__(self) -> None:
        self.chip = self.chip or CHIPS[self.board.name]()
        self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(CORES[self.board.core])
        self.uc.mem_map(self.board.flash.address, self.board.flash.bytes, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self.uc.mem_write(self.board.flash.address, self.image)
        for bank in self.board.banks:
            self.uc.mem_map(bank.address, bank.bytes, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        self.uc.mem_map(SYSTEM, 0x1000)
        for base in self.chip.spaces:
            self.uc.mmio_map(base, 0x4_0000, self._load, base, self._store, base)
        self.uc.reg_write(arm_const.UC_ARM_REG_SP, int.from_bytes(self.image[0:4], "little"))
        self.pc = int.from_bytes(self.image[4:8], "little")
        self.error: BaseException | None = None
        self.idle = 0

    def write(self, data: bytes, deadline: float) -> None:
        self.chip.received += data
        self.idle = 0

    def read(self, deadline: float) -> bytes:
        if not self.chip.sent:
            self.uc.emu_start(self.pc | 1, 0xFFFF_FFFE, count=STEPS)
            self.pc = self.uc.reg_read(arm_const.UC_ARM_REG_PC)
        if self.error is not None:
            raise self.error
        if not self.chip.sent:
            raise TargetFault("the chip is silent")
        data = bytes(self.chip.sent)
        self.chip.sent.clear()
        return data

    def close(self) -> None:
        pass

    def _load(self, uc: Any, offset: int, size: int, base: int) -> int:
        try:
            self.idle = 0 if self.chip.received else self.idle + 1
            if self.idle > 1000:
                uc.emu_stop()
            return int(self.chip.load(base + offset))
        except BaseException as error:
            self.error = error
            uc.emu_stop()
            return 0

    def _store(self, uc: Any, offset: int, size: int, value: int, base: int) -> None:
        try:
            self.chip.store(base + offset, value)
        except BaseException as error:
            self.error = error
            uc.emu_stop()
