"""What a target may look at, and what only the observer may."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_target
from hat_sim.learning.architectures import describe
from hat_sim.learning.recipes import StudentRecipe
from nodes.assignments import Joining
from nodes.joining import task_and_examination

CLASSES = ("walk", "run", "rest", "fall")
DESCRIPTION = describe("cnn-small", (16, 2), 4)


@pytest.fixture
def joining() -> Joining:
    recipe = StudentRecipe(epochs=2, steps_per_epoch=2)
    return Joining("home", DESCRIPTION, CLASSES, ("one", "two"), 2, recipe, "fp32", 3)


def rows(x: np.ndarray) -> set[bytes]:
    return {sample.tobytes() for sample in x}


def test_a_task_and_its_examination_share_no_sample(joining: Joining, load: Callable[[str], Domain]) -> None:
    domain = load("home")
    task, examination = task_and_examination(joining, domain)
    assert not rows(task.samples) & rows(examination.x)
    assert rows(task.samples) | rows(examination.x) == rows(domain.x)
    assert task.labelled_y.tolist().count(0) == 2 and len(task.labelled_y) == 8
    split = split_target(domain, 2, seed=3)
    assert np.array_equal(examination.y, domain.y[split.test])
    assert np.array_equal(task.samples[: len(split.labelled)], domain.x[split.labelled])


def test_a_task_holds_no_labels_but_the_few(joining: Joining, load: Callable[[str], Domain]) -> None:
    """Its pool is the labelled samples first and the others behind, without their labels."""
    task, _ = task_and_examination(joining, load("home"))
    assert len(task.pool.labels) == 8 and len(task.pool.x) == len(task.samples) > 8
    assert np.array_equal(task.pool.labelled.numpy(), task.labelled_x)


def test_a_task_knows_which_classes_it_has_labels_of(load: Callable[[str], Domain]) -> None:
    joining = Joining("careful", DESCRIPTION, CLASSES, (), 1, StudentRecipe(), "fp32", 0)
    task, _ = task_and_examination(joining, load("careful"))
    assert task.own_classes == (0, 1, 2)
    assert task.own_class_names == ("walk", "run", "rest")
    assert task.classes == CLASSES


def test_targets_of_two_domains_have_streams_of_their_own(
    joining: Joining, load: Callable[[str], Domain]
) -> None:
    one, _ = task_and_examination(joining, load("home"))
    other, _ = task_and_examination(joining, load("careful"))
    again, _ = task_and_examination(joining, load("home"))
    assert one.seed == again.seed != other.seed
