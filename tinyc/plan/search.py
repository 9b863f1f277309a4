"""Choose which runs of steps become regions: the least peak first, then the fewest rows made inside regions.

Exact over partitions of the given step order into consecutive runs, for a peak that is bounded group by group; placement then confirms
it.  Dynamic programming: `best[j]` is the least peak of any partition of the first j steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tinyc.ir import Graph, Window
from tinyc.plan.candidates import LONGEST_REGION, Lifetime, Region, fills_simply, lifetimes, make_region
from tinyc.plan.overlap import Distance, distance
from tinyc.plan.step import Step

Partition = tuple[Region | int, ...]
"""The groups of a plan in order: a region, or the index of a step that runs by itself."""


def layers(graph: Graph, steps: Sequence[Step]) -> Partition:
    """Every step by itself."""
    search = _Search(graph, steps)
    return tuple(search.group(index, index + 1) for index in range(len(steps)))


def state_bytes(steps: int) -> int:
    """What a region of so many steps must remember between two pushed rows: a counter each."""
    return 4 * steps


def least_memory(graph: Graph, steps: Sequence[Step]) -> Partition:
    """The partition with the least bounded peak, and among those the one that streams least."""
    search = _Search(graph, steps)
    peak = search.least_peak()
    return search.partition(peak)


@dataclass(slots=True)
class _Search:
    graph: Graph
    steps: Sequence[Step]
    alive: Mapping[str, Lifetime] = field(init=False)
    pinned: frozenset[str] = field(init=False)
    least_ring: Mapping[str, int] = field(init=False)
    regions: dict[tuple[int, int], tuple[int, Region] | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.least_ring = _least_rings(self.graph, self.steps)
        self.pinned = pinned_roots(self.graph, self.steps)
        self.alive = pinned_lifetimes(self.graph, self.steps, self.pinned)

    def least_peak(self) -> int:
        count = len(self.steps)
        best = [0] + [2**62] * count
        for end in range(1, count + 1):
            for start in range(end - 1, max(end - LONGEST_REGION, 0) - 1, -1):
                if best[start] >= best[end]:
                    continue
                cost = self._cost(start, end, limit=best[end])
                if cost is None:
                    break
                best[end] = min(best[end], max(best[start], cost))
        return best[count]

    def partition(self, peak: int) -> Partition:
        """Among partitions whose groups all stay within `peak`, the one with the fewest calls inside regions."""
        count = len(self.steps)
        work: list[tuple[int, int] | None] = [(0, 0)] + [None] * count
        for end in range(1, count + 1):
            for start in range(end - 1, max(end - LONGEST_REGION, 0) - 1, -1):
                before = work[start]
                cost = self._cost(start, end, limit=peak + 1)
                if cost is None:
                    break
                if before is None or cost > peak:
                    continue
                found = (before[0] + self._calls(start, end), start)
                if work[end] is None or found[0] < work[end][0]:  # type: ignore[index]
                    work[end] = found
        groups: list[Region | int] = []
        end = count
        while end > 0:
            entry = work[end]
            assert entry is not None
            groups.append(self.group(entry[1], end))
            end = entry[1]
        return tuple(reversed(groups))

    def group(self, start: int, end: int) -> Region | int:
        """Steps [start, end): a region, which a step whose rows are pushed always is, or the one step."""
        if end - start > 1:
            return self._region(start, end)
        if not self.steps[start].pushed:
            return start
        region = make_region(self.graph, self.steps, self.alive, self.pinned, start, end)
        assert region is not None, "a pushed row is copied, which every region can"
        return region

    def _region(self, start: int, end: int) -> Region:
        entry = self.regions[start, end]
        assert entry is not None
        return entry[1]

    def _calls(self, start: int, end: int) -> int:
        return 0 if end - start == 1 else self._region(start, end).calls

    def _cost(self, start: int, end: int, *, limit: int) -> int | None:
        """The bounded peak of one group, or something not below `limit`; None where no group that starts here or earlier ends here."""
        if end - start == 1:
            return self._single(start)
        floor = self._floor(start, end)
        if floor >= limit:
            return floor
        if (start, end) not in self.regions:
            region = make_region(self.graph, self.steps, self.alive, self.pinned, start, end)
            self.regions[start, end] = None if region is None else (self._bounded(region), region)
        entry = self.regions[start, end]
        if entry is None:
            return None if self._blocked(start) else limit
        return entry[0]

    def _blocked(self, start: int) -> bool:
        """Whether the step at `start` can be in no region at all."""
        return make_region(self.graph, self.steps, self.alive, self.pinned, start, start + 1) is None

    def _floor(self, start: int, end: int) -> int:
        """What a region needs at least: what passes it by, its narrowest rings, and the larger of what it reads and what it leaves behind."""
        passing = reads = leaves = rings = 0
        for life in self.alive.values():
            if life.first < start and life.last >= end:
                passing += life.bytes
            elif life.first < start <= life.last:
                reads += life.bytes
            elif start <= life.first < end <= life.last:
                leaves += life.bytes
            elif start <= life.first and life.last < end and life.root not in self.pinned:
                rings += self.least_ring[life.root]
        return passing + rings + max(reads, leaves)

    def _single(self, index: int) -> int:
        step = self.steps[index]
        others = {life.root: life.bytes for life in self.alive.values() if life.first <= index <= life.last}
        target = others.pop(step.output.root)
        if self.alive[step.output.root].first < index:
            return sum(others.values()) + target + step.scratch_bytes
        pairs = single_distances(self.graph, self.steps, self.alive, self.pinned, index)
        return _reach(others, target, pairs) + step.scratch_bytes

    def _bounded(self, region: Region) -> int:
        touched = {
            life.root: life.bytes
            for life in self.alive.values()
            if life.first < region.end and life.last >= region.start and life.root not in region.rings
        }
        chosen = self.steps[region.start : region.end]
        rings = sum(region.ring_bytes.values()) + max(step.scratch_bytes for step in chosen)
        if any(step.pushed for step in chosen):
            rings += state_bytes(len(chosen))
        targets = {target for _, target in region.distances}
        if len(targets) != 1:
            return sum(touched.values()) + rings
        (target,) = targets
        pairs = {source: gap for (source, _), gap in region.distances.items()}
        return _reach(touched, touched.pop(target), pairs) + rings


def _least_rings(graph: Graph, steps: Sequence[Step]) -> dict[str, int]:
    """For every root, the bytes of the rows that its widest reader needs at once: no ring can be smaller."""
    least: dict[str, int] = {}
    for step in steps:
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is None:
                continue
            tensor = graph.tensors[view.root]
            rows = tensor.hwc[0]
            rule = step.op.row_rule(step.operands, position)
            if isinstance(rule, Window):
                highest = (min(rule.hi(r), rows) - max(rule.lo(r), 0) for r in range(step.operands.output.hwc[0]))
                rows = min(rows, max(1, *highest, 1))
            least[view.root] = max(least.get(view.root, 0), rows * (tensor.bytes // tensor.hwc[0]))
    return {**{step.output.root: 0 for step in steps}, **least}


def _reach(others: Mapping[str, int], target: int, pairs: Mapping[str, Distance]) -> int:
    """Bytes of a group whose output may overlap the dying inputs in `pairs`, in the better of the two directions."""
    if not pairs:
        return sum(others.values()) + target
    dying = sum(others[source] for source in pairs)
    rest = sum(others.values()) - dying
    best = target + dying
    best = min(best, max(target, dying + max(min(gap.least for gap in pairs.values()), 0)))
    return rest + best


def pinned_roots(graph: Graph, steps: Sequence[Step]) -> frozenset[str]:
    """The roots that hold an input or an output of the graph."""
    roots: dict[str, str] = {}
    for step in steps:
        roots[step.operands.output.name] = step.output.root
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is not None:
                roots[step.operands.input(position).name] = view.root
    return frozenset(roots.get(name, name) for name in (*graph.inputs, *graph.outputs))


def pinned_lifetimes(graph: Graph, steps: Sequence[Step], pinned: frozenset[str]) -> dict[str, Lifetime]:
    """Lifetimes in steps; inputs live from before the first, outputs to after the last."""
    found = lifetimes(graph, steps)
    for name in pinned & found.keys():
        life = found[name]
        first = -1 if _holds(graph.inputs, name, steps) else life.first
        last = len(steps) if _holds(graph.outputs, name, steps) else life.last
        found[name] = Lifetime(root=name, bytes=life.bytes, first=first, last=last)
    return found


def _holds(names: Sequence[str], root: str, steps: Sequence[Step]) -> bool:
    """Whether one of the tensors `names` lives in `root`."""
    if root in names:
        return True
    for step in steps:
        if step.output.root == root and step.operands.output.name in names:
            return True
        for position, view in zip(step.activations, step.inputs, strict=True):
            if view is not None and view.root == root and step.operands.input(position).name in names:
                return True
    return False


def single_distances(
    graph: Graph, steps: Sequence[Step], alive: Mapping[str, Lifetime], pinned: frozenset[str], index: int
) -> dict[str, Distance]:
    """The dying whole inputs that a step by itself may overwrite, and by how far."""
    step = steps[index]
    target = step.operands.output
    if alive[step.output.root].first != index or not fills_simply(graph, step.output, target):
        return {}
    if step.op.kept_rows is not None:
        return {}
    if sum(other.output.root == step.output.root for other in steps) > 1:
        return {}
    roots = [view.root for view in step.inputs if view is not None]
    found: dict[str, Distance] = {}
    for position, view in zip(step.activations, step.inputs, strict=True):
        if view is None or alive[view.root].last != index or roots.count(view.root) > 1:
            continue
        source = step.operands.input(position)
        if not fills_simply(graph, view, source) or alive[view.root].bytes != source.bytes:
            continue
        gap = distance(step.kernel, step.op, step.operands, position)
        if gap is not None:
            found[view.root] = gap
    return found
