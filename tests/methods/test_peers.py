"""What sets the peers apart, from hand-computed numbers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest
import torch

from hat_sim.learning.budget import student_flop
from hat_sim.learning.fusion import equal_weights, mixture, votes_of
from hat_sim.learning.source_model import SourceModel, widened
from hat_sim.learning.student import Student
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.aver import aver
from hat_sim.methods.peers.fine_tune import fine_tune
from hat_sim.methods.peers.options import DistillationOptions, FineTuneOptions, NoOptions
from hat_sim.methods.peers.target_only import target_only
from hat_sim.methods.training import train_student
from hat_sim.protocol.effects import Compute
from hat_sim.seeding import derive_seed


def mean_vote(models: tuple[SourceModel, ...], task: Task) -> torch.Tensor:
    """The mean distribution (pool, classes) of sources that know all classes."""
    votes = votes_of(models, torch.from_numpy(task.samples), 3)
    return mixture(votes, equal_weights(votes))


def always(source: SourceModel, p: list[float]) -> SourceModel:
    """The source with a head that gives these probabilities whatever it sees."""
    with torch.no_grad():
        source.model.head.weight.zero_()
        source.model.head.bias.copy_(torch.tensor(p).log())
    return source


def finished(protocol: Generator[Any, Any, Fitted]) -> tuple[list[Compute], Fitted]:
    """The work of a protocol that asks nobody, and what it leaves."""
    work, value = [], None
    while True:
        try:
            effect = protocol.send(value)
        except StopIteration as end:
            return work, end.value
        assert isinstance(effect, Compute)
        work.append(effect)
        value = effect.run(lambda doing: None)


def test_a_widened_model_answers_in_the_targets_classes(source_of: Callable[..., SourceModel]) -> None:
    """Outputs are put in the target's order, and a class that is not known has no probability."""
    source = source_of("one", (2, 0))
    x = torch.randn(5, 6)
    p = widened(source.model, source.classes, 3)(x).softmax(dim=1)
    torch.testing.assert_close(p[:, [2, 0]], source.model(x).softmax(dim=1))
    assert bool((p[:, 1] == 0).all())


def test_target_only_asks_nobody_and_declares_its_budget(task_with: Callable[..., Task]) -> None:
    task = task_with()
    (work,), fitted = finished(target_only(task, NoOptions()))
    assert work.phase == "train"
    assert work.flop == student_flop(task.description, 6, 18, task.recipe, distils=False)
    assert fitted.selected == fitted.shortlisted == ()
    assert [row.epoch for row in fitted.curve] == [0, 1]


def test_target_only_does_not_depend_on_the_roster(task_with: Callable[..., Task]) -> None:
    task = task_with()
    _, one = finished(target_only(task, NoOptions()))
    _, other = finished(target_only(replace(task, sources=()), NoOptions()))
    assert all(map(torch.equal, one.model.state_dict().values(), other.model.state_dict().values()))


def test_a_student_of_one_class_only_still_has_all_outputs(task_with: Callable[..., Task]) -> None:
    task = task_with(labels=(1, 1))
    assert task.own_classes == (1,) and task.own_class_names == ("run",)
    _, fitted = finished(target_only(task, NoOptions()))
    assert fitted.model(torch.zeros(1, 6)).shape == (1, 3)


def certain(source: SourceModel, label: int, p: float) -> SourceModel:
    """The source with a head that gives this class this probability whatever it sees."""
    return always(source, [p if k == label else (1 - p) / 2 for k in range(3)])


@pytest.fixture
def tuned(exchanged: Callable[..., Fitted]) -> Callable[..., Fitted]:
    """What fine-tuning leaves with these models."""

    def tuned(task: Task, models: tuple[SourceModel, ...], **options: Any) -> Fitted:
        return exchanged(fine_tune(task, FineTuneOptions(**options)), task, models)

    return tuned


