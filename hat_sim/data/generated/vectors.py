"""Generated vectors: normal clusters, blurred along a few directions, turned and moved by each domain."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.generated.latent import Place

DISTANCE = 6.0
"""Typical distance of two class means, in standard deviations of the noise."""
NUISANCE = 2.0
"""Standard deviation along directions that say nothing of the class, which few labels cannot tell."""


def make_vectors(
    shape: tuple[int, ...], classes: int, y: NDArray[np.int64], place: Place, rng: np.random.Generator
) -> NDArray[np.float32]:
    """float32 (samples, features) for the labels `y`."""
    (features,) = shape
    world = place.shared("vectors")
    means = world.standard_normal((classes, features)) * DISTANCE / np.sqrt(2 * features)
    nuisances = min(4, features // 2)
    directions = np.linalg.qr(world.standard_normal((features, nuisances)))[0]
    x = means[y] + rng.standard_normal((len(y), features))
    x += NUISANCE * rng.standard_normal((len(y), nuisances)) @ directions.T
    x = x @ place.rotation("turn", features, strength=1.0)
    x = x * np.exp(0.2 * place.parameter("gain", features)) + 0.8 * place.parameter("offset", features)
    return np.asarray(x, np.float32)
