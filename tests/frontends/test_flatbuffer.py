"""The verifier: what lies outside, overlaps or contradicts itself is damage, and costs no more than the file's size."""

from __future__ import annotations

import struct
import time

import pytest
import tflite
from frontends.samples import convolution
from frontends.writer import write

from tinyc.frontends import tflite_schema as schema
from tinyc.frontends.flatbuffer import Damaged, Layout, Scalar, String, Tables, Vector, verify

TEXT = Layout("Text", {"Name": String(), "Values": Vector(4), "Number": Scalar(8)})
LIST = Layout("List", {"Entries": Tables(TEXT)})
IDENTIFIER = b"TEST"


def damage(data: bytes, root: Layout = LIST) -> str:
    with pytest.raises(Damaged) as caught:
        verify(data, root, identifier=IDENTIFIER)
    return str(caught.value)


def sound() -> bytes:
    return write(LIST, {"Entries": [{"Name": "one", "Values": [1, 2], "Number": 3}, {}]}, identifier=IDENTIFIER)


def test_sound() -> None:
    verify(sound(), LIST, identifier=IDENTIFIER)


def test_every_prefix_is_damaged() -> None:
    data = sound()
    for length in range(len(data)):
        damage(data[:length])


def test_identifier() -> None:
    assert damage(sound().replace(b"TEST", b"TSET")) == "its identifier is b'TSET', not b'TEST'"


def test_an_offset_to_itself() -> None:
    assert damage(bytes(4) + sound()[4:]) == "List points at itself"


def test_a_newer_field_is_damage() -> None:
    """A field that the schema does not know cannot be ignored: nobody can say what it changes."""
    newer = Layout("List", {**LIST.fields, "Extra": Scalar(4)})
    data = write(newer, {"Entries": [], "Extra": 5}, identifier=IDENTIFIER)
    assert damage(data) == "List has fields newer than the schema that is understood"
    verify(write(newer, {"Entries": []}, identifier=IDENTIFIER), LIST, identifier=IDENTIFIER)


def test_a_newer_option_of_an_operator_is_damage() -> None:
    model = convolution()
    newer = Layout(schema.CONV_2D.name, {**schema.CONV_2D.fields, "Groups": Scalar(4)})
    options = model.operators[0]["BuiltinOptions"][1]
    model.operators[0]["BuiltinOptions"] = newer, {**options, "Groups": 2}
    with pytest.raises(Damaged, match="Conv2DOptions has fields newer than the schema that is understood"):
        verify(model.bytes(), schema.MODEL, identifier=schema.IDENTIFIER)


def test_a_table_that_sticks_out() -> None:
    data = bytearray(sound())
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    struct.pack_into("<H", data, vtable + 2, 0xFFFF)
    assert damage(bytes(data)).startswith("List needs bytes")
    struct.pack_into("<H", data, vtable + 2, 4)
    assert damage(bytes(data)) == "List.Entries lies outside its table"


def test_many_references_to_one_table_cost_no_more_than_the_file() -> None:
    """A vector of n references to a table of n bytes stands for n * n bytes."""
    count = 100_000
    entry = struct.pack("<HHHHHH", 10, 8, 4, 0, 0, 0)  # a vtable of three fields, the first present
    table = struct.pack("<iI", 12, 4) + struct.pack("<I", 4 * count) + bytes(4 * count) + b"\0"
    start = 32
    header = struct.pack("<I4sHHHHiI", 16, IDENTIFIER, 6, 8, 4, 0, 8, 4)
    header = header[:start].ljust(start - 4, b"\0")
    vector = struct.pack("<I", count)
    entries_at = len(header) + 4
    table_at = entries_at + 4 * count + len(entry)
    offsets = b"".join(struct.pack("<I", table_at - (entries_at + 4 * i)) for i in range(count))
    data = bytearray(header + vector + offsets + entry + table)
    struct.pack_into("<I", data, 20, len(header) - 20)
    started = time.process_time()
    assert damage(bytes(data)) == "its tables overlap"
    assert time.process_time() - started < 5


def test_accessors_agree_after_verification() -> None:
    data = convolution().bytes()
    verify(data, schema.MODEL, identifier=schema.IDENTIFIER)
    assert tflite.Model.GetRootAs(data, 0).Subgraphs(0).TensorsLength() == 4
