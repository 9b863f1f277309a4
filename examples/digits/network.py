"""A small convolutional network in plain numpy: forward, backward and Adam, enough to train on 8x8 images in a minute.

Tensors are NHWC, convolution weights HWIO; every layer keeps what its backward pass needs from the last forward pass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def _patches(x: Floats, size: int) -> Floats:
    """The size x size neighbourhood of every pixel, zero outside: [N, H, W, size, size, C]."""
    border = size // 2
    padded = np.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    return windows.transpose(0, 1, 2, 4, 5, 3)


def _scatter(gradient: Floats, size: int) -> Floats:
    """The adjoint of `_patches`: every neighbourhood added back to where it was taken from."""
    count, height, width, _, _, channels = gradient.shape
    border = size // 2
    padded = np.zeros((count, height + 2 * border, width + 2 * border, channels), np.float32)
    for y in range(size):
        for x in range(size):
            padded[:, y : y + height, x : x + width] += gradient[:, :, :, y, x]
    return padded[:, border : border + height, border : border + width]


@dataclass
class Layer:
    """What the trainer needs of a layer; the ones without weights leave `parameters` empty."""

    parameters: list[Floats] = field(default_factory=list, init=False)
    gradients: list[Floats] = field(default_factory=list, init=False)

    def forward(self, x: Floats) -> Floats:
        raise NotImplementedError

    def backward(self, gradient: Floats) -> Floats:
        raise NotImplementedError


@dataclass
class Conv(Layer):
    """A convolution of stride 1 with SAME padding, then ReLU."""

    size: int
    inputs: int
    outputs: int
    random: np.random.Generator

    def __post_init__(self) -> None:
        fan_in = self.size * self.size * self.inputs
        shape = (self.size, self.size, self.inputs, self.outputs)
        weights = self.random.normal(0, np.sqrt(2 / fan_in), shape).astype(np.float32)
        self.parameters = [weights, np.zeros(self.outputs, np.float32)]

    def forward(self, x: Floats) -> Floats:
        weights, bias = self.parameters
        self.columns = _patches(x, self.size).reshape(*x.shape[:3], -1)
        self.result = np.maximum(self.columns @ weights.reshape(-1, self.outputs) + bias, 0)
        return self.result

    def backward(self, gradient: Floats) -> Floats:
        weights = self.parameters[0]
        gradient = gradient * (self.result > 0)
        flat = gradient.reshape(-1, self.outputs)
        by_weight = self.columns.reshape(-1, self.columns.shape[-1]).T @ flat
        self.gradients = [by_weight.reshape(weights.shape), flat.sum(0)]
        columns = gradient @ weights.reshape(-1, self.outputs).T
        return _scatter(columns.reshape(*gradient.shape[:3], self.size, self.size, self.inputs), self.size)


@dataclass
class Depthwise(Layer):
    """A depthwise convolution of stride 1 with SAME padding, then ReLU."""

    size: int
    channels: int
    random: np.random.Generator

    def __post_init__(self) -> None:
        shape = (self.size, self.size, self.channels)
        weights = self.random.normal(0, np.sqrt(2 / self.size**2), shape).astype(np.float32)
        self.parameters = [weights, np.zeros(self.channels, np.float32)]

    def forward(self, x: Floats) -> Floats:
        weights, bias = self.parameters
        self.patches = _patches(x, self.size)
        self.result = np.maximum(np.einsum("nhwijc,ijc->nhwc", self.patches, weights) + bias, 0)
        return self.result

    def backward(self, gradient: Floats) -> Floats:
        gradient = gradient * (self.result > 0)
        self.gradients = [np.einsum("nhwijc,nhwc->ijc", self.patches, gradient), gradient.sum((0, 1, 2))]
        return _scatter(gradient[:, :, :, None, None, :] * self.parameters[0], self.size)


@dataclass
class MaxPool(Layer):
    """The maximum of every 2x2 block."""

    def forward(self, x: Floats) -> Floats:
        count, height, width, channels = x.shape
        self.blocks = x.reshape(count, height // 2, 2, width // 2, 2, channels)
        self.result = self.blocks.max((2, 4))
        return self.result

    def backward(self, gradient: Floats) -> Floats:
        chosen = self.blocks == self.result[:, :, None, :, None, :]
        share = chosen / chosen.sum((2, 4), keepdims=True)
        count, height, _, width, _, channels = self.blocks.shape
        spread: Floats = (share * gradient[:, :, None, :, None, :]).astype(np.float32)
        return spread.reshape(count, height * 2, width * 2, channels)


@dataclass
class AveragePool(Layer):
    """The mean of every 2x2 block, flattened to one vector an image."""

    def forward(self, x: Floats) -> Floats:
        self.shape = count, height, width, channels = x.shape
        return x.reshape(count, height // 2, 2, width // 2, 2, channels).mean((2, 4)).reshape(count, -1)

    def backward(self, gradient: Floats) -> Floats:
        count, height, width, channels = self.shape
        blocks = gradient.reshape(count, height // 2, 1, width // 2, 1, channels) / 4
        spread = np.broadcast_to(blocks, (count, height // 2, 2, width // 2, 2, channels))
        return spread.reshape(self.shape).astype(np.float32)


@dataclass
class Dense(Layer):
    """A dense layer, no activation."""

    inputs: int
    outputs: int
    random: np.random.Generator

    def __post_init__(self) -> None:
        weights = self.random.normal(0, np.sqrt(1 / self.inputs), (self.inputs, self.outputs)).astype(np.float32)
        self.parameters = [weights, np.zeros(self.outputs, np.float32)]

    def forward(self, x: Floats) -> Floats:
        self.x = x
        return x @ self.parameters[0] + self.parameters[1]

    def backward(self, gradient: Floats) -> Floats:
        self.gradients = [self.x.T @ gradient, gradient.sum(0)]
        return gradient @ self.parameters[0].T


def softmax(logits: Floats) -> Floats:
    """Class probabilities, row by row."""
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def forward(layers: list[Layer], x: Floats) -> list[Floats]:
    """The output of every layer, in order."""
    outputs = []
    for layer in layers:
        x = layer.forward(x)
        outputs.append(x)
    return outputs


@dataclass
class Adam:
    """Adam (Kingma and Ba, 2015) over the parameters of `layers`."""

    layers: list[Layer]
    step_count: int = 0

    def __post_init__(self) -> None:
        self.first = [[np.zeros_like(p) for p in layer.parameters] for layer in self.layers]
        self.second = [[np.zeros_like(p) for p in layer.parameters] for layer in self.layers]

    def step(self, rate: float) -> None:
        """One update from the layers' gradients."""
        self.step_count += 1
        corrected = rate * np.sqrt(1 - 0.999**self.step_count) / (1 - 0.9**self.step_count)
        for layer, firsts, seconds in zip(self.layers, self.first, self.second, strict=True):
            for parameter, gradient, m, v in zip(layer.parameters, layer.gradients, firsts, seconds, strict=True):
                m += 0.1 * (gradient - m)
                v += 0.001 * (gradient**2 - v)
                parameter -= corrected * m / (np.sqrt(v) + 1e-7)


def train(
    layers: list[Layer],
    images: Floats,
    labels: npt.NDArray[np.int64],
    *,
    epochs: int,
    random: np.random.Generator,
    augment: Callable[[Floats, np.random.Generator], Floats],
) -> None:
    """Fit `layers` to labelled images: cross entropy, batches of 64, the rate falling along a cosine."""
    optimizer = Adam(layers)
    for epoch in range(epochs):
        rate = 0.003 * (1 + np.cos(np.pi * epoch / epochs)) / 2
        order = random.permutation(len(images))
        for batch in np.array_split(order, len(order) // 64):
            gradient = softmax(forward(layers, augment(images[batch], random))[-1])
            gradient[np.arange(len(batch)), labels[batch]] -= 1
            gradient /= len(batch)
            for layer in reversed(layers):
                gradient = layer.backward(gradient)
            optimizer.step(rate)
