"""Work of what is computed outside of the architectures, by formula and without torch.

A multiply-add counts as two, as in `hat_sim.learning.architectures`; the modules that do the work name these.
"""

from __future__ import annotations

from math import prod

KERNEL = 9
"""Taps of the reference encoder's kernels over a series."""
IMAGE_KERNEL = 5
"""Rows and columns of those over an image."""
PROBE_STEPS = 30
"""Steps of a linear probe's optimizer."""


def reference_flop(samples: int, shape: tuple[int, ...], width: int) -> int:
    """Work of `hat_sim.learning.reference.reference_features`."""
    if len(shape) == 1:
        return samples * 2 * shape[0] * width
    if len(shape) == 2:
        return samples * 2 * shape[0] * shape[1] * KERNEL * (width // 2)
    return samples * 2 * prod(shape) * IMAGE_KERNEL**2 * (width // 2)


def probe_flop(samples: int, width: int, classes: int) -> int:
    """Work of `hat_sim.learning.probe.probe`, with a quarter more evaluations than steps for its searches."""
    return PROBE_STEPS * 5 // 4 * 3 * 2 * samples * width * classes


def propagation_flop(samples: int, width: int, classes: int, neighbours: int, rounds: int) -> int:
    """Work of `hat_sim.learning.propagation.propagated`.

    All cosines, and in each round a product with at most 2 k ties a sample.
    """
    return 2 * samples * samples * width + rounds * 2 * 2 * neighbours * samples * classes
