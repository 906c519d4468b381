"""Torch modules from the descriptions in `hat_sim.learning.architectures`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hat_sim.learning.architectures import Block, Conv, Description, Gru, Linear, Pool
from hat_sim.sensors import Places, axis_of

STANDARDISED_CLIP = 10.0


class Standardise(nn.Module):
    """Per channel (x - mean) / deviation, clipped; fitted on training data and sent with the model.

    A series (batch, time, channels) leaves as (batch, channels, time). Of samples with more channels than the
    model reads, it takes those at `reads`.
    """

    mean: Tensor
    deviation: Tensor
    reads: Tensor | None = None

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.rank = len(description.shape)
        self.register_buffer("mean", torch.zeros(description.channels))
        self.register_buffer("deviation", torch.ones(description.channels))

    def fit(self, x: Tensor) -> None:
        """Take mean and deviation from samples of shape (samples, *shape)."""
        axes = {1: (0,), 2: (0, 1), 3: (0, 2, 3)}[self.rank]
        self.mean.copy_(x.mean(dim=axes))
        self.deviation.copy_(x.std(dim=axes).clamp_min(1e-3))

    def forward(self, x: Tensor) -> Tensor:
        if self.reads is not None:
            x = x.index_select(axis_of(x.shape[1:]), self.reads)
        if self.rank == 2:
            x = x.transpose(1, 2)
        each = (1, -1) + (1,) * (self.rank - 1)
        scaled = (x - self.mean.view(each)) / self.deviation.view(each)
        return scaled.clamp(-STANDARDISED_CLIP, STANDARDISED_CLIP)


class _MeanAndMax(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        flat = x.flatten(2)
        return torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)


class _MeanGru(nn.Module):
    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, hidden, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        states: Tensor = self.gru(x.transpose(1, 2))[0]
        return states.mean(dim=1)


def _block(block: Block) -> nn.Module:
    match block:
        case Conv(inputs, outputs, kernel, stride, size):
            convolution = nn.Conv1d if len(size) == 1 else nn.Conv2d
            return nn.Sequential(
                convolution(inputs, outputs, kernel, stride, padding=kernel // 2), nn.ReLU(inplace=True)
            )
        case Pool():
            return _MeanAndMax()
        case Gru(inputs, hidden, _):
            return _MeanGru(inputs, hidden)
        case Linear(inputs, outputs):
            return nn.Sequential(nn.Linear(inputs, outputs), nn.ReLU(inplace=True))


class Encoder(nn.Module):
    """Input of shape (batch, *shape) to features (batch, width), in blocks that can be frozen."""

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.standardise = Standardise(description)
        self.blocks = nn.ModuleList(_block(block) for block in description.encoder)

    def forward(self, x: Tensor) -> Tensor:
        return self.tail(self.standardise(x), 0)

    def stem(self, x: Tensor, blocks: int) -> Tensor:
        """The output of the first `blocks` blocks."""
        x = self.standardise(x)
        for block in list(self.blocks)[:blocks]:
            x = block(x)
        return x

    def tail(self, x: Tensor, blocks: int) -> Tensor:
        """Features from what `stem(x, blocks)` gave."""
        for block in list(self.blocks)[blocks:]:
            x = block(x)
        return x


class Classifier(nn.Module):
    """An encoder and a linear head: (batch, *shape) to logits (batch, classes).

    One that `reads` some channels of wider samples takes these, and gives what it would give for them alone.
    """

    def __init__(self, description: Description) -> None:
        super().__init__()
        self.description = description
        self.encoder = Encoder(description)
        self.head = nn.Linear(description.head.inputs, description.head.outputs)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(x))
        return logits

    @property
    def reads(self) -> Places | None:
        """Which channels of its input it takes; None for an input that has no others."""
        places = self.encoder.standardise.reads
        return None if places is None else tuple(places.tolist())

    def reading(self, places: Places | None) -> Classifier:
        """The same model, which from now on takes these channels of its input; None changes nothing."""
        if places is not None:
            self.encoder.standardise.reads = torch.tensor(places)
        return self


def build(description: Description, seed: int) -> Classifier:
    """A fresh classifier whose weights depend on `seed` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # the CPU's alone: the other call looks for devices
        return Classifier(description)


def weights_of(module: nn.Module) -> list[NDArray[np.float32]]:
    """Parameters and standardiser of a module as arrays, in the order of its state dict."""
    return [tensor.detach().numpy() for tensor in module.state_dict().values()]


def load_weights(module: nn.Module, weights: Sequence[NDArray[np.float32]]) -> None:
    """Fill a module with arrays of `weights_of`; ValueError where number or shapes differ."""
    state = module.state_dict()
    if [tuple(t.shape) for t in state.values()] != [w.shape for w in weights]:
        raise ValueError("these weights are not of this architecture")
    module.load_state_dict(
        {name: torch.from_numpy(np.array(w)) for name, w in zip(state, weights, strict=True)}
    )
