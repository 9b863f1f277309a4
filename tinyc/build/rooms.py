"""What a board has for arenas, as the planner sees it."""

from __future__ import annotations

from tinyc.board import Board
from tinyc.build.memory import arena_rooms
from tinyc.ir import Graph
from tinyc.ops import InputRows
from tinyc.plan import Bank


def arena_banks(board: Board, graph: Graph) -> tuple[Bank, ...]:
    """The banks that may hold an arena, each with the bytes that stack, harness and the pushed row leave of it."""
    rooms = arena_rooms(board, static_bytes=_pushed_row_bytes(graph))
    return tuple(
        Bank(name=bank.name, bytes=rooms[bank.name], tier=bank.tier, dma=bank.dma) for bank in board.arena_banks
    )


def _pushed_row_bytes(graph: Graph) -> int:
    """What the harness keeps of an input that is pushed row by row."""
    pushed = [graph.tensors[each.outputs[0]] for each in graph.operations if isinstance(each.op, InputRows)]
    return sum(tensor.bytes // tensor.hwc[0] for tensor in pushed)
