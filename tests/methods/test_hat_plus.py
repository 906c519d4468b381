"""The teacher of HaT-plus: what experts agree on, labels kept from them, and classes that nobody labelled."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hat_sim.learning.source_model import SourceModel, descriptions
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.methods.hat_plus.protocol import self_taught
from hat_sim.methods.hat_plus.teacher import Teacher
from hat_sim.methods.hat_plus.work import teacher_flop
from hat_sim.protocol.effects import Compute


@pytest.fixture
def task(task_with: Callable[..., Task]) -> Task:
    return task_with()


@pytest.fixture
def sources(source_of: Callable[..., SourceModel]) -> tuple[SourceModel, ...]:
    return source_of("one", (0, 1, 2)), source_of("two", (0, 1), seed=1)


def done(protocol: Generator[Any, Any, Fitted]) -> Fitted:
    """What a protocol leaves that asks nobody."""
    work = next(protocol)
    assert isinstance(work, Compute) and work.flop > 0
    try:
        protocol.send(work.run(lambda doing: None))
    except StopIteration as end:
        fitted: Fitted = end.value
        return fitted
    raise AssertionError("the protocol goes on")


def test_it_says_a_distribution_of_every_sample_and_holds_the_labels(task, sources) -> None:
    teacher = Teacher(task, sources, HatPlusOptions()).taught().teacher
    assert teacher.shape == (18, 3)
    torch.testing.assert_close(teacher.sum(dim=1), torch.ones(18))
    assert teacher[:6].argmax(dim=1).tolist() == task.labelled_y.tolist()


def test_samples_that_lie_by_their_class_are_told(task, sources) -> None:
    for teacher in (Teacher(task, sources, HatPlusOptions()), Teacher(task, (), SpreadOptions())):
        taken = teacher.taught().teacher[6:].argmax(dim=1)
        assert float((taken == torch.arange(12) % 3).float().mean()) >= 0.75


def test_labels_are_kept_fold_by_fold(task_with: Callable[..., Task]) -> None:
    teacher = Teacher(task_with((0, 1, 0, 2, 0)), (), SpreadOptions())
    assert [teacher._held_out(fold).tolist() for fold in range(3)] == [[0], [2], [4]]


def test_of_single_labels_nothing_is_known_and_all_is_injected(task_with: Callable[..., Task]) -> None:
    single = task_with((0, 1, 2))
    assert Teacher(single, (), SpreadOptions()).taught().held_out is None
    fitted = done(self_taught(single, SpreadOptions(alpha=0.7)))
    assert {row.alpha for row in fitted.curve} == {0.7}


def test_the_held_out_accuracy_scales_the_injection(task) -> None:
    spoilt = replace(task, labelled_x=np.random.default_rng(3).normal(size=(6, 6)).astype(np.float32))
    for of in (task, spoilt):
        found = Teacher(of, (), SpreadOptions()).taught().held_out
        fitted = done(self_taught(of, SpreadOptions()))
        assert found is not None
        assert [row.alpha for row in fitted.curve] == pytest.approx([found] * len(fitted.curve))
    assert found < 1
    assert {row.alpha for row in done(self_taught(spoilt, SpreadOptions(threshold=0.99))).curve} == {0.0}


def test_a_class_without_labels_is_what_the_sources_that_know_it_say(task_with, source_of) -> None:
    """Two of three classes are labelled; a source that knows all three is sure of the third."""
    task = task_with((0, 1, 0, 1))
    source = source_of("one", (0, 1, 2))
    with torch.no_grad():
        source.model.head.bias.copy_(torch.tensor([0.0, 0.0, 8.0]))
    taught = Teacher(task, (source,), HatPlusOptions(head_steps=0, rounds=0)).taught().teacher
    assert (taught[4:].argmax(dim=1) == 2).all()
    alone = Teacher(task, (), SpreadOptions()).taught().teacher
    assert float(alone[:, 2].max()) == 0, "nobody knows it, so nobody says it"


def test_a_source_that_knows_no_labelled_class_keeps_its_head(task_with, source_of) -> None:
    source = source_of("one", (2,))
    teacher = Teacher(task_with((0, 1)), (source,), HatPlusOptions())
    teacher.taught()
    [adapted] = teacher._adapted
    assert torch.equal(adapted.weight, adapted.anchor_weight)


def test_the_control_sends_nothing_and_trains_the_student(task) -> None:
    fitted = done(self_taught(task, SpreadOptions()))
    assert fitted.selected == () and fitted.weights == {}
    assert logits_of(fitted.model, task.unlabelled_x).shape == (12, 3)
    assert len(fitted.fused) == len(fitted.curve)


@pytest.mark.parametrize("labels", [(1, 1), (0, 2, 0), (0,)])
def test_few_labelled_classes_are_no_obstacle(labels, task_with, source_of) -> None:
    """With sources of which one knows no labelled class, and with one label in all."""
    task = task_with(labels)
    sources = (source_of("all", (0, 1, 2)), source_of("part", (2, 1)), source_of("one", (1,)))
    for teacher in (Teacher(task, sources, HatPlusOptions()), Teacher(task, (), SpreadOptions())):
        said = teacher.taught().teacher
        assert torch.isfinite(said).all()
        torch.testing.assert_close(said.sum(dim=1), torch.ones(len(said)))


def test_its_declared_work_is_near_what_torch_counts(task_with, sources) -> None:
    """A probe may stop sooner than after its last step."""
    teacher = Teacher(task_with((0, 1, 2) * 4), sources, HatPlusOptions())
    with FlopCounterMode(display=False) as counter:
        teacher.taught()
    declared = teacher_flop(teacher.task, descriptions(sources), HatPlusOptions())
    assert 0.2 < counter.get_total_flops() / declared < 1.1


def test_its_work_grows_with_its_sources(task, sources) -> None:
    none, one, both = (
        teacher_flop(task, descriptions(some), HatPlusOptions()) for some in ((), sources[:1], sources)
    )
    assert none < one < both
