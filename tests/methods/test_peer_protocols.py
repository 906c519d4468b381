"""What the peers make of sources that join: whom they choose, what they leave, and what they fall back on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from hat_sim.learning.ensembles import MeanVote, Stack
from hat_sim.learning.fusion import votes_of
from hat_sim.learning.source_model import SourceModel
from hat_sim.learning.student import Student
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.amtml_kd import Adapter
from hat_sim.methods.peers.decision import WeightedSources, adapt
from hat_sim.methods.peers.options import AdapterOptions, DecisionOptions, StackingOptions
from hat_sim.methods.registry import METHODS
from hat_sim.protocol.effects import Ask, Compute, Replies
from hat_sim.protocol.messages import Welcome

ALL = (0, 1, 2)
OTHERS = ("hat", "hat-plus", "self-taught", "target-only", "fedmd")
FETCHING_ALONE = [name for name in METHODS if name not in OTHERS]
"""Methods that join and fetch models, and exchange nothing else."""
DISTILLING = ("aver", "ebkd", "ca-mkd", "amtml-kd", "distill-weighted", "decision", "kd3a")


@pytest.fixture
def task(task_with: Callable[..., Task]) -> Task:
    return task_with()


def told_apart(source: SourceModel, task: Task) -> SourceModel:
    """The source with a head that tells the task's classes apart nearly always: their mean feature each."""
    with torch.no_grad():
        source.model.encoder.standardise.fit(torch.from_numpy(task.samples))
        features = logits_of(source.model.encoder, task.labelled_x)
        means = torch.stack([features[task.labelled_y == label].mean(dim=0) for label in ALL])
        source.model.head.weight.copy_(means)
        source.model.head.bias.copy_(-means.square().sum(dim=1) / 2)
    return source


@pytest.fixture
def models(task: Task, source_of: Callable[..., SourceModel]) -> tuple[SourceModel, ...]:
    """Two sources that tell nothing, and one that does."""
    return source_of("a", ALL, 1), told_apart(source_of("good", ALL, 2), task), source_of("z", ALL, 3)


@pytest.fixture
def left(exchanged: Callable[..., Fitted]) -> Callable[..., Fitted]:
    """What a method leaves with these models."""

    def left(name: str, task: Task, models: tuple[SourceModel, ...], **options: Any) -> Fitted:
        method = METHODS[name]
        return exchanged(method.load()(task, method.options(**options)), task, models)

    return left


def same(one: Fitted, other: Fitted) -> bool:
    return all(map(torch.equal, one.model.state_dict().values(), other.model.state_dict().values()))


def sure_of_little(method: str) -> dict[str, float]:
    """Options under which the sources of these tests have a vote."""
    return {"gate": 0.3} if method == "kd3a" else {}


def names(models: tuple[SourceModel, ...]) -> tuple[str, ...]:
    return tuple(source.name for source in models)


