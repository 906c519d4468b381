"""A task of a small target, and models of sources that know some of its classes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import SourceModel
from hat_sim.methods.base import Task

SHAPE = (6,)
CLASSES = ("walk", "run", "rest")


def make_task(labels: tuple[int, ...] = (0, 1, 2, 0, 1, 2)) -> Task:
    rng = np.random.default_rng(0)
    y = np.array(labels, np.int64)
    centres = 3 * np.eye(3, 6)
    return Task(
        description=describe("mlp-small", SHAPE, 3),
        classes=CLASSES,
        labelled_x=(centres[y] + rng.normal(size=(len(y), 6))).astype(np.float32),
        labelled_y=y,
        unlabelled_x=(centres[np.arange(12) % 3] + rng.normal(size=(12, 6))).astype(np.float32),
        sources=("one", "two"),
        recipe=StudentRecipe(epochs=2, steps_per_epoch=2),
        precision="fp32",
        seed=0,
    )


def make_source(name: str, classes: tuple[int, ...], seed: int = 0) -> SourceModel:
    return SourceModel(name, build(describe("mlp-small", SHAPE, len(classes)), seed).eval(), classes, 0.9)


@pytest.fixture(scope="session")
def task_with() -> Callable[..., Task]:
    return make_task


@pytest.fixture(scope="session")
def source_of() -> Callable[..., SourceModel]:
    return make_source
