"""What a node is told to be, in plain numbers: a host's lessons and a target's joining."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.architectures import Description
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.protocol.messages import Precision


@dataclass(frozen=True)
class Lesson:
    """What a source model is a function of; devices of one lesson share the model. `seed` is the run's."""

    domain: str
    description: Description
    classes: tuple[str, ...]
    recipe: SourceRecipe
    seed: int


@dataclass(frozen=True)
class Trained:
    """The outcome of a lesson: weights in the order of the architecture, and validation accuracy."""

    weights: tuple[NDArray[np.float32], ...]
    accuracy: float


@dataclass(frozen=True)
class Joining:
    """What a target brings along, under which method, and whom it may ask. `seed` is the run's."""

    domain: str
    description: Description
    classes: tuple[str, ...]
    sources: tuple[str, ...]
    labels_per_class: int
    recipe: StudentRecipe
    precision: Precision
    seed: int
