"""How sources were trained and how every method trains its student; plain numbers, without torch."""

from __future__ import annotations

from dataclasses import dataclass

AXES = 3
"""Channels of one sensor that turn together: those of an accelerometer, or of a gyroscope."""


@dataclass(frozen=True)
class SourceRecipe:
    """How every source model was trained, before the simulation starts: Adam with a cosine schedule.

    `rotation` is the deviation in radians of random rotations of three-axis sensors (0 turns it off).
    """

    epochs: int
    batch_size: int
    rotation: float = 0.0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4


@dataclass(frozen=True)
class StudentRecipe:
    """The budget and the recipe of a student, the same under every method.

    `mixup` is the parameter of the Beta distribution (0 turns it off), `sharpening` the power to which the
    teacher's distributions are raised.
    """

    epochs: int = 30
    steps_per_epoch: int = 5
    labelled_batch: int = 64
    pool_batch: int = 64
    learning_rate: float = 4e-3
    mixup: float = 0.4
    sharpening: float = 2.5
