"""Generated images: a class is a smooth pattern; a domain has its own light, contrast and framing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.generated.latent import Place

GRID = 5
"""A smooth pattern has this many independent values along a side."""
PATTERN = 1.3
"""Strength of a class's pattern, over all channels together."""
CLUTTER = 1.0
"""Strength, in each channel, of the smooth pattern that a sample has of its own."""
NOISE = 0.5
"""Standard deviation of the noise of a pixel."""
WOBBLE = 0.06
"""A sample is displaced by up to this part of its height and width."""


def make_images(
    shape: tuple[int, ...], classes: int, y: NDArray[np.int64], place: Place, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32 (samples, channels, height, width) for the labels `y`."""
    channels, height, width = shape
    size = np.array([height, width])
    grids = place.shared("images").standard_normal((classes, channels, GRID, GRID))
    patterns = PATTERN / np.sqrt(channels) * _smooth(grids, height, width)
    light = _smooth(place.parameter("light", channels, GRID, GRID), height, width)
    framing = 0.08 * place.parameter("framing", 2)
    moves = np.rint(size * (framing + rng.uniform(-WOBBLE, WOBBLE, (len(y), 2)))).astype(np.int64)
    rows = (np.arange(height) - moves[:, :1]) % height
    columns = (np.arange(width) - moves[:, 1:]) % width
    x = patterns[y][np.arange(len(y))[:, None, None], :, rows[:, :, None], columns[:, None, :]]
    x = x @ place.rotation("colours", channels, strength=1.5)
    x = x.transpose(0, 3, 1, 2) * np.exp(0.3 * place.parameter("contrast", channels, 1, 1)) + light
    x += CLUTTER * _smooth(rng.standard_normal((len(y), channels, GRID, GRID)), height, width)
    x += NOISE * rng.standard_normal(x.shape)
    return np.asarray(x, np.float32)


def _smooth(grid: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """(..., GRID, GRID) drawn out to (..., height, width), linear between the values."""
    return _hats(height) @ grid @ _hats(width).T


def _hats(length: int) -> NDArray[np.float64]:
    """(length, GRID): how much each of GRID even knots counts at each of `length` positions."""
    positions = np.linspace(0, GRID - 1, length)[:, None]
    hats: NDArray[np.float64] = np.maximum(0, 1 - abs(positions - np.arange(GRID)))
    return hats
