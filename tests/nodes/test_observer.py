"""What the observer says of a finished target, and what it knows in hindsight."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hat_sim.data.domain import Domain
from hat_sim.data.splits import split_source
from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import narrowed
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.target_only import train_alone
from hat_sim.protocol.effects import Compute
from hat_sim.simulation.record import SourceWorth
from nodes.assignments import Joining
from nodes.joining import Examination, task_and_examination
from nodes.observer import accuracy_alone, observe, worth_of
from nodes.source import Knowledge

CLASSES = ("walk", "run", "rest", "fall")
DESCRIPTION = describe("cnn-small", (16, 2), 4)


@pytest.fixture
def joined(load: Callable[[str], Domain]) -> tuple[Task, Examination]:
    recipe = StudentRecipe(epochs=2, steps_per_epoch=2)
    return task_and_examination(Joining("home", DESCRIPTION, CLASSES, (), 2, recipe, "fp32", 3), load("home"))


def always(label: int) -> Fitted:
    """A model that says the same of every sample."""
    model = build(DESCRIPTION, seed=0)
    model.head.weight.data.zero_()
    model.head.bias.data.zero_()
    model.head.bias.data[label] = 1
    return Fitted(model)


def test_a_verdict_is_measured_on_the_examination(joined: tuple[Task, Examination]) -> None:
    """A model that always says 2 is right as often as 2 occurs, and its F1 is a quarter of that class's."""
    _, examination = joined
    verdict = observe(always(2), examination)
    share = float((examination.y == 2).mean())
    assert verdict.accuracy == share
    assert verdict.macro_f1 == pytest.approx(2 * share / (1 + share) / 4)


def test_the_target_alone_is_the_student_of_the_method_target_only(joined: tuple[Task, Examination]) -> None:
    task, examination = joined
    effect = next(train_alone(task))
    assert isinstance(effect, Compute)
    fitted = effect.run(lambda doing: None)
    assert accuracy_alone(task, examination) == observe(fitted, examination).accuracy


def test_a_source_is_judged_by_the_classes_that_it_knows(
    joined: tuple[Task, Examination], load: Callable[[str], Domain]
) -> None:
    """One that knows of no fall never says so: its third output is the class `rest`."""
    _, examination = joined
    domain = load("careful")
    part = split_source(domain, 0).train
    model = narrowed(always(2).model.eval(), (0, 1, 2))
    source = Knowledge(domain.x[part], domain.y[part], CLASSES, model, 0.5)
    assert worth_of(source, examination) == SourceWorth(0.5, float((examination.y == 2).mean()))
    other = Knowledge(domain.x[part], np.where(domain.y[part] == 2, 3, domain.y[part]), CLASSES, model, 0.5)
    assert worth_of(other, examination).on_target == float((examination.y == 3).mean())
