"""Faults of a camera with their dialled strengths; images are (samples, height, width) from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, cos, radians, sin
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.float64]
Fault = Callable[[Images, np.random.Generator], Images]

ANGLE = 30.0
"""Degrees by which a camera hangs askew."""
SIGMA = 1.0
"""Deviation of the blur, in pixels."""
NOISE = 0.35
"""Deviation of what is added to each pixel."""
LEVELS = 255
"""Pixels have whole numbers of levels, as those of cameras do."""


def rotated(images: Images, degrees: float) -> Images:
    """Turned counter-clockwise about the middle, by bilinear interpolation; outside is black."""
    height, width = images.shape[1:]
    middle_y, middle_x = (height - 1) / 2, (width - 1) / 2
    cosine, sine = cos(radians(degrees)), sin(radians(degrees))
    y, x = np.meshgrid(np.arange(height) - middle_y, np.arange(width) - middle_x, indexing="ij")
    return _at(images, middle_y + y * cosine + x * sine, middle_x + x * cosine - y * sine)


def blurred(images: Images, sigma: float) -> Images:
    """A Gaussian blur; outside is black."""
    reach = ceil(3 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        margin = [(0, 0)] * 3
        margin[axis] = (reach, reach)
        padded, length = np.pad(images, margin), images.shape[axis]
        images = np.zeros_like(images)
        for shift, weight in enumerate(weights):
            images += weight * np.take(padded, np.arange(shift, shift + length), axis)
    return images


def noisy(images: Images, deviation: float, noise: np.random.Generator) -> Images:
    """With Gaussian noise on every pixel."""
    return images + deviation * noise.standard_normal(images.shape)


def exposed(images: Images) -> Images:
    """What a sensor of 8 bits makes of them: cut to 0 to 1, and in whole levels."""
    return np.round(np.clip(images, 0, 1) * LEVELS) / LEVELS


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "clean": lambda images, noise: images,
        "rotated-left": lambda images, noise: rotated(images, ANGLE),
        "rotated-right": lambda images, noise: rotated(images, -ANGLE),
        "blurred": lambda images, noise: blurred(images, SIGMA),
        "noisy": lambda images, noise: noisy(images, NOISE, noise),
        "inverted": lambda images, noise: 1 - images,
    }
)


def _at(images: Images, y: NDArray[np.float64], x: NDArray[np.float64]) -> Images:
    """The images at fractional rows and columns, 0 outside."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    height, width = images.shape[1:]
    y, x = np.clip(y, -1, height) + 1, np.clip(x, -1, width) + 1
    top, left = np.minimum(y.astype(int), height), np.minimum(x.astype(int), width)
    down, right = y - top, x - left
    upper = padded[:, top, left] * (1 - right) + padded[:, top, left + 1] * right
    lower = padded[:, top + 1, left] * (1 - right) + padded[:, top + 1, left + 1] * right
    return np.asarray(upper * (1 - down) + lower * down)
