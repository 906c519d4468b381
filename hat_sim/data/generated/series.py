"""Generated time series: a class is a few tones over a level; a domain changes channels and tempo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.generated.latent import Place

TONES = 3
SWING = 1.0
"""Typical amplitude of a tone, over all channels together."""
LEVEL = 0.8
"""Typical height of a class's level, over all channels together."""
WANDER = 1.5
"""Typical distance of a sample from its class's level, over all channels together."""
NOISE = 1.0


def make_series(
    shape: tuple[int, ...], classes: int, y: NDArray[np.int64], place: Place, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32 (samples, time, channels) for the labels `y`."""
    time, channels = shape
    world = place.shared("series")
    cycles = world.uniform(1, time / 16, (classes, TONES))
    waves = world.standard_normal((classes, 2 * TONES, channels)) * SWING / np.sqrt(channels)
    levels = world.standard_normal((classes, channels)) * LEVEL / np.sqrt(channels)

    tempo = np.exp(0.15 * place.parameter("tempo")) * np.exp(0.15 * rng.standard_normal(len(y)))
    phase = 0.8 * place.parameter("phase", classes, TONES)[y] + rng.uniform(0, 2 * np.pi, (len(y), 1))
    angles = 2 * np.pi * tempo[:, None] * cycles[y]
    turns = np.linspace(0, 1, time, endpoint=False)[:, None] * angles[:, None, :] + phase[:, None, :]
    strength = np.exp(0.6 * rng.standard_normal((len(y), 1, 2 * TONES)))
    tones = np.concatenate([np.sin(turns), np.cos(turns)], axis=2)
    accents = np.exp(0.3 * place.parameter("accent", classes, 2 * TONES, 1))
    x = (strength * tones) @ (waves * accents)[y] + levels[y][:, None, :]
    x += WANDER / np.sqrt(channels) * rng.standard_normal((len(y), 1, channels))
    x += NOISE * rng.standard_normal(x.shape)
    x = x @ place.rotation("mixing", channels, strength=1.5)
    x = x * np.exp(0.3 * place.parameter("gain", channels)) + 0.5 * place.parameter("offset", channels)
    return np.asarray(x, np.float32)
