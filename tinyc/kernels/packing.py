"""Weights in the order in which kernels read them: dual words of two channels and two inputs, or bytes (dsp/matmul_s8.h)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tinyc.ops.arithmetic import Integers

Words = npt.NDArray[np.int32]
Pairs = npt.NDArray[np.int64]
NO_INPUT = -1


def run_order(length: int) -> Pairs:
    """The input pairs of a run of adjacent bytes, as widening makes them: (0, 2), (1, 3), (4, 6), (5, 7) ... then (n, n+1)."""
    whole = length - length % 4
    groups = np.arange(0, whole, 4, dtype=np.int64)
    even_odd = np.stack([groups, groups + 2, groups + 1, groups + 3], axis=1).reshape(-1, 2)
    rest = np.arange(whole, length + length % 2, dtype=np.int64)
    rest[rest == length] = NO_INPUT
    return np.concatenate([even_odd, rest.reshape(-1, 2)])


def window_order(*, runs: int, length: int) -> Pairs:
    """The input pairs of a window of `runs` runs of `length` inputs each, runs padded to whole pairs."""
    run = run_order(length)
    starts = np.arange(runs, dtype=np.int64).reshape(-1, 1, 1) * length
    return np.where(run == NO_INPUT, NO_INPUT, starts + run).reshape(-1, 2)


def group_order(length: int) -> Pairs:
    """The input pairs of one vector in groups of four: (0, 2), (1, 3) ... the last group padded."""
    padded = run_order(length + -length % 4)
    return np.where(padded < length, padded, NO_INPUT)


def dual_is_exact(weights: Integers, *, input_limits: tuple[int, int]) -> bool:
    """Whether every pair of channels fits an int16 as 256 * w1 + w0 and every |S1| stays below 2^23."""
    rows = _channel_pairs(weights, 2)
    dual = 256 * rows[:, 1] + rows[:, 0]
    if dual.min(initial=0) < -(2**15) or dual.max(initial=0) >= 2**15:
        return False
    greatest = max(abs(limit) for limit in input_limits)
    return bool((np.abs(rows[:, 1]).sum(axis=1) * greatest < 2**23).all())


def pack_dual(weights: Integers, order: Pairs, requantization: Integers, *, block: int) -> Words:
    """The words of all blocks: for each pair of inputs the dual words of `block` channels, then the channels' constants.

    `weights` is [channels, inputs], `requantization` [channels, constants]; channels are padded to whole blocks with zeros.
    """
    rows = _channel_pairs(weights, block)
    taps = np.concatenate([rows, np.zeros((*rows.shape[:2], 1), np.int64)], axis=2)
    lanes = 256 * taps[:, 1][:, order] + taps[:, 0][:, order]
    dual = (lanes[..., 1] << 16) + (lanes[..., 0] & 0xFFFF)
    blocks = dual.reshape(-1, block // 2, len(order)).transpose(0, 2, 1).reshape(len(dual) * 2 // block, -1)
    padding = -len(requantization) % block
    constants = np.pad(requantization, ((0, padding), (0, 0))).reshape(len(blocks), -1)
    words: Words = np.concatenate([blocks, constants], axis=1).reshape(-1).astype(np.int32)
    return words


def pack_plain(weights: Integers, requantization: Integers, *, block: int) -> Words:
    """The words of all blocks: for each four inputs a word of each of `block` channels, then the channels' constants."""
    channels, inputs = weights.shape
    padded = np.pad(weights, ((0, -channels % block), (0, -inputs % 4))).astype(np.int8)
    blocks = padded.reshape(-1, block, padded.shape[1] // 4, 4).transpose(0, 2, 1, 3).copy().view("<i4")
    constants = np.pad(requantization, ((0, -channels % block), (0, 0)))
    words: Words = np.concatenate([blocks.reshape(len(blocks), -1), constants.reshape(len(blocks), -1)], axis=1)
    return words.reshape(-1).astype(np.int32)


def _channel_pairs(weights: Integers, block: int) -> Integers:
    """[channels, inputs] padded to whole blocks, as [pairs, 2, inputs]."""
    channels, inputs = weights.shape
    return np.pad(weights, ((0, -channels % block), (0, 0))).reshape(-1, 2, inputs)
