"""Random rotations turn each three-axis sensor as a whole, and nothing else."""

from __future__ import annotations

import torch

from hat_sim.learning.rotation import rotated


def samples() -> torch.Tensor:
    return torch.randn(5, 7, 6, generator=torch.Generator().manual_seed(0))


def test_a_rotation_keeps_the_length_of_every_sensor_s_vector() -> None:
    x = samples()
    turned = rotated(x, 0.5, torch.Generator().manual_seed(1))
    assert not torch.allclose(turned, x)
    for sensor in (slice(0, 3), slice(3, 6)):
        torch.testing.assert_close(turned[:, :, sensor].norm(dim=2), x[:, :, sensor].norm(dim=2))


def test_both_sensors_of_a_sample_turn_together() -> None:
    x = samples()
    x[:, :, 3:] = x[:, :, :3]
    turned = rotated(x, 0.5, torch.Generator().manual_seed(1))
    torch.testing.assert_close(turned[:, :, 3:], turned[:, :, :3])


def test_the_angle_is_that_of_the_rotation_vector() -> None:
    """Twin: a vector turned by the vector's own angle about its axis, by hand."""
    vector = 0.3 * torch.randn(1, 3, generator=torch.Generator().manual_seed(2))
    angle = vector.norm()
    axis = vector[0] / angle
    point = torch.tensor([1.0, 2.0, 3.0])
    by_hand = (
        point * torch.cos(angle)
        + torch.linalg.cross(axis, point) * torch.sin(angle)
        + axis * (axis @ point) * (1 - torch.cos(angle))
    )
    turned = rotated(point.view(1, 1, 3), 0.3, torch.Generator().manual_seed(2))
    torch.testing.assert_close(turned.view(3), by_hand)


def test_no_deviation_changes_nothing() -> None:
    x = samples()
    assert rotated(x, 0.0, torch.Generator()) is x
