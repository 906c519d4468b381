"""The one shape of a method: a protocol, written as a generator over what the target knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.protocol.messages import Precision, sensor_places
from hat_sim.sensors import Places

if TYPE_CHECKING:
    from torch import nn

    from hat_sim.learning.student import Pool


@dataclass(frozen=True)
class Left:
    """The model that a method leaves on a target: its architecture, and the sensors that it reads.

    None where all devices carry the same.
    """

    architecture: str
    sensors: tuple[str, ...] | None


@dataclass(frozen=True)
class Task:
    """All that a method may look at: what the target knows when it joins, and the roster of sources.

    `labelled_x` is (labelled, *shape) with `labelled_y` (labelled,), `unlabelled_x` (unlabelled, *shape).
    No test sample is here. Where devices of the fleet carry different sensors, `sensors` are the target's,
    each with its places among the channels of a sample.
    """

    description: Description
    classes: tuple[str, ...]
    labelled_x: NDArray[np.float32]
    labelled_y: NDArray[np.int64]
    unlabelled_x: NDArray[np.float32]
    sources: tuple[str, ...]
    recipe: StudentRecipe
    precision: Precision
    seed: int
    sensors: Mapping[str, Places] | None = None

    @property
    def samples(self) -> NDArray[np.float32]:
        """All inputs that the target may use, the labelled ones first."""
        return np.concatenate([self.labelled_x, self.unlabelled_x])

    @property
    def pool(self) -> Pool:
        """The same as tensors, with the labels."""
        import torch  # here, since `plan` knows tasks, too

        from hat_sim.learning.student import Pool

        return Pool(torch.from_numpy(self.samples), torch.from_numpy(np.array(self.labelled_y)))

    @property
    def sensor_names(self) -> tuple[str, ...] | None:
        return None if self.sensors is None else tuple(self.sensors)

    def places(self, names: Sequence[str] | None) -> Places | None:
        """Which channels of a sample are those of the named sensors; None for all.

        ProtocolError for a sensor that the target lacks.
        """
        return sensor_places(names, self.sensors)

    @property
    def own_classes(self) -> tuple[int, ...]:
        """Indices of the classes that have labelled samples."""
        return tuple(int(label) for label in np.unique(self.labelled_y))

    @property
    def own_class_names(self) -> tuple[str, ...]:
        return tuple(self.classes[label] for label in self.own_classes)


@dataclass(frozen=True)
class CurveRow:
    """An epoch on the target; what a method has none of is None."""

    epoch: int
    student_loss: float
    labelled_accuracy: float
    mixer_loss: float | None = None
    mixer_accuracy: float | None = None
    alpha: float | None = None
    stored: bool | None = None


@dataclass(frozen=True)
class Fitted:
    """What a method leaves on the target: a model, and the record of how it came to be.

    `model` maps (batch, *shape) to logits (batch, classes), and is one that torch can trace.
    `scores` are those by which sources were ranked, `similarities` those that led to them, by the measure or
    the space in which sources were compared; `weights` are the mean weight of each in the fusion and
    `class_weights` the same over the samples that the fusion takes for each class, by its index; `notes` say
    in words what the user should know, such as that no source could be used. `replaced` holds the chosen
    sources whose models could not be had, with those that took their places, if any. For the observer alone,
    `fused` holds after each epoch the class that the fusion takes each unlabelled sample for, `fused_equally`
    the same at the end with equal weights.
    """

    model: nn.Module
    shortlisted: tuple[str, ...] = ()
    selected: tuple[str, ...] = ()
    curve: tuple[CurveRow, ...] = ()
    scores: dict[str, float] = field(default_factory=dict)
    similarities: dict[str, dict[str, float]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    class_weights: dict[str, dict[int, float]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    replaced: dict[str, str | None] = field(default_factory=dict)
    fused: tuple[NDArray[np.int64], ...] = ()
    fused_equally: NDArray[np.int64] | None = None
