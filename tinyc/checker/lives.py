"""When every byte of every value is made and last read: how much is alive at once."""

from __future__ import annotations

import numpy as np

from tinyc.checker.values import Ids

NEVER = -2


class Lives:
    """`count` values; calls are numbered from 0, -1 is before the first."""

    def __init__(self, count: int) -> None:
        self.born: Ids = np.full(count, NEVER, np.int32)
        self.died: Ids = np.full(count, NEVER, np.int32)
        self.ended: list[tuple[Ids, Ids]] = []

    def begin(self, ids: Ids, call: int) -> None:
        """The values are made; what they were before, where a tile makes them again, is over."""
        again = ids[self.died[ids] > self.born[ids]]
        if again.size:
            self.ended.append((self.born[again], self.died[again]))
        self.born[ids] = call
        self.died[ids] = call

    def extend(self, ids: Ids, call: int) -> None:
        """The values are read."""
        if not ids.size or ids[-1] >= self.born.size:
            return
        if ids[-1] - ids[0] == ids.size - 1 and (np.diff(ids) == 1).all():
            self.died[ids[0] : ids[-1] + 1] = call
        else:
            self.died[ids] = call

    def most(self, calls: int) -> int:
        """The most bytes that exist between two calls: made before, and still to be read."""
        kept = self.died > self.born
        change = np.zeros(calls + 2, np.int64)
        for born, died in (*self.ended, (self.born[kept], self.died[kept])):
            change += np.bincount(born + 1, minlength=calls + 2)
            change -= np.bincount(died + 1, minlength=calls + 2)
        return int(change.cumsum().max(initial=0))
