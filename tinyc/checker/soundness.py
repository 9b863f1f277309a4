"""What must hold of a certificate before anything runs: every layer once, over tensors that exist, in a mode that its kernel has."""

from __future__ import annotations

from tinyc.checker.document import Certificate, Group, Layer, Loop, Need, Source, Window
from tinyc.errors import PlanRefuted


def require_sound(certificate: Certificate) -> None:
    """PlanRefuted with the first thing that cannot be."""
    for port in (*certificate.inputs, *certificate.outputs):
        if port.tensor not in certificate.tensors:
            raise PlanRefuted(f"{port.tensor} is an input or an output, but not a tensor.")
    pushed = [port.tensor for port in certificate.inputs if port.offset is None]
    if pushed and (len(certificate.inputs) > 1 or not certificate.groups or certificate.groups[0].state is None):
        raise PlanRefuted("only a model of one input takes it by rows, and only in its first region.")
    made: set[str] = set()
    run: set[int] = set()
    for number, group in enumerate(certificate.groups):
        if group.state is not None:
            _require_state(group, first=number == 0)
        for loop in group.loops:
            layer = certificate.layers[loop.layer]
            if layer.index in run:
                raise PlanRefuted(f"{layer} is run twice.")
            run.add(layer.index)
            _require_output(certificate, layer, made)
            _require_mode(layer, loop, group)
            for need, source in zip(layer.needs, loop.sources, strict=True):
                _require_input(certificate, layer, loop, need, source)
                if source.pushed:
                    _require_pushed(layer, need, source, group, pushed)
    for layer in certificate.layers:
        if layer.index not in run:
            raise PlanRefuted(f"{layer} is never run.")


def _require_state(group: Group, *, first: bool) -> None:
    if not first:
        raise PlanRefuted("the region that takes the input by rows is not the first.")
    if group.state_bytes != 4 * len(group.loops) or group.state_offset % 4:
        raise PlanRefuted(
            "the region that takes the input by rows has no room for its counters, or more than they need."
        )


def _require_output(certificate: Certificate, layer: Layer, made: set[str]) -> None:
    output = certificate.tensors.get(layer.output.tensor or "")
    if output is None or output.pieces or output.is_input:
        raise PlanRefuted(f"{layer} does not make a tensor of its own.")
    if output.name in made:
        raise PlanRefuted(f"{layer} makes {output.name}, which another layer makes.")
    if output.bytes != layer.output.bytes:
        raise PlanRefuted(f"{layer} makes {layer.output.bytes:,} B of {output.name}, which has {output.bytes:,}.")
    made.add(output.name)


def _require_mode(layer: Layer, loop: Loop, group: Group) -> None:
    if loop.mode == "rows" and layer.extent == "whole" and layer.output.rows > 1:
        raise PlanRefuted(f"{layer} is called by rows, but its kernel makes everything in one call.")
    if loop.mode != "rows" and loop.mode != layer.extent:
        raise PlanRefuted(f"{layer} is called for {loop.mode}, which its kernel does not make.")
    if loop.mode != "rows" and group.is_region:
        raise PlanRefuted(f"{layer} runs in a region, but not by rows.")


def _require_input(certificate: Certificate, layer: Layer, loop: Loop, need: Need, source: Source) -> None:
    if source.constant is not None or need.constant is not None or need.seen.tensor is None:
        constant = certificate.constants.get(source.constant or "")
        if constant is None or source.constant != need.constant or need.seen.tensor is not None or source.offset:
            raise PlanRefuted(f"{layer} reads a constant that is not the one it needs.")
        if need.seen.bytes > constant.bytes:
            raise PlanRefuted(f"{layer} reads beyond {source.constant}.")
        return
    tensor = certificate.tensors.get(need.seen.tensor)
    if tensor is None:
        raise PlanRefuted(f"{layer} reads {need.seen.tensor}, which is not a tensor.")
    if tensor.bytes != need.seen.bytes:
        raise PlanRefuted(f"{layer} sees {need.seen.bytes:,} B of {tensor.name}, which has {tensor.bytes:,}.")
    if loop.mode == "long row" and not (
        _is_same(need.rows, layer.output.rows) and _is_same(need.columns, layer.output.columns)
    ):
        raise PlanRefuted(f"{layer} is called with one long row, but needs other pixels of {tensor.name} than its own.")
    if need.rows is None and source.count != 1:
        raise PlanRefuted(f"{layer} reads all of {tensor.name}, but is given {source.count} pointers.")


def _require_pushed(layer: Layer, need: Need, source: Source, group: Group, pushed: list[str]) -> None:
    """Rows come in their order, and the loop makes its own in order: row r is the r-th push."""
    if group.state is None or group.descending or group.loops[0].tiles or need.seen.tensor not in pushed:
        raise PlanRefuted(
            f"{layer} takes pushed rows, but not in a region that waits for them from the first to the last."
        )
    if source.count != 1 or not _is_same(need.rows, layer.output.rows) or need.seen.rows != layer.output.rows:
        raise PlanRefuted(f"{layer} takes pushed rows, but needs others than its own.")


def _is_same(window: Window | None, count: int) -> bool:
    """Whether index i needs index i alone."""
    return window is not None and all(window.of(index) == range(index, index + 1) for index in (*range(count),))
