"""Names that rewrites give to what they add, where the model has such names already."""

from __future__ import annotations

from dataclasses import replace

from graphs import Builder

from tinyc.ir import Graph
from tinyc.ops import Mean, Pack
from tinyc.passes.edit import Names, names_of_operations
from tinyc.passes.expand_pack import expand_pack
from tinyc.passes.input_by_rows import input_by_rows
from tinyc.passes.sum_by_rows import sum_by_rows


def test_a_name_is_given_once() -> None:
    names = Names({"a", "a_1"})
    assert [names.fresh(wish) for wish in ("b", "a", "a", "b", "a_1")] == ["b", "a_2", "a_3", "b_1", "a_1_1"]


def renamed(graph: Graph, *names: str) -> Graph:
    """The first operations under other names."""
    operations = [replace(operation, name=name) for operation, name in zip(graph.operations, names, strict=False)]
    return replace(graph, operations=(*operations, *graph.operations[len(names) :])).verify()


def convolutions() -> tuple[Builder, str]:
    """Two of them on an input of one row and on what it makes."""
    build = Builder(1)
    return build, build.conv2d(build.conv2d(build.input(1, 4, 3, 2), 4, (1, 1)), 4, (1, 1))


def test_names_of_tensors_and_of_operations_are_apart() -> None:
    build, x = convolutions()
    graph = renamed(build.graph(x), x)
    assert names_of_operations(graph).fresh(x) == f"{x}_1"
    assert names_of_operations(graph).fresh(graph.inputs[0]) == graph.inputs[0]


def test_the_operation_that_takes_rows() -> None:
    build, x = convolutions()
    after = input_by_rows(renamed(build.graph(x), "input_rows", "input_rows_1")).verify()
    assert [operation.name for operation in after.operations] == ["input_rows_2", "input_rows", "input_rows_1"]


def test_the_operation_that_sums_rows() -> None:
    build, x = convolutions()
    graph = build.graph(build.apply(Mean(axes=(1, 2)), x))
    name = graph.operations[-1].name
    after = sum_by_rows(renamed(graph, f"{name}:sum")).verify()
    assert [operation.name for operation in after.operations[2:]] == [f"{name}:sum_1", name]


def test_the_operations_that_reshape_what_is_packed() -> None:
    build, x = convolutions()
    graph = build.graph(build.apply(Pack(axis=0), x, x, like=x))
    name = graph.operations[-1].name
    after = expand_pack(renamed(graph, f"{name}_1")).verify()
    assert [operation.name for operation in after.operations[2:]] == [f"{name}_0", f"{name}_1_1", name]
    assert [operation.outputs[0] for operation in after.operations[2:4]] == [f"{x}_row", f"{x}_row_1"]
