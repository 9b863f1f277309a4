"""Whether a model fits a board, bank by bank, and what work that takes."""

from __future__ import annotations

from tinyc.board import Board
from tinyc.build import arena_banks
from tinyc.plan import place_in_banks
from tinyc.plan.problem import make_problem
from tinyc.plan.search import Point
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
    if len(board.arena_banks) == 1:
        room = arena_room(board)
        ways = [(extra, size) for size, extra in analysis.pareto if size <= room]
        return (0, analysis.program.arena_bytes) if analysis.program.arena_bytes <= room else min(ways, default=None)
    placement = place_in_banks(plan.problem, arena_banks(board, plan.graph), effort=0.0)
    if placement.fits:
        return 0, placement.bytes
    found = [(point.extra_macs, size) for point in analysis.points if (size := _placed(analysis, point, board))]
    return min(found, default=None)


def _placed(analysis: Analysis, point: Point, board: Board) -> int:
    """The bytes of a way to run the model in the board's banks, 0 where they have no room for it."""
    if point.peak > arena_room(board):
        return 0
    plan = analysis.program.plan
    problem = make_problem(plan.graph, plan.steps, plan.views, point.partition)
    placement = place_in_banks(problem, arena_banks(board, plan.graph), effort=0.0)
    return placement.bytes if placement.fits else 0
