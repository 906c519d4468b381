"""Random rotations of three-axis sensors: a device sits a little differently on every wearer.

Um et al. (ICMI 2017) augment wearable sensor data in this way. The channels of a series are taken in threes,
an accelerometer's, a gyroscope's, and all of a sample turn together, as they do in one case.
"""

from __future__ import annotations

import torch
from torch import Tensor

from hat_sim.learning.recipes import AXES


def rotated(x: Tensor, deviation: float, noise: torch.Generator) -> Tensor:
    """Each sample of `x` (samples, time, 3 k) turned by a random rotation vector.

    The vector's three components are normal with `deviation` in radians; 0 returns `x` itself. Rotations by
    Rodrigues' formula: R = I + sin(t) K + (1 - cos(t)) K^2.
    """
    if deviation == 0:
        return x
    vectors = deviation * torch.randn(len(x), AXES, generator=noise)
    angles = vectors.norm(dim=1).clamp_min(1e-9)
    a, b, c = (vectors / angles[:, None]).unbind(dim=1)
    zero = torch.zeros_like(a)
    cross = torch.stack([zero, -c, b, c, zero, -a, -b, a, zero], dim=1).view(-1, AXES, AXES)
    sine, versine = torch.sin(angles)[:, None, None], (1 - torch.cos(angles))[:, None, None]
    rotation = torch.eye(AXES) + sine * cross + versine * (cross @ cross)
    grouped = x.view(len(x), x.shape[1], -1, AXES)
    return torch.einsum("nij,ntgj->ntgi", rotation, grouped).reshape(x.shape)
