"""The verifier's layouts describe the tables of the schema package: the same fields, slots and widths."""

from __future__ import annotations

import inspect
import itertools
import re

import pytest
import tflite

from tinyc.frontends import tflite_schema as schema
from tinyc.frontends.flatbuffer import Child, Kind, Layout, Scalar, String, Tables, Union, Unread, Vector

WIDTHS = {"Bool": 1, "Int8": 1, "Uint8": 1, "Int32": 4, "Uint32": 4, "Float32": 4, "Int64": 8, "Uint64": 8}


def accessors(layout: Layout) -> dict[int, tuple[str, str]]:
    """(name, source) of the generated accessors by slot."""
    table = getattr(tflite, layout.name)
    found = {}
    for name, function in inspect.getmembers(table, inspect.isfunction):
        source = inspect.getsource(function)
        offset = re.search(r"Offset\((\d+)\)", source)
        if offset and not name.endswith(("Length", "AsNumpy", "IsNone")):
            found[(int(offset[1]) - 4) // 2] = name, source
    return found


def describes(kind: Kind, source: str) -> bool:
    """Whether an accessor reads a field of this kind."""
    width = re.search(r"number_types\.(\w+)Flags, (?:o|a) \+", source)
    is_vector = "_tab.Vector(" in source
    if isinstance(kind, Scalar):
        return not is_vector and width is not None and WIDTHS[width[1]] == kind.bytes
    if isinstance(kind, Vector):
        return is_vector and width is not None and WIDTHS[width[1]] == kind.element_bytes
    if isinstance(kind, Tables):
        return is_vector and f"obj = {kind.layout.name}()" in source
    if isinstance(kind, Child):
        return not is_vector and f"obj = {kind.layout.name}()" in source
    if isinstance(kind, String):
        return "_tab.String(" in source
    if isinstance(kind, Union):
        return "_tab.Union(" in source
    return isinstance(kind, Unread)


@pytest.mark.parametrize("layout", schema.TABLES, ids=lambda layout: layout.name)
def test_layout_is_the_generated_tables(layout: Layout) -> None:
    found = accessors(layout)
    assert [found[slot][0] for slot in sorted(found)] == list(layout.fields)
    assert sorted(found) == list(range(len(found)))
    wrong = [name for slot, (name, kind) in enumerate(layout.fields.items()) if not describes(kind, found[slot][1])]
    assert not wrong


def test_options_are_sorted_and_tagged_by_the_schema() -> None:
    assert [layout.name for layout in schema.OPTIONS] == sorted(layout.name for layout in schema.OPTIONS)
    assert schema.options_tag(schema.CONV_2D) == tflite.BuiltinOptions.Conv2DOptions


def test_unions_follow_their_tag() -> None:
    for layout in schema.TABLES:
        fields = list(layout.fields.items())
        for (_, before), (_, kind) in itertools.pairwise(fields):
            assert not isinstance(kind, Union) or before == Scalar(1)
