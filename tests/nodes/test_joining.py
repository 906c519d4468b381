"""What a target may look at, what only the observer may, and what the observer says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_target
from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.methods.base import Fitted
from hat_sim.protocol.effects import Compute
from nodes.assignments import Joining
from nodes.joining import task_and_examination
from nodes.observer import judge

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


def test_a_verdict_is_measured_on_the_examination(joining: Joining, load: Callable[[str], Domain]) -> None:
    """A model that always says 2 is right as often as 2 occurs, and its F1 is a quarter of that class's."""
    task, examination = task_and_examination(joining, load("home"))
    model = build(DESCRIPTION, seed=0)
    model.head.weight.data.zero_()
    model.head.bias.data.copy_(model.head.bias.new_tensor([0, 0, 1, 0]))
    verdict = judge(Fitted(model), task, examination.x, examination.y)
    share = float((examination.y == 2).mean())
    assert verdict.accuracy == share
    assert verdict.macro_f1 == pytest.approx(2 * share / (1 + share) / 4)


def test_a_verdict_holds_a_method_against_the_target_alone(
    joining: Joining, load: Callable[[str], Domain]
) -> None:
    """For the model of the method `target-only` both figures are the same."""
    from hat_sim.methods.peers.target_only import train_alone

    task, examination = task_and_examination(joining, load("home"))
    protocol = train_alone(task)
    effect = next(protocol)
    assert isinstance(effect, Compute)
    fitted = effect.run(lambda doing: None)
    verdict = judge(fitted, task, examination.x, examination.y)
    assert verdict.accuracy == verdict.accuracy_target_only
