"""What the checker says of certificates that are changed by hand, and that nothing makes it stumble."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from planned import program

from tinyc import checker
from tinyc.checker.claims import lower_bound
from tinyc.checker.document import parse
from tinyc.errors import NotACertificate, PlanRefuted
from tinyc.lower.certificate import certificate

Document = dict[str, Any]
Edit = Callable[[Document], object]


def loops(document: Document) -> list[Document]:
    """Every loop of the schedule."""
    return [loop for group in document["schedule"] for loop in group["loops"]]


def region(document: Document) -> Document:
    """The first region."""
    return next(group for group in document["schedule"] if group["form"] == "region")


def ringed(document: Document) -> Document:
    """The first loop that writes a ring of several rows."""
    return next(loop for loop in loops(document) if (loop["output"]["ring"] or 0) > 1)


def buffer(document: Document, name: str) -> Document:
    return next(each for each in document["buffers"] if each["name"] == name)


def several_lives(document: Document) -> Document:
    """A buffer that is of use now and then."""
    return next(each for each in document["buffers"] if len(each["lives"]) > 2)


def last_buffer(document: Document) -> Document:
    """The one that ends last in the arena."""
    return max(document["buffers"], key=lambda each: each["offset"] + each["bytes"])


def other_bank(document: Document, place: Document) -> str:
    """A bank that a place is not in."""
    return next(str(bank["name"]) for bank in document["banks"] if bank["name"] != place["bank"])


def two_readers(document: Document) -> tuple[Document, Document]:
    """Two places from which loops read the same buffer."""
    places = [source for loop in loops(document) for source in loop["sources"] if source["buffer"]]
    return next((a, b) for n, a in enumerate(places) for b in places[n + 1 :] if a["buffer"] == b["buffer"])


def put(document: Document, *path: Any) -> None:
    """Set the place at all but the last of `path` to the last."""
    *way, key, value = path
    for step in way:
        document = document[step]
    document[key] = value


def add(document: Document, *path: Any) -> None:
    """Add the last of `path` to the place at all but the last."""
    *way, key, value = path
    for step in way:
        document = document[step]
    document[key] += value


def all_of(writer: int, *, rows: int, offset: int) -> dict[str, Any]:
    """A demand of every row that `writer` makes: upwards where the offset is `rows`, downwards where it is 0."""
    return {"writers": [writer], "a": 0, "offset": offset, "c": 1, "rows": rows}


def throughout(document: Document) -> list[list[int]]:
    """One life from the first tick to the last of any buffer."""
    return [[0, max(last for each in document["buffers"] for _, last in each["lives"])]]


def phantom(document: Document, offset: int, size: int) -> None:
    """List a buffer that lives throughout."""
    bank = document["banks"][0]["name"]
    lives = throughout(document)
    document["buffers"].append({"name": "phantom", "bank": bank, "offset": offset, "bytes": size, "lives": lives})


def grow(document: Document, size: int) -> None:
    """Let the first bank and the placement in it have so many bytes more, and call that the least."""
    add(document, "banks", 0, "bytes", size)
    add(document, "banks", 0, "placement_bytes", size)
    add(document, "claims", "placement_bytes", size)
    call_optimal(document)


def stated_bound(document: Document) -> int:
    """What buffers need that live as the plan says."""
    stated = parse(json.dumps(document))
    return lower_bound(tuple(stated.buffers.values()), stated.overlaps, stated.claims.buffer_align)


def call_optimal(document: Document) -> None:
    """Say that buffers that live at once need all of the placement."""
    claims = document["claims"]
    claims.update(lower_bound_bytes=claims["placement_bytes"], lower_bound_from="live buffers", placement_optimal=True)


REFUTED: dict[str, tuple[str, Edit, str]] = {
    "a layer writes beside its place": (
        "chain/stream",
        lambda d: add(loops(d)[1], "output", "offset", 4),
        r"needs byte .* where there is|that the same call reads",
    ),
    "a layer reads beside the place": (
        "chain/stream",
        lambda d: add(loops(d)[1], "sources", 0, "offset", 4),
        r"needs byte .* where there is",
    ),
    "a ring that is too short": (
        "residual/stream",
        lambda d: (
            [
                put(place, "ring", place["ring"] - 1)
                for loop in loops(d)
                for place in (loop["output"], *loop["sources"])
                if place["buffer"] == ringed(d)["output"]["buffer"] and place is not ringed(d)["output"]
            ]
            and put(ringed(d), "output", "ring", ringed(d)["output"]["ring"] - 1)
        ),
        r"needs byte \d+ of \w+ at byte [\d,]+ of the arena, where there is byte \d+ of \w+, put there by layer",
    ),
    "two steps in the other order": (
        "chain/layers",
        lambda d: d["schedule"].insert(0, d["schedule"].pop(1)),
        r"needs byte \d+ of t0 .* where there is",
    ),
    "the other direction": ("chain/stream", lambda d: put(region(d), "direction", "ascending"), r"where there is"),
    "no demand": ("chain/stream", lambda d: put(region(d)["loops"][-1], "demands", []), r"where there is"),
    "another window than the operator's": (
        "chain/stream",
        lambda d: add(loops(d)[0], "sources", 0, "lo_offset", -1),
        r"needs row 15 of input0 .*|row 16 needs byte 540 of input0 at byte [\d,]+ of the arena, where there is byte 504 of input0",
    ),
    "a row too few": (
        "chain/stream",
        lambda d: add(loops(d)[0], "sources", 0, "count", -1),
        r"needs 3 rows of \S+, is given 2",
    ),
    "an arena that is too small": ("chain/stream", lambda d: add(d, "banks", 0, "bytes", -64), r"outside the arena"),
    "a layer that is never run": ("chain/layers", lambda d: d["schedule"].pop(), r"is never run"),
    "a layer that is run twice": ("chain/layers", lambda d: d["schedule"].append(d["schedule"][-1]), r"is run twice"),
    "a region without end": (
        "residual/stream",
        lambda d: put(region(d)["loops"][0], "demands", [all_of(1, rows=12, offset=0), all_of(1, rows=12, offset=12)]),
        r"its region never ends",
    ),
    "a region that goes on": (
        "residual/stream",
        lambda d: put(region(d)["loops"][0], "resume", 0),
        r"goes on when it is done",
    ),
    "outputs elsewhere": (
        "chain/layers",
        lambda d: add(d, "outputs", 0, "offset", 4),
        r"output \S+ needs|outside the arena",
    ),
    "an output that is not there": ("chain/layers", lambda d: put(d, "outputs", 0, "tensor", "t0"), r"output t0 needs"),
    "an output that is no tensor": (
        "chain/layers",
        lambda d: put(d, "outputs", 0, "tensor", "x"),
        r"x is .* not a tensor",
    ),
    "padding that is not zero": (
        "chain/layers",
        lambda d: [put(each, "fill", 3 + (each["fill"] or 0)) for each in d["constants"]],
        r"zero points for rows outside",
    ),
    "two tensors for one": (
        "inception/layers",
        lambda d: [put(t, "made_by", {"reshape": "t0"}) for t in d["tensors"] if t["name"] == "t1"],
        r"of its own",
    ),
    "pieces that do not fit": (
        "inception/layers",
        lambda d: [put(t, "made_by", "axis", 1) for t in d["tensors"] if "concatenation" in t["made_by"]],
        r"pieces that do not fit",
    ),
    "a buffer somewhere else": ("chain/layers", lambda d: add(last_buffer(d), "offset", -4), r"the calls use bytes"),
    "a buffer that is too small": ("chain/layers", lambda d: add(last_buffer(d), "bytes", -4), r"the calls use bytes"),
    "a life that is too short": (
        "chain/layers",
        lambda d: put(buffer(d, "t1"), "lives", [buffer(d, "t1")["lives"][0][:1] * 2]),
        r"does not let it live",
    ),
    "a life that is left out": (
        "residual/stream",
        lambda d: several_lives(d)["lives"].pop(1),
        r"does not let it live",
    ),
    "a buffer beyond the placement": (
        "chain/layers",
        lambda d: add(d, "banks", 0, "placement_bytes", -4),
        r"the placement in the arena at",
    ),
    "banks that do not add up": (
        "residual/banks",
        lambda d: add(d, "claims", "placement_bytes", -4),
        r"its banks do not add up",
    ),
    "a bank that the board does not have": (
        "residual/banks",
        lambda d: put(d, "banks", 0, "room", d["banks"][0]["bytes"] - 4),
        r"the plan takes [\d,]+ B of the fast, of which the board has",
    ),
    "a bank that is too small": (
        "residual/banks",
        lambda d: add(d, "banks", 1, "bytes", -4),
        r"outside the slow|the slow has",
    ),
    "a buffer that is said to be in another bank": (
        "residual/banks",
        lambda d: put(last_buffer(d), "bank", other_bank(d, last_buffer(d))),
        r"the calls use bytes [\d,]+ to [\d,]+ of the \w+ as|the placement in the",
    ),
    "one buffer in two banks": (
        "residual/banks",
        lambda d: put(two_readers(d)[1], "bank", other_bank(d, two_readers(d)[1])),
        r"needs byte|outside the|in \w+ and in \w+",
    ),
    "an input that is in another bank": (
        "residual/banks",
        lambda d: put(d, "inputs", 0, "bank", other_bank(d, d["inputs"][0])),
        r"needs byte .* where there is|outside the",
    ),
    "a buffer that is not listed": ("chain/layers", lambda d: d["buffers"].remove(buffer(d, "t1")), r"does not list"),
    "a buffer that no call uses": (
        "chain/layers",
        lambda d: (phantom(d, d["banks"][0]["placement_bytes"], 5000), grow(d, 5000)),
        r"no call uses phantom, which the plan lists",
    ),
    "a buffer under two names": (
        "chain/layers",
        lambda d: (
            phantom(d, buffer(d, "t0")["offset"], buffer(d, "t0")["bytes"]),
            put(loops(d)[1], "sources", 0, "buffer", "phantom"),
        ),
        r"the calls use t0 in t0 and in phantom",
    ),
    "a buffer that is larger than what the calls use": (
        "chain/layers",
        lambda d: (add(last_buffer(d), "bytes", 5000), grow(d, 5000)),
        r"but buffers that live at once need [\d,]+ B only",
    ),
    "lives that are longer than what the calls use": (
        "chain/layers",
        lambda d: (
            [put(each, "lives", throughout(d)) for each in d["buffers"]],
            grow(d, stated_bound(d) - d["claims"]["placement_bytes"]),
        ),
        r"but buffers that live at once need [\d,]+ B only",
    ),
    "counters that are larger than needed": (
        "residual/rows",
        lambda d: (add(d, "schedule", 0, "state", "bytes", 4), add(buffer(d, ":state"), "bytes", 4), grow(d, 4)),
        r"no room for its counters, or more than they need",
    ),
    "a bound that is too good": (
        "chain/layers",
        lambda d: add(d, "claims", "lower_bound_bytes", 4),
        r"the claimed lower bound is [\d,]+ B, more than the [\d,]+ B of the placement",
    ),
    "a bound that nothing gives": (
        "chain/banks",
        call_optimal,
        r"the claimed lower bound is [\d,]+ B, but buffers that live at once need [\d,]+ B only",
    ),
    "optimal, though it is not": (
        "chain/layers",
        lambda d: add(d, "claims", "lower_bound_bytes", -64),
        r"is called optimal",
    ),
    "more computed again than declared": (
        "residual/patches",
        lambda d: put(d, "claims", "extra_macs", 5),
        r"tiles compute [\d,]+ multiply",
    ),
    "counters in the way": (
        "residual/rows",
        lambda d: put(d, "schedule", 0, "state", "offset", loops(d)[0]["output"]["offset"]),
        r"the counters of a region|needs byte",
    ),
    "scratch in the way": (
        "chain/layers",
        lambda d: put(next(loop for loop in loops(d) if loop["scratch"]), "scratch", "offset", 0),
        r"scratch",
    ),
}


@pytest.mark.parametrize("case", REFUTED)
def test_refuted(case: str) -> None:
    which, edit, sentence = REFUTED[case]
    document = copy.deepcopy(certificate(program(*which.split("/"))))
    checker.check(json.dumps(document))
    edit(document)
    with pytest.raises(PlanRefuted, match=sentence) as refuted:
        checker.check(json.dumps(document))
    assert str(refuted.value).endswith(".") and "\n" not in str(refuted.value)


NO_CERTIFICATES: dict[str, tuple[Edit, str]] = {
    "another format": (lambda d: put(d, "format", "x"), r"its format is not named so"),
    "another version": (lambda d: put(d, "version", 1), r"a certificate of version 1; this tinyc reads version 3"),
    "a part that is missing": (lambda d: d.pop("layers"), r"layers is missing"),
    "a wrong type": (
        lambda d: put(d, "layers", 1, "output", "rows", "7"),
        r"layers\[1\]\.output\.rows should be an integer",
    ),
    "true for a number": (
        lambda d: put(d, "layers", 1, "output", "rows", True),
        r"layers\[1\]\.output\.rows should be an integer",
    ),
    "a number out of range": (
        lambda d: put(d, "banks", 0, "bytes", 1 << 40),
        r"banks\[0\]\.bytes should be an integer",
    ),
    "too much": (
        lambda d: put(d, "tensors", 0, "shape", [1 << 20, 1 << 20]),
        r"tensors\[0\]\.shape should be of at most",
    ),
    "a loop that is not there": (lambda d: put(d, "schedule", 0, "sinks", [9]), r"schedule\[0\] refers to loops"),
    "a layer that is not there": (
        lambda d: put(d, "schedule", 0, "loops", 0, "layer", 99),
        r"runs layer 99, which is not listed",
    ),
    "inputs that are missing": (
        lambda d: put(d, "schedule", 0, "loops", 0, "sources", []),
        r"the inputs that it reads",
    ),
    "no bank": (lambda d: put(d, "banks", []), r"it lists no bank arena"),
    "a bank that is not there": (lambda d: put(d, "inputs", 0, "bank", "flash"), r"it lists no bank flash"),
    "no bank that is named": (lambda d: put(d, "inputs", 0, "bank", None), r"inputs\[0\]\.bank should be text"),
    "a tensor twice": (lambda d: d["tensors"].append(d["tensors"][0]), r"tensors\[6\]\.name should be a name that no"),
    "a buffer twice": (
        lambda d: d["buffers"].append(d["buffers"][0]),
        r"buffers\[\d+\]\.name should be a name that no",
    ),
    "a bank twice": (lambda d: d["banks"].append(d["banks"][0]), r"banks\[1\]\.name should be a name that no"),
    "a constant twice": (
        lambda d: d["constants"].append(d["constants"][0]),
        r"constants\[\d+\]\.symbol should be a name that no other has",
    ),
}


@pytest.mark.parametrize("case", NO_CERTIFICATES)
def test_not_a_certificate(case: str) -> None:
    edit, sentence = NO_CERTIFICATES[case]
    document = copy.deepcopy(certificate(program("chain", "layers")))
    edit(document)
    with pytest.raises(NotACertificate, match=sentence):
        checker.check(json.dumps(document))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", "null", '"tinyc certificate"', "[" * 100_000, '{"version": 1}', "1" * 10_000]
)
def test_not_even_json(text: str) -> None:
    with pytest.raises(NotACertificate):
        checker.check(text)


ODD = (None, True, -1, 0, 1, 3, 2**31, 2**70, 1.5, float("nan"), "", "t0", [], {}, [[]], {"a": 1})


@pytest.mark.slow
@pytest.mark.parametrize("way", ["stream", "patches", "rows", "banks"])
def test_nothing_makes_it_stumble(way: str) -> None:
    original = certificate(program("residual", way))
    drawn = random.Random(way)
    for _ in range(60):
        document = copy.deepcopy(original)
        place: Any = document
        while isinstance(place, dict | list) and place:
            key = drawn.choice(list(place)) if isinstance(place, dict) else drawn.randrange(len(place))
            if not isinstance(place[key], dict | list) or not place[key] or drawn.random() < 0.1:
                place[key] = drawn.choice(ODD)
                break
            place = place[key]
        try:
            checker.check(json.dumps(document))
        except (PlanRefuted, NotACertificate) as said:
            assert len(str(said)) < 400