def test_the_source_that_tells_most_labels_is_tuned(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    tuned: Callable[..., Fitted],
) -> None:
    """Of labels 0, 0, 0, 1 the source that says 0 tells three, the other one, however sure it is."""
    task = task_with(labels=(0, 0, 0, 1))
    models = (
        certain(source_of("sure", (0, 1, 2)), 1, 0.99),
        certain(source_of("right", (0, 1, 2)), 0, 0.4),
    )
    fitted = tuned(task, models)
    assert fitted.selected == ("right",) and fitted.shortlisted == ("sure", "right")
    assert fitted.scores["right"] == pytest.approx(3 / 4 + (3 * 0.4 + 0.3) / 4 / 8)
    assert fitted.scores["sure"] == pytest.approx(1 / 4 + (0.99 + 3 * 0.005) / 4 / 8)


def test_equally_right_sources_are_told_apart_by_likelihood(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    tuned: Callable[..., Fitted],
) -> None:
    """Both say 0. Of labels 0, 1, 1, 1 the less sure one is less wrong; of 0, 0 the other one is right."""
    models = (certain(source_of("b", (0, 1, 2)), 0, 0.5), certain(source_of("a", (0, 1, 2)), 0, 0.8))
    assert tuned(task_with(labels=(0, 1, 1, 1)), models).selected == ("b",)
    assert tuned(task_with(labels=(0, 0)), models).selected == ("a",)


def test_a_source_that_misses_a_label_of_the_target_is_not_tuned(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    tuned: Callable[..., Fitted],
) -> None:
    models = (source_of("part", (0, 1)), source_of("whole", (2, 1, 0)))
    assert tuned(task_with(), models).shortlisted == ("whole",)
    alone = tuned(task_with(), models[:1])
    assert alone.notes == ("no source knows all classes: the target learned alone",)


def test_tuning_fits_the_labels_step_by_step(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    tuned: Callable[..., Fitted],
) -> None:
    fitted = tuned(task_with(), (source_of("one", (2, 0, 1)),), steps=40, learning_rate=0.01)
    assert [row.epoch for row in fitted.curve] == list(range(40))
    assert fitted.curve[-1].student_loss < 0.2 * fitted.curve[0].student_loss
    task = task_with()
    predicted = logits_of(fitted.model, task.labelled_x).argmax(dim=1)
    assert predicted.tolist() == task.labelled_y.tolist(), (
        "in the target's classes, not in the source's order"
    )


def test_aver_gives_its_student_the_mean_vote_with_weight_alpha(
    task_with: Callable[..., Task], source_of: Callable[..., SourceModel]
) -> None:
    """The plain twin: a student of the same seed, stepped by hand."""
    task, models = task_with(), (source_of("one", (0, 1, 2), 1), source_of("two", (0, 1, 2), 2))
    teacher = mean_vote(models, task)
    fitted = train_student(task, "aver", lambda doing: None, teacher, 0.7)
    plain = Student(task.description, task.pool, task.recipe, derive_seed(task.seed, "aver"))
    losses = [plain.step(teacher, 0.7) for _ in range(4)]
    assert all(map(torch.equal, fitted.model.state_dict().values(), plain.model.state_dict().values()))
    assert [row.student_loss for row in fitted.curve] == losses[1::2]


@pytest.mark.parametrize("alpha", [0.0, 0.7])
def test_aver_is_a_student_taught_by_every_source(
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    alpha: float,
    exchanged: Callable[..., Fitted],
) -> None:
    task, models = task_with(), (source_of("one", (0, 1, 2), 1), source_of("two", (0, 1, 2), 2))
    fitted = exchanged(aver(task, DistillationOptions(alpha=alpha)), task, models)
    teacher = mean_vote(models, task)
    twin = train_student(task, "aver", lambda doing: None, teacher, alpha)
    assert all(map(torch.equal, fitted.model.state_dict().values(), twin.model.state_dict().values()))
    assert fitted.selected == fitted.shortlisted == ("one", "two")
