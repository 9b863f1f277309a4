"""Whether a model fits a board, bank by bank, and what work that takes."""

from __future__ import annotations

from tinyc.board import Board
from tinyc.build import arena_banks
from tinyc.plan import Plan, place_in_banks
from tinyc.report.report import Analysis

Way = tuple[int, int]
"""Multiply-accumulates computed again, bytes of arena."""


def arena_room(board: Board) -> int:
    """The bytes of all banks that may hold an arena."""
    return sum(bank.bytes for bank in board.arena_banks)


def by_bank(
    analysis: Analysis, *, stack: int | None = None, static: int | None = None
) -> list[dict[str, str | int | None]]:
    """What the model takes of each of the board's banks; stack and static data are unknown before it is built."""
    board = analysis.board
    if board is None or board.is_host:
        return []
    names = {bank.name for bank in board.arena_banks}
    arenas = {a.bank if a.bank in names else board.arena_banks[0].name: a.bytes for a in analysis.program.arenas}
    return [
        {
            "name": bank.name,
            "bytes": bank.bytes,
            "arena_bytes": arenas.get(bank.name, 0),
            "stack_bytes": stack if "stack" in bank.use else 0,
            "static_bytes": static if "data" in bank.use else 0,
        }
        for bank in board.banks
    ]


def way_to_fit(analysis: Analysis, board: Board) -> Way | None:
    """The plan as it is where the board has room for it, else the way with the least work for which it has; None where there is none."""
    plan = analysis.program.plan
    banks = arena_banks(board, plan.graph)
    if len(banks) == 1:
        room = banks[0].bytes
        ways = [(way.extra_macs, way.arena_bytes) for way in analysis.ways if way.arena_bytes <= room]
        return (0, analysis.program.arena_bytes) if analysis.program.arena_bytes <= room else min(ways, default=None)
    placement = place_in_banks(plan.problem, banks, effort=0.0)
    if placement.fits:
        return 0, placement.bytes
    found = [(way.extra_macs, size) for way in analysis.ways if (size := _placed(way, board))]
    return min(found, default=None)


def _placed(way: Plan, board: Board) -> int:
    """The bytes of a way to run the model in the board's banks, 0 where they have no room for it."""
    banks = arena_banks(board, way.graph)
    if way.arena_bytes > sum(bank.bytes for bank in banks):
        return 0
    placement = place_in_banks(way.problem, banks, effort=0.0)
    return placement.bytes if placement.fits else 0
