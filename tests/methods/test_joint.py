"""Joint training as a whole: its declared work, its record, and the twin of its cache."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from pydantic import ValidationError
from torch.utils.flop_counter import FlopCounterMode

from hat_sim.learning.architectures import describe
from hat_sim.learning.models import build
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.source_model import SourceModel
from hat_sim.learning.student import Pool, Student
from hat_sim.methods.base import Fitted
from hat_sim.methods.hat.injection import KnowledgeDictionary
from hat_sim.methods.hat.joint import JointTraining, Mixing
from hat_sim.methods.hat.mixer import AdaptedSource
from hat_sim.methods.hat.options import HatOptions

SHAPE = (16, 2)
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


def pool() -> Pool:
    noise = torch.Generator().manual_seed(0)
    x = torch.randn(30, *SHAPE, generator=noise) + (torch.arange(30) % 3).view(-1, 1, 1)
    return Pool(x, LABELS)


def training(**options: object) -> JointTraining:
    """Two sources of two architectures; a new one each time, since sources adapt."""
    sources = [
        SourceModel(name, build(describe(name, SHAPE, 3), seed=k).eval(), (0, 1, 2), 0.9)
        for k, name in enumerate(("cnn-small", "cnn-large"))
    ]
    recipe = StudentRecipe(epochs=5, steps_per_epoch=3)
    settings = HatOptions.model_validate(options)
    return JointTraining(describe("cnn-small", SHAPE, 3), pool(), sources, settings, recipe, seed=1)


def run(joint: JointTraining) -> Fitted:
    return joint(lambda doing: None)


def same(one: Fitted, other: Fitted) -> bool:
    weights = zip(one.model.state_dict().values(), other.model.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in weights) and one.curve == other.curve


@pytest.mark.parametrize("unfrozen", [0, 2])
def test_joint_training_is_a_pure_function_of_what_it_is_given(unfrozen: int) -> None:
    one = run(training(unfrozen_blocks=unfrozen))
    torch.manual_seed(99)
    assert same(one, run(training(unfrozen_blocks=unfrozen)))
    assert not same(one, run(replace(training(unfrozen_blocks=unfrozen), seed=2)))


def test_frozen_encoders_give_the_same_from_the_cache_as_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain twin encodes the raw pool at every look at it; the results are equal bit by bit."""
    fast = run(training())

    def anew(self: AdaptedSource, rows: slice) -> torch.Tensor:
        with torch.no_grad():
            return self._standardise(self.encoder(pool().x))[rows]

    monkeypatch.setattr(AdaptedSource, "features", anew)
    assert same(fast, run(training()))


def test_unfrozen_blocks_train_in_a_copy_and_change_the_result() -> None:
    """One block is the last that has weights, not the pool behind it; the sources stay as they came."""
    joint = training(unfrozen_blocks=1)
    before = [[p.clone() for p in source.model.parameters()] for source in joint.sources]
    fitted = run(joint)
    for source, weights in zip(joint.sources, before, strict=True):
        assert all(map(torch.equal, source.model.parameters(), weights))
    assert not same(fitted, run(training()))
    assert same(fitted, run(joint))


def test_declared_work_grows_with_all_that_is_done() -> None:
    least = training().flop()
    assert least > 0
    works = [training(unfrozen_blocks=blocks).flop() for blocks in (0, 1, 2, 3, 4, 5)]
    assert works[:5] == sorted(set(works[:5])) and works[4] == works[5], "four blocks have weights"
    joint = training()
    assert replace(joint, sources=joint.sources[:1]).flop() < least
    assert replace(joint, recipe=replace(joint.recipe, epochs=6)).flop() > least
    assert training(attention_width=32).flop() > least


@pytest.mark.parametrize("way", [{}, {"training": "sequential"}, {"optimizer": "one"}])
@pytest.mark.parametrize("unfrozen", [0, 2, 9])
def test_declared_work_is_near_what_torch_counts(unfrozen: int, way: dict[str, str]) -> None:
    """By formula a backward pass is two forward ones; torch counts less where no gradient is needed."""
    joint = training(unfrozen_blocks=unfrozen, **way)
    declared = joint.flop()
    with FlopCounterMode(display=False) as counter:
        run(joint)
    assert 0.75 < counter.get_total_flops() / declared < 1.05


def test_the_curve_tells_what_happened_in_each_epoch() -> None:
    """Nothing is injected before something is stored, and alpha follows the accuracy of what is stored."""
    fitted = run(training(threshold=0.2))
    curve = fitted.curve
    assert [row.epoch for row in curve] == list(range(5))
    assert curve[0].alpha == 0 and curve[0].stored is True
    held = 0.0
    for row in curve:
        assert row.alpha == pytest.approx(max(0, (held - 0.2) / 0.8))
        assert row.mixer_accuracy is not None and row.mixer_loss is not None
        held = row.mixer_accuracy if row.stored else held
    assert set(fitted.weights) == {"cnn-small", "cnn-large"}
    assert sum(fitted.weights.values()) == pytest.approx(1, abs=1e-5)
    assert not fitted.model.training


def test_below_the_threshold_the_student_learns_as_it_does_alone() -> None:
    """Bit by bit: looking at its features, and the mixer beside it, leave it untouched."""
    joint = training(threshold=0.999999, mixer_learning_rate=1e-9)
    fitted = run(joint)
    assert all(row.alpha == 0 for row in fitted.curve)
    alone = Student(joint.description, joint.pool, joint.recipe, joint.seed)
    for _ in range(joint.recipe.epochs * joint.recipe.steps_per_epoch):
        alone.step(None, 0.0)
    assert all(map(torch.equal, fitted.model.state_dict().values(), alone.model.state_dict().values()))


