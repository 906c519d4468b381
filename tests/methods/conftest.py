"""A task of a small target, and models of sources that know some of its classes."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import SourceModel, packed
from hat_sim.methods.base import Fitted, Task
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.messages import ModelTransfer, Welcome

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


def run_now(effect: Compute) -> Any:
    assert effect.flop > 0
    return effect.run(lambda doing: None)


def exchange(
    protocol: Generator[Any, Any, Fitted],
    task: Task,
    models: tuple[SourceModel, ...],
    compute: Callable[[Compute], Any] = run_now,
) -> Fitted:
    """What a method leaves that joins these sources and fetches models of them."""
    ask = next(protocol)
    assert isinstance(ask, Ask)
    ask = protocol.send(Replies({model.name: Welcome(architecture="", classes=()) for model in models}))
    assert isinstance(ask, Ask)
    transfers = {
        model.name: ModelTransfer(
            part="model",
            architecture="mlp-small",
            classes=tuple(task.classes[label] for label in model.classes),
            weights=packed(model.model, "fp32"),
            accuracy=model.accuracy,
        )
        for model in models
        if model.name in ask.requests
    }
    value: Any = Replies(dict(transfers))
    while True:
        try:
            effect = protocol.send(value)
        except StopIteration as end:
            fitted: Fitted = end.value
            return fitted
        assert isinstance(effect, Compute)
        value = compute(effect)


@pytest.fixture(scope="session")
def exchanged() -> Callable[..., Fitted]:
    return exchange