@pytest.mark.parametrize("score", ["logme", "leep", "parc", "knn"])
def test_a_score_ranks_all_and_the_best_are_distilled(
    score: str, task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    fitted = left(score, task, models, top=2)
    ranked = sorted(names(models), key=lambda it: fitted.scores[it], reverse=True)
    assert [fitted.scores[it] for it in fitted.shortlisted] == [fitted.scores[it] for it in ranked]
    assert fitted.selected == fitted.shortlisted[:2]
    assert set(fitted.weights) == set(fitted.selected)


def test_leep_finds_the_source_whose_predictions_follow_the_labels(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    assert left("leep", task, models, top=1).selected == ("good",)


@pytest.mark.parametrize("score", ["logme", "knn"])
def test_a_score_that_leaves_no_source_out_is_aver(
    score: str, task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    ranked = left(score, task, models, top=9).shortlisted
    in_order = tuple(sorted(models, key=lambda it: ranked.index(it.name)))
    assert same(left(score, task, models, top=9), left("aver", task, in_order))


def test_equal_scores_are_told_apart_by_what_sources_claim(
    task: Task, source_of: Callable[..., SourceModel], left: Callable[..., Fitted]
) -> None:
    one = source_of("a", ALL)
    models = (one, SourceModel("b", one.model, ALL, 0.95), SourceModel("c", one.model, ALL, 0.1))
    assert left("knn", task, models, top=3).selected == ("b", "a", "c")


def test_the_best_that_knows_all_labels_is_fine_tuned(
    task: Task, source_of: Callable[..., SourceModel], left: Callable[..., Fitted]
) -> None:
    models = (told_apart(source_of("good", ALL, 2), task), source_of("part", (0, 1), 1))
    fitted = left("leep", task, models, then="fine-tune", steps=3)
    assert fitted.selected == ("good",) and set(fitted.shortlisted) == {"good", "part"}
    assert len(fitted.curve) == 3
    alone = left("leep", task, models[1:], then="fine-tune")
    assert alone.notes == ("no source knows all classes: the target learned alone",)
    assert alone.selected == () and alone.shortlisted == ("part",)


def test_distill_nearest_is_the_first_of_parc(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    nearest = left("distill-nearest", task, models)
    assert same(nearest, left("parc", task, models, top=1))
    assert len(nearest.selected) == 1 and len(nearest.shortlisted) == 3


def test_distill_weighted_selects_whoever_has_a_weight(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    fitted = left("distill-weighted", task, models)
    positive = {name: max(0.0, score) ** 4 for name, score in fitted.scores.items()}
    expected = {name: value / sum(positive.values()) for name, value in positive.items()}
    assert fitted.weights == pytest.approx(expected, rel=1e-5)
    assert set(fitted.selected) == {name for name, value in positive.items() if value > 0}


@pytest.mark.parametrize("method", ["ebkd", "ca-mkd", "amtml-kd", "distill-weighted", "decision"])
def test_with_one_source_every_weight_is_one(
    method: str, task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    assert left(method, task, models[1:2]).weights == pytest.approx({"good": 1.0})


@pytest.mark.parametrize("method", DISTILLING)
def test_without_weight_on_the_teacher_the_student_learns_alone(
    method: str, task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    """Under every method the same student: they differ by what it is taught alone."""
    options = sure_of_little(method)
    taught = left(method, task, models, **options)
    alone = left(method, task, models, **options, alpha=0.0)
    assert [row.alpha for row in alone.curve] == [0.0, 0.0]
    assert same(alone, left("aver", task, models, alpha=0.0))
    assert not same(taught, alone)


@pytest.mark.parametrize("method", FETCHING_ALONE)
def test_declared_work_is_near_what_torch_counts(
    method: str, task: Task, models: tuple[SourceModel, ...], exchanged: Callable[..., Fitted]
) -> None:
    """By formula a backward pass is two forward ones; torch counts less of the first layer."""
    declared, counted = [], []

    def count(effect: Compute) -> Any:
        declared.append(effect.flop)
        with FlopCounterMode(display=False) as counter:
            value = effect.run(lambda doing: None)
        counted.append(counter.get_total_flops())
        return value

    chosen = METHODS[method]
    options = chosen.options(**sure_of_little(method))
    exchanged(chosen.load()(task, options), task, models, compute=count)
    assert 0.6 < sum(counted) / sum(declared) < 1.1


@pytest.mark.parametrize("method", FETCHING_ALONE)
@pytest.mark.parametrize("labels", [(1, 1), (0, 2, 0), (0,)])
def test_fewer_labelled_classes_than_classes_are_no_obstacle(
    method: str,
    labels: tuple[int, ...],
    task_with: Callable[..., Task],
    source_of: Callable[..., SourceModel],
    left: Callable[..., Fitted],
) -> None:
    """With sources of which one knows no labelled class, and with one label in all."""
    task = task_with(labels=labels)
    models = (source_of("all", ALL, 1), source_of("part", (2, 1), 2), source_of("one", (1,), 3))
    fitted = left(method, task, models)
    logits = logits_of(fitted.model, task.unlabelled_x)
    assert logits.shape == (12, 3) and bool(torch.isfinite(logits).all())
    assert fitted.selected


def test_a_vote_in_which_nobody_is_sure_is_told(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    """Nothing is distilled then: it is the student of its labels."""
    silent = left("kd3a", task, models, gate=0.999999)
    assert silent.notes == ("no source was sure of any sample: the target learned alone",)
    assert same(silent, left("kd3a", task, models, gate=0.999999, alpha=0.0))
    assert left("kd3a", task, models, gate=0.3).notes == ()


def test_the_ensemble_is_the_vote_itself(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    fitted = left("ensemble", task, models)
    assert isinstance(fitted.model, MeanVote) and not fitted.model.training
    plain = torch.stack([torch.softmax(logits_of(it.model, task.unlabelled_x), dim=1) for it in models])
    found = torch.softmax(logits_of(fitted.model, task.unlabelled_x), dim=1)
    torch.testing.assert_close(found, plain.mean(dim=0))
    assert fitted.selected == names(models) and len(fitted.curve) == 1


@pytest.mark.parametrize("inputs", ["features", "logits"])
def test_stacking_fits_the_labels_and_leaves_the_sources_as_they_are(
    inputs: str, task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    fitted = left("stacking", task, models, inputs=inputs)
    assert isinstance(fitted.model, Stack)
    assert [row.epoch for row in fitted.curve] == list(range(StackingOptions().steps))
    assert fitted.curve[-1].student_loss < 0.3 * fitted.curve[0].student_loss
    predicted = logits_of(fitted.model, task.labelled_x).argmax(dim=1)
    assert predicted.tolist() == task.labelled_y.tolist()
    encoder = fitted.model.members[0] if inputs == "features" else fitted.model.members[0].encoder
    assert torch.equal(encoder(torch.ones(1, 6)), models[0].model.encoder(torch.ones(1, 6)))


def test_weights_learned_beside_the_student_follow_what_it_says(
    task: Task, models: tuple[SourceModel, ...]
) -> None:
    """A student that says what the good source says draws the weights to it."""
    votes = votes_of(models, torch.from_numpy(task.samples), 3)
    student = Student(task.description, task.pool, task.recipe, 0)
    student.model.load_state_dict(models[1].model.state_dict())
    adapter = Adapter(votes, task, AdapterOptions(learning_rate=0.1, penalty=0.0))
    adapter.teach(student)
    first = float(adapter.weights[:, 1].mean())
    for _ in range(15):
        adapter.teach(student)
    assert float(adapter.weights[:, 1].mean()) > max(0.6, first)
    torch.testing.assert_close(adapter.weights.sum(dim=1), torch.ones(18))


def test_adaptation_makes_predictions_surer_and_changes_no_head(
    task: Task, models: tuple[SourceModel, ...]
) -> None:
    """And the models that came are left alone: a computation may be done twice."""
    before = [{k: v.clone() for k, v in it.model.state_dict().items()} for it in models]
    pool = torch.from_numpy(task.samples)

    def adapted() -> WeightedSources:
        sources = WeightedSources(models, pool, 3)
        adapt(sources, task, DecisionOptions(encoder_learning_rate=0.01), lambda doing: None)
        return sources

    entropy = []
    for sources in (WeightedSources(models, pool, 3), adapted()):
        _, said = sources.ask(slice(None))
        entropy.append(float(-(said.p * said.log_p).detach().sum(dim=2).mean()))
    assert entropy[1] < entropy[0]
    torch.testing.assert_close(WeightedSources(models, pool, 3).weights, torch.full((3,), 1 / 3))
    assert torch.equal(adapted().weights, adapted().weights)
    for it, state in zip(models, before, strict=True):
        assert all(torch.equal(it.model.state_dict()[key], value) for key, value in state.items())


def test_random_draws_some_and_asks_them_for_nothing_but_their_models(
    task_with: Callable[..., Task],
) -> None:
    """The same ones for the same seed, whoever else they are."""
    joined = {f"source-{k}": Welcome(architecture="", classes=()) for k in range(9)}
    drawn = set()
    for _ in range(2):
        method = METHODS["random"]
        protocol = method.load()(task_with(), method.options(top=4))
        assert isinstance(next(protocol), Ask)
        ask = protocol.send(Replies(dict(joined)))
        assert ask.phase == "transfer" and len(set(ask.requests)) == 4
        drawn.add(tuple(ask.requests))
    assert len(drawn) == 1


def test_all_sources_are_fused(
    task: Task, models: tuple[SourceModel, ...], left: Callable[..., Fitted]
) -> None:
    fitted = left("all-sources", task, models)
    assert fitted.selected == fitted.shortlisted == names(models) == tuple(fitted.weights)
    assert set(left("random", task, models, top=2).selected) < set(names(models))
