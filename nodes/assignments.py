"""What a node is told to be, in plain numbers: a host's lessons and a target's joining."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Dataset
from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.protocol.messages import Precision
from hat_sim.protocol.steps import Parcel
from hat_sim.scenario.faults import ProtocolOptions
from hat_sim.sensors import Sensors


@dataclass(frozen=True)
class Lesson:
    """What a source model is a function of; devices of one lesson share the model.

    `data` is the digest of the dataset and `seed` the run's. `classes` are the dataset's, and `labels` the
    indices of those that the source ever saw; None stands for all of its domain. `sensors` are those that the
    device carries, whose channels alone its model reads; None stands for all channels.
    """

    data: str
    domain: str
    description: Description
    classes: tuple[str, ...]
    recipe: SourceRecipe
    seed: int
    labels: tuple[int, ...] | None = None
    sensors: Sensors | None = None

    def __hash__(self) -> int:
        """Of what tells most lessons apart: each of many devices is looked up by its lesson."""
        return hash((self.domain, self.description.name, self.seed, self.labels))


@dataclass(frozen=True)
class Expanded:
    """What a target that has joined is as a source: its part of its domain, and the model it was left with.

    `weights` is the model's file of safetensors, `seed` the run's. `labels` are the indices of the classes
    that it met, None for all of its domain, and `sensors` those whose channels its model reads.
    """

    data: str
    domain: str
    description: Description
    classes: tuple[str, ...]
    labels_per_class: int
    seed: int
    weights: bytes = field(repr=False)
    labels: tuple[int, ...] | None = None
    sensors: Sensors | None = None


class Claim(NamedTuple):
    """How a source judged the model that it shares: by so many validation samples, on its own `seed`."""

    samples: int
    seed: int


@dataclass(frozen=True)
class Claiming:
    """One of many devices of a lesson, which claims an accuracy of its own."""

    lesson: Lesson
    claim: Claim


DeviceRecord = Lesson | Expanded | Claiming
"""What a source knows is a function of this."""


@dataclass(frozen=True)
class Damaged:
    """A source whose model is damaged, and which does not know."""

    record: DeviceRecord


AnsweringRecord = DeviceRecord | Damaged
"""All that a source's answers are a function of, but for the requests."""


class Request(NamedTuple):
    """What one source of a host is asked: the number of its record, its own claim, and if it is damaged."""

    number: int
    claim: Claim | None
    parcel: Parcel
    is_damaged: bool = False


@dataclass(frozen=True)
class Trained:
    """The outcome of a lesson: weights in the order of the architecture, and validation accuracy."""

    weights: tuple[NDArray[np.float32], ...]
    accuracy: float


@dataclass(frozen=True)
class Joining:
    """What a target brings along, under which method, and whom it may ask. `seed` is the run's.

    `labels` are the indices of the classes that it meets, None for all of its domain. `sensors` are those
    that it carries, None for all where nobody of its fleet lacks any.
    """

    domain: str
    description: Description
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    labels_per_class: int
    recipe: StudentRecipe
    precision: Precision
    seed: int
    labels: tuple[int, ...] | None = None
    sensors: Sensors | None = None


@dataclass(frozen=True)
class Part:
    """What a target plays: its joining, to which data, under which method.

    `options` are the method's as the scenario has them, and `home` is the folder beside which a method of
    one's own is found. What the target computes is kept in the folder `outcomes`, where one is named, and not
    computed twice. `patience` says what it does about silence, None that it waits.
    """

    dataset: Dataset
    joining: Joining
    method: str
    options: Mapping[str, Any]
    home: Path
    outcomes: Path | None
    patience: ProtocolOptions | None = None
