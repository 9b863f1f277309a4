"""Results made by hand, for the tests of the bench."""

from __future__ import annotations

from dataclasses import replace

from tinyc.bench.results import EQUAL, ArenaResult, Counts, LayerResult, ModelResult, Outcome, Results

KWS = "mlperf_kws_dscnn_int8"
COUNTS = Counts(
    arena_bytes=6_516,
    stack_bytes=492,
    static_bytes=0,
    peak_sram_bytes=7_008,
    code_bytes=13_864,
    weights_bytes=37_441,
    instructions=3_288_537,
)


def results(counts: Counts = COUNTS, *, verdict: str = EQUAL) -> Results:
    """One model on Cortex-M4 and M7, one layer, two models of a collection."""
    lean = replace(counts, weights_bytes=30_000, instructions=3_400_000)
    plain = replace(counts, instructions=3_200_000, arena_bytes=8_640)
    return Results(
        tools={"arm-none-eabi-gcc": "12.2.1"},
        models={
            KWS: ModelResult(
                macs=2_656_768,
                model_weights_bytes=24_908,
                runs={
                    "mps2_an386": Outcome(verdict=verdict, counts=counts),
                    "mps2_an386 size": Outcome(verdict=EQUAL, counts=lean),
                    "mps2_an386 layers": Outcome(verdict=EQUAL, counts=plain),
                    "mps2_an386 rows": Outcome(verdict="not possible: one row"),
                    "stm32f746": Outcome(verdict="4 values and 0 rows differ", counts=counts),
                },
            )
        },
        layers={
            "dense 640->128": LayerResult(macs=81_920, instructions={"mps2_an386": 82_479, "mps2_an386 size": None})
        },
        arenas={
            KWS: ArenaResult(verdict=EQUAL, arena_bytes=6_000, tflm_arena_bytes=24_000),
            "other": ArenaResult(
                verdict="other.tflite: operator 1 SVDF (tensor 't') is not supported; operator 3 TANH (ten ...",
                arena_bytes=None,
                tflm_arena_bytes=10_032,
            ),
        },
    )
