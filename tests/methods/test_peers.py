"""What sets the peers apart, from hand-computed numbers."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import pytest
import torch

from hat_sim.learning.budget import student_flop
from hat_sim.learning.source_model import SourceModel, widened
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.aver import mean_vote
from hat_sim.methods.peers.options import NoOptions
from hat_sim.methods.peers.target_only import target_only
from hat_sim.protocol.effects import Compute


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


def test_a_mean_vote_is_the_mean_over_those_that_know_a_class(source_of: Callable[..., SourceModel]) -> None:
    """.8, .2 of classes 0, 1 and .4, .6 of classes 1, 2: .8, (.2 + .4) / 2, .6, normalised by 1.7."""
    sources = (always(source_of("one", (0, 1)), [0.8, 0.2]), always(source_of("two", (1, 2)), [0.4, 0.6]))
    found = mean_vote(sources, torch.zeros(2, 6), 3)
    torch.testing.assert_close(found, torch.tensor([[0.8, 0.3, 0.6]] * 2) / 1.7)


def test_a_mean_vote_of_sources_that_know_all_is_the_plain_mean(
    source_of: Callable[..., SourceModel],
) -> None:
    sources = tuple(source_of(name, (0, 1, 2), seed) for seed, name in enumerate(("one", "two", "three")))
    x = torch.randn(5, 6)
    plain = torch.stack([source.model(x).softmax(dim=1) for source in sources]).mean(dim=0)
    torch.testing.assert_close(mean_vote(sources, x, 3), plain.detach())


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


@pytest.mark.parametrize("p", [[0.5, 0.5], [0.9, 0.1]])
def test_mean_votes_are_distributions_also_where_no_source_knows_a_class(
    source_of: Callable[..., SourceModel], p: list[float]
) -> None:
    found = mean_vote((always(source_of("one", (0, 2)), p),), torch.zeros(1, 6), 3)
    torch.testing.assert_close(found, torch.tensor([[p[0], 0, p[1]]]))