def test_the_mixer_learns_the_labels() -> None:
    joint = training()
    fitted = run(replace(joint, recipe=StudentRecipe(epochs=20, steps_per_epoch=5)))
    assert fitted.curve[-1].mixer_loss < 0.7 * fitted.curve[0].mixer_loss  # type: ignore[operator]
    assert fitted.curve[-1].mixer_accuracy == 1


def test_a_held_out_gate_judges_by_one_label_a_class_that_the_mixer_never_saw() -> None:
    joint = training(gate="held_out")
    trained, judged = joint.gate_rows()
    assert (trained.tolist(), judged.tolist()) == ([3, 4, 5], [0, 1, 2])
    uneven = replace(joint, pool=Pool(pool().x, torch.tensor([0, 0, 1, 0])))
    trained, judged = uneven.gate_rows()
    assert (trained.tolist(), judged.tolist()) == ([1, 2, 3], [0]), "a single label is trained on"
    single = replace(joint, pool=Pool(pool().x, torch.tensor([0, 1, 2])))
    trained, judged = single.gate_rows()
    assert trained.tolist() == judged.tolist() == [0, 1, 2], "nothing can be held out"
    for row in run(joint).curve:
        assert row.mixer_accuracy in [pytest.approx(k / 3) for k in range(4)]


def test_the_dictionary_is_judged_by_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is offered the whole pool's predictions, and those of the samples that were held out."""
    offered = []

    def offer(
        self: KnowledgeDictionary, predictions: torch.Tensor, gate: torch.Tensor, labels: torch.Tensor
    ) -> bool:
        offered.append((predictions, gate, labels))
        return False

    monkeypatch.setattr(KnowledgeDictionary, "offer", offer)
    run(training(gate="held_out"))
    assert len(offered) == 5
    for predictions, gate, labels in offered:
        assert predictions.shape == (30, 3)
        assert torch.equal(gate, predictions[:3]) and labels.tolist() == [0, 1, 2]


def test_equal_attention_weighs_sources_equally_to_the_end() -> None:
    fitted = run(training(attention="equal"))
    assert fitted.weights == {"cnn-small": 0.5, "cnn-large": 0.5}


def test_side_by_side_the_mixer_asks_the_student_anew_and_before_it_once() -> None:
    """Joint training costs a look of the student's encoder at the labels for each of 15 steps and at the pool
    after each of 5 epochs; training in turn one look at the pool."""
    encode = describe("cnn-small", SHAPE, 3).encode_flop()
    for blocks in (0, 1, 2):
        joint, in_turn = (
            training(unfrozen_blocks=blocks, training=way).flop() for way in ("joint", "sequential")
        )
        assert joint - in_turn == (15 * 6 + 5 * 30 - 30) * encode


def test_in_turn_the_student_learns_what_the_mixer_ended_with() -> None:
    """As a student that is given the same dictionary from its first step on does, bit by bit."""
    joint = training(training="sequential", threshold=0.2)
    fitted = run(joint)
    [alpha] = {row.alpha for row in fitted.curve}
    kept = [row for row in fitted.curve if row.stored][-1]
    assert kept.mixer_accuracy is not None and alpha == pytest.approx((kept.mixer_accuracy - 0.2) / 0.8)
    mixing = Mixing(joint)
    student = Student(joint.description, joint.pool, joint.recipe, joint.seed)
    queries = student.representations(mixing.everything)
    losses = [mixing.step(queries[mixing.labelled]) for _ in range(3)]
    mixing.look(queries, losses[-1])
    assert fitted.curve[0].mixer_loss == losses[-1]
    for _ in range(4):
        for _ in range(3):
            mixing.step(queries[mixing.labelled])
        mixing.look(queries, 0.0)
    for _ in range(15):
        student.step(mixing.dictionary.predictions, alpha or 0.0)
    weights = zip(fitted.model.state_dict().values(), student.model.state_dict().values(), strict=True)
    assert all(torch.equal(a, b) for a, b in weights)
    assert not same(fitted, run(training(threshold=0.2)))


def test_one_optimizer_makes_the_sum_of_both_losses_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """By one Adam, whose rate is the student's whatever the mixer's; the mixer's loss reaches the student."""
    mixers_own: list[float] = []
    monkeypatch.setattr(Mixing, "step", lambda self, queries: mixers_own.append(0.0))
    one = run(training(optimizer="one"))
    assert not mixers_own
    assert same(one, run(training(optimizer="one", mixer_learning_rate=1.0)))
    assert one.curve[-1].mixer_loss < one.curve[0].mixer_loss  # type: ignore[operator]
    joint = training(optimizer="one", threshold=0.999999)
    alone = Student(joint.description, joint.pool, joint.recipe, joint.seed)
    for _ in range(joint.recipe.epochs * joint.recipe.steps_per_epoch):
        alone.step(None, 0.0)
    weights = zip(run(joint).model.state_dict().values(), alone.model.state_dict().values(), strict=True)
    assert not all(torch.equal(a, b) for a, b in weights), "nothing is injected, but the queries are tuned"


def test_one_optimizer_cannot_train_in_turn() -> None:
    with pytest.raises(ValidationError, match="one optimizer cannot train one after the other"):
        HatOptions(optimizer="one", training="sequential")
