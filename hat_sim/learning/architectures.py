"""The built-in architectures as plain descriptions: shapes, parameters, work and memory, without torch.

An architecture is an encoder, a chain of blocks from an input shape to a feature vector, and a linear
head over the classes. `hat_sim.learning.models` builds the torch modules from the same descriptions, so
what `plan` and `validate` compute is what is trained. Work is counted in floating-point operations, a
multiply-add as two, the convention of torch's FLOP counter (a test holds both against each other).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import prod

from hat_sim.protocol.work import Model, Work

BYTES_PER_FLOAT = 4

Shapes = tuple[tuple[int, ...], ...]
"""Of the trained tensors of a part, in the order in which they travel."""


def _numbers(shapes: Shapes) -> int:
    return sum(map(prod, shapes))


@dataclass(frozen=True)
class Conv:
    """Convolution over time (one spatial axis) or over an image (two), half-padded, then ReLU."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    size: tuple[int, ...]

    @property
    def _taps(self) -> int:
        return prod(self.kernel for _ in self.size)

    @property
    def output_size(self) -> tuple[int, ...]:
        """Length of each spatial axis of the output."""
        padded = 2 * (self.kernel // 2)
        return tuple((n + padded - self.kernel) // self.stride + 1 for n in self.size)

    @property
    def weights(self) -> Shapes:
        return ((self.outputs, self.inputs, *(self.kernel for _ in self.size)), (self.outputs,))

    @property
    def parameters(self) -> int:
        return _numbers(self.weights)

    @property
    def forward_flop(self) -> int:
        return 2 * self.inputs * self._taps * self.outputs * prod(self.output_size)

    @property
    def activations(self) -> int:
        return self.outputs * prod(self.output_size)

    @property
    def features(self) -> int:
        return self.activations


@dataclass(frozen=True)
class Pool:
    """Mean and maximum over all spatial positions, side by side: (channels, ...) to (2 channels,)."""

    channels: int
    size: tuple[int, ...]
    parameters: int = 0

    @property
    def weights(self) -> Shapes:
        return ()

    @property
    def forward_flop(self) -> int:
        return 2 * self.channels * prod(self.size)

    @property
    def activations(self) -> int:
        return self.features

    @property
    def features(self) -> int:
        return 2 * self.channels


@dataclass(frozen=True)
class Gru:
    """A gated recurrent unit over time; its output is the mean of the hidden states, (hidden,)."""

    inputs: int
    hidden: int
    steps: int

    @property
    def weights(self) -> Shapes:
        """Of the three gates, one below the other: from inputs, from hidden states, and their biases."""
        gates = 3 * self.hidden
        return ((gates, self.inputs), (gates, self.hidden), (gates,), (gates,))

    @property
    def parameters(self) -> int:
        return _numbers(self.weights)

    @property
    def forward_flop(self) -> int:
        """Matrix products of the three gates; what is done element by element is left out."""
        return self.steps * 2 * 3 * self.hidden * (self.inputs + self.hidden)

    @property
    def activations(self) -> int:
        return 5 * self.steps * self.hidden

    @property
    def features(self) -> int:
        return self.hidden


@dataclass(frozen=True)
class Linear:
    """A fully connected layer, followed by ReLU inside of an encoder."""

    inputs: int
    outputs: int

    @property
    def weights(self) -> Shapes:
        return ((self.outputs, self.inputs), (self.outputs,))

    @property
    def parameters(self) -> int:
        return _numbers(self.weights)

    @property
    def forward_flop(self) -> int:
        return 2 * self.inputs * self.outputs

    @property
    def activations(self) -> int:
        return self.outputs

    @property
    def features(self) -> int:
        return self.outputs


Block = Conv | Pool | Gru | Linear


@dataclass(frozen=True)
class Description:
    """One architecture over one input shape and number of classes."""

    name: str
    shape: tuple[int, ...]
    encoder: tuple[Block, ...]
    head: Linear

    @property
    def channels(self) -> int:
        """How many input channels have a mean and a deviation of their own in the standardiser."""
        return self.shape[0] if len(self.shape) == 3 else self.shape[-1]

    @property
    def width(self) -> int:
        """Features that the encoder gives the head."""
        return self.head.inputs

    @property
    def encoder_weights(self) -> Shapes:
        """Mean and deviation of the standardiser, and the blocks."""
        blocks = (shape for block in self.encoder for shape in block.weights)
        return ((self.channels,), (self.channels,), *blocks)

    @property
    def weights(self) -> Shapes:
        """What a transfer of the whole model carries, in its order."""
        return (*self.encoder_weights, *self.head.weights)

    @property
    def parameters(self) -> int:
        """Trained numbers and the standardiser's two for each channel."""
        return _numbers(self.weights)

    def encode_flop(self, first_block: int = 0) -> int:
        """Work to encode one sample, from `first_block` on."""
        return sum(block.forward_flop for block in self.encoder[first_block:])

    def frozen_blocks(self, unfrozen: int) -> int:
        """How many leading blocks stay frozen when the last `unfrozen` ones that have parameters train."""
        trainable = [place for place, block in enumerate(self.encoder) if block.parameters]
        kept = trainable[-unfrozen:] if unfrozen else []
        return kept[0] if kept else len(self.encoder)

    @property
    def forward_flop(self) -> int:
        """Work to classify one sample."""
        return self.encode_flop() + self.head.forward_flop

    @property
    def training_flop(self) -> int:
        """Work of a training step on one sample: a backward pass costs two forward ones."""
        return 3 * self.forward_flop

    @property
    def forward(self) -> Work:
        """`forward_flop` as work in this model."""
        return self.passes(self.forward_flop)

    @property
    def training(self) -> Work:
        """`training_flop` as work in this model."""
        return self.passes(self.training_flop)

    def encoding(self, first_block: int = 0) -> Work:
        """`encode_flop` as work in this model."""
        return self.passes(self.encode_flop(first_block))

    def passes(self, flop: int) -> Work:
        """Operations that are all passes of samples through this model, or through a part of it."""
        return Work(flop, {Model(self.name, self.training_flop): flop} if flop else {})

    def training_memory(self, batch: int) -> int:
        """Bytes that training with Adam needs at its peak.

        Weights, gradients and two moments, and the input and activations of a batch with their gradients.
        """
        return BYTES_PER_FLOAT * (4 * self.parameters + 2 * batch * sum(self._tensors))

    def inference_memory(self, batch: int) -> int:
        """Bytes of asking about a batch: the weights, and of a layer at a time input, output and ReLU."""
        widest = max(before + 2 * after for before, after in pairwise(self._tensors))
        return BYTES_PER_FLOAT * (self.parameters + batch * widest)

    @property
    def _tensors(self) -> tuple[int, ...]:
        """Numbers of one sample's input, and of what each block and the head make of it."""
        return (prod(self.shape), *(it.activations for it in (*self.encoder, self.head)))


def _convolutions(
    shape: tuple[int, ...], channels: tuple[int, ...], kernels: tuple[int, ...], strides: tuple[int, ...]
) -> tuple[Block, ...]:
    inputs, *rest = shape
    size = tuple(rest)
    blocks: list[Block] = []
    for outputs, kernel, stride in zip(channels, kernels, strides, strict=True):
        block = Conv(inputs, outputs, kernel, stride, size)
        blocks.append(block)
        inputs, size = outputs, block.output_size
    blocks.append(Pool(inputs, size))
    return tuple(blocks)


def _channels_first(shape: tuple[int, ...]) -> tuple[int, ...]:
    time, channels = shape
    return channels, time


def _cnn_small(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return _convolutions(_channels_first(shape), (16, 24, 32), (5, 5, 3), (2, 2, 2))


def _cnn_large(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return _convolutions(_channels_first(shape), (32, 48, 64, 64), (7, 5, 5, 3), (2, 2, 2, 1))


def _gru(shape: tuple[int, ...]) -> tuple[Block, ...]:
    channels, time = _channels_first(shape)
    patches = Conv(channels, 24, 5, 4, (time,))
    return (patches, Gru(24, 48, patches.output_size[0]))


def _mlp_small(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return (Linear(shape[0], 32), Linear(32, 32))


def _mlp(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return (Linear(shape[0], 96), Linear(96, 64))


def _cnn_image_small(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return _convolutions(shape, (8, 16), (3, 3), (1, 2))


def _cnn_image(shape: tuple[int, ...]) -> tuple[Block, ...]:
    return _convolutions(shape, (16, 32, 48), (3, 3, 3), (1, 2, 2))


FEATURES, SERIES, IMAGES = 1, 2, 3
RANK_NAMES = {FEATURES: "(features,)", SERIES: "(time, channels)", IMAGES: "(channels, height, width)"}

_ENCODERS: Mapping[str, tuple[int, Callable[[tuple[int, ...]], tuple[Block, ...]]]] = {
    "cnn-small": (SERIES, _cnn_small),
    "gru": (SERIES, _gru),
    "cnn-large": (SERIES, _cnn_large),
    "mlp-small": (FEATURES, _mlp_small),
    "mlp": (FEATURES, _mlp),
    "cnn-image-small": (IMAGES, _cnn_image_small),
    "cnn-image": (IMAGES, _cnn_image),
}

ARCHITECTURES: tuple[str, ...] = tuple(_ENCODERS)


def rank_of(name: str) -> int:
    """How many axes an input of the architecture has; raises KeyError for an unknown name."""
    return _ENCODERS[name][0]


@cache
def fitting(shape: tuple[int, ...]) -> tuple[str, ...]:
    """The architectures that read inputs of this shape."""
    return tuple(name for name, (rank, _) in _ENCODERS.items() if rank == len(shape))


@cache
def describe(name: str, shape: tuple[int, ...], classes: int) -> Description:
    """The architecture `name` over inputs of `shape`; ValueError where it reads another kind of input."""
    rank, build = _ENCODERS[name]
    if len(shape) != rank:
        raise ValueError(f"{name} reads inputs of shape {RANK_NAMES[rank]}, not {shape}")
    encoder = build(shape)
    return Description(name, shape, encoder, Linear(encoder[-1].features, classes))
