"""A target about to join: its split of the domain, the task that a method sees, and the test it does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_target
from hat_sim.methods.base import Task
from hat_sim.seeding import derive_seed
from hat_sim.sensors import Places, places_of
from nodes.assignments import Joining


@dataclass(frozen=True)
class Examination:
    """Test samples (samples, *shape) and labels (samples,), for the observer alone.

    `unlabelled_y` (unlabelled,) is what the target does not know of the samples that it has. `sensors` are
    its own with the places of their channels, None where nobody of the fleet lacks any.
    """

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    unlabelled_y: NDArray[np.int64]
    sensors: Mapping[str, Places] | None = None


def task_and_examination(joining: Joining, domain: Domain) -> tuple[Task, Examination]:
    """Split the target's domain into what it may use and what it is judged by."""
    domain = domain.seen_by(joining.sensors)
    sensors = None if joining.sensors is None else places_of(joining.sensors)
    split = split_target(domain, joining.labels_per_class, joining.seed, joining.labels)
    task = Task(
        description=joining.description,
        classes=joining.classes,
        labelled_x=domain.x[split.labelled],
        labelled_y=domain.y[split.labelled],
        unlabelled_x=domain.x[split.unlabelled],
        sources=joining.sources,
        recipe=joining.recipe,
        precision=joining.precision,
        seed=derive_seed(joining.seed, "target", domain.name),
        sensors=sensors,
    )
    return task, Examination(domain.x[split.test], domain.y[split.test], domain.y[split.unlabelled], sensors)
