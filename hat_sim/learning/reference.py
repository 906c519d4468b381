"""The reference encoder: random features that every device can grow from the same eight bytes.

Two devices that have never exchanged a model can compare class centroids in its space, so that fine
selection moves centroids only. For series it is in the manner of ROCKET (Dempster et al. 2020): random
dilated kernels, each giving its maximum and the share of positive outputs; for images random
convolutions of 5 x 5 with the same two summaries; for plain features random ReLU projections.
"""

from __future__ import annotations

from math import prod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from hat_sim.learning.work import IMAGE_KERNEL, KERNEL

BATCH = 256


def reference_features(x: NDArray[np.float32], width: int, seed: int) -> NDArray[np.float32]:
    """Features (samples, width) of samples (samples, *shape), standardised by channel over `x` itself.

    Each domain is standardised by its own mean and deviation, which takes away gain and offset of a
    sensor before classes are compared. A pure function of its arguments; `width` is even.
    """
    if width % 2:
        raise ValueError(f"the width of the reference encoder is even, not {width}")
    inputs = torch.from_numpy(np.array(x))
    if inputs.ndim == 3:
        inputs = inputs.transpose(1, 2)
    axes = [axis for axis in range(inputs.ndim) if axis != 1]
    mean, deviation = inputs.mean(axes, keepdim=True), inputs.std(axes, keepdim=True)
    inputs = (inputs - mean) / deviation.clamp_min(1e-6)
    noise = torch.Generator().manual_seed(seed)
    if inputs.ndim == 2:
        projection = torch.randn(inputs.shape[1], width, generator=noise) / inputs.shape[1] ** 0.5
        offsets = torch.randn(width, generator=noise)
        return torch.relu(inputs @ projection + offsets).numpy()
    grow = _series_kernels if inputs.ndim == 3 else _image_kernels
    kernels = grow(inputs.shape, width // 2, noise)
    parts = [torch.cat([kernel(part) for kernel in kernels], dim=1) for part in torch.split(inputs, BATCH)]
    return torch.cat(parts).numpy()


def standardise_features(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each column with mean 0 and deviation 1 over the rows given; constant columns become 0."""
    deviation = features.std(axis=0)
    centred = features - features.mean(axis=0)
    return np.asarray(centred / np.where(deviation > 1e-6, deviation, np.inf), dtype=np.float32)


class _Kernels(nn.Module):
    """A bank of random kernels of one dilation and the two summaries of each output."""

    def __init__(self, weight: Tensor, bias: Tensor, dilation: int) -> None:
        super().__init__()
        self.weight, self.bias, self.dilation = weight, bias, dilation

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        padding = (self.weight.shape[-1] // 2) * self.dilation
        convolve = nn.functional.conv1d if x.ndim == 3 else nn.functional.conv2d
        out = convolve(x, self.weight, self.bias, padding=padding, dilation=self.dilation).flatten(2)
        return torch.cat([out.amax(dim=2), (out > 0).float().mean(dim=2)], dim=1)


def _series_kernels(shape: torch.Size, count: int, noise: torch.Generator) -> list[_Kernels]:
    _, channels, time = shape
    dilations = [2**k for k in range(12) if 2**k * (KERNEL - 1) < max(time, KERNEL)]
    return _banks(channels, (KERNEL,), count, dilations, noise)


def _image_kernels(shape: torch.Size, count: int, noise: torch.Generator) -> list[_Kernels]:
    return _banks(shape[1], (IMAGE_KERNEL, IMAGE_KERNEL), count, [1, 2], noise)


def _banks(
    channels: int, kernel: tuple[int, ...], count: int, dilations: list[int], noise: torch.Generator
) -> list[_Kernels]:
    banks = []
    for position, dilation in enumerate(dilations):
        share = count // len(dilations) + (position < count % len(dilations))
        if share:
            weight = torch.randn(share, channels, *kernel, generator=noise)
            weight -= weight.mean(dim=tuple(range(2, weight.ndim)), keepdim=True)
            bias = 2 * torch.rand(share, generator=noise) - 1
            banks.append(_Kernels(weight / (channels * prod(kernel)) ** 0.5, bias, dilation))
    return banks
