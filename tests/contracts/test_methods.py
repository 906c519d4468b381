"""What every method promises, in worlds of real nodes in this process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from hat_sim.data.domain import Dataset, Domain
from hat_sim.data.generated.spec import GeneratedSpec
from hat_sim.data.open import open_generated
from hat_sim.data.splits import split_target
from hat_sim.learning.architectures import describe
from hat_sim.learning.recipes import StudentRecipe
from hat_sim.learning.training import logits_of
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.registry import METHODS
from hat_sim.preflight.label_spaces import drawn
from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.effects import PHASES
from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import DELIVERED
from hat_sim.protocol.messages import ErrorReply
from hat_sim.protocol.steps import Answer, Parcel
from hat_sim.scenario.fleet import Fleet
from hat_sim.seeding import generator
from hat_sim.sensors import Sensor
from hat_sim.simulation.record import joules_by

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, {}) for name in METHODS},
    "hat-encoder": ("hat", {"fine_space": "encoder"}),
    "hat-logit": ("hat", {"fine_space": "logit"}),
    "hat-sequential": ("hat", {"training": "sequential"}),
    "hat-one-optimizer": ("hat", {"optimizer": "one"}),
    "hat-unfrozen": ("hat", {"unfrozen_blocks": 2, "gate": "held_out"}),
    "hat-floor": ("hat", {"eta_means": "floor", "eta": 0.0}),
}
FUSE_WITHOUT_LABELS = ("ensemble", "decision")
"""Methods that cannot find out that a class which most sources lack is missing."""
CHOOSE_AMONG_MODELS = ("logme", "leep", "parc", "knn", "distill-nearest", "distill-weighted")
TARGET = "target-domain-1"
RECIPE = StudentRecipe(epochs=4, steps_per_epoch=4, learning_rate=1e-2)


class Waves:
    """Five domains in which a class is the pitch of a wave; of two kinds, which differ in gain and noise."""

    name, shape, digest = "waves", (24, 2), "0" * 64
    sensors = (Sensor("left", (0,)), Sensor("right", (1,)))
    classes = ("low", "middle", "high")
    domains = tuple(f"domain-{number}" for number in range(1, 6))

    def load(self, name: str) -> Domain:
        rng = generator(0, "waves", name)
        y = np.arange(60, dtype=np.int64) % 3
        time = np.arange(24)[None, :, None] / 24 + rng.random((60, 1, 2))
        x = np.sin(2 * np.pi * np.array([1, 3, 6])[y][:, None, None] * time)
        gain, noise = (1, 0.1) if name in self.domains[:3] else (3, 0.4)
        x = gain * (x + noise * rng.normal(size=x.shape) + rng.normal() / 10)
        return Domain(name, x.astype(np.float32), y, np.arange(60, dtype=np.int64))


class Scrambled(Waves):
    """The same with every test sample of the target's domain a million."""

    def load(self, name: str) -> Domain:
        domain = super().load(name)
        if name != "domain-1":
            return domain
        x = domain.x.copy()
        x[split_target(domain, 2, seed=0).test] = 1e6
        return replace(domain, x=x)


KNOWN = {"domain-2": (0, 1), "domain-3": (0, 1), "domain-4": (2, 0)}


class Partial(Waves):
    """The same, but two sources never saw class 2, and a third one never class 1."""

    def load(self, name: str) -> Domain:
        domain = super().load(name)
        keep = np.isin(domain.y, KNOWN.get(name, (0, 1, 2)))
        return replace(domain, x=domain.x[keep], y=domain.y[keep], block=domain.block[keep])


class Left(Waves):
    """The same, of which there is nothing but the left channel."""

    shape = (24, 1)

    def load(self, name: str) -> Domain:
        domain = super().load(name)
        return replace(domain, x=np.ascontiguousarray(domain.x[:, :, :1]))


DATASET, SCRAMBLED, PARTIAL, LEFT = Waves(), Scrambled(), Partial(), Left()
BOTH, MIXED = ("left", "right"), (("left",), ("right",), ("left", "right"), ("left",))
ARCHITECTURES = ("cnn-small", "gru", "cnn-large")


@pytest.fixture(params=VARIANTS, scope="module")
def variant(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    return VARIANTS[request.param]


@pytest.fixture(scope="module")
def fleet(fleet_of: Callable[..., Fleet]) -> Fleet:
    return fleet_of(DATASET, "domain-1", ARCHITECTURES)


@pytest.fixture(scope="module")
def run(
    run_world: Callable[..., Any], variant: tuple[str, dict[str, Any]], fleet: Fleet
) -> Callable[..., Any]:
    """Runs the method in its world, with changes."""
    method, options = variant

    def run(dataset: Dataset = DATASET, **changes: Any) -> Any:
        settings = {"recipe": RECIPE, "epochs": 20} | options | changes
        return run_world(dataset, [fleet], method, **settings)

    return run


@pytest.fixture(scope="module")
def world(run: Callable[..., Any]) -> Any:
    return run()


def bits(fitted: Fitted) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in fitted.model.state_dict().values()]


ANSWERS = ("model", "predictions")
"""The messages by which a source gives away what it knows."""


def asks(variant: tuple[str, dict[str, Any]]) -> bool:
    return variant[0] not in ("target-only", "self-taught")


def test_it_leaves_a_model_that_predicts_the_targets_classes(world: Any) -> None:
    """Better than chance, which a third of the samples would be, on samples nobody has seen."""
    fitted, examination = world.fitted[TARGET], world.examinations[TARGET]
    logits = logits_of(fitted.model, examination.x)
    assert logits.shape == (len(examination.y), 3)
    assert bool(torch.isfinite(logits).all())
    assert not fitted.model.training
    assert (logits.argmax(dim=1).numpy() == examination.y).mean() > 0.4


def test_it_pays_the_bytes_of_every_frame_that_it_causes(
    world: Any, variant: tuple[str, dict[str, Any]]
) -> None:
    """The ledger's rows are the frames that were handed over, no more, no fewer, each as long as it is."""
    ledger = world.record.ledger
    assert bool(ledger) == asks(variant)
    assert sorted(row.payload_bytes for row in ledger) == sorted(map(len, world.frames))
    assert all(row.wire_bytes > row.payload_bytes for row in ledger)
    assert all(row.outcome == DELIVERED and row.attempt == 1 for row in ledger)
    assert [row.seq for row in ledger] == list(range(len(ledger)))
    assert {row.phase for row in ledger} <= set(PHASES)


def test_it_asks_only_the_sources_of_its_roster(world: Any, fleet: Fleet) -> None:
    names = {source.name for source in fleet.sources}
    for row in world.record.ledger:
        assert {row.sender, row.receiver} - {TARGET} <= names
        assert TARGET in (row.sender, row.receiver)
    fitted = world.fitted[TARGET]
    assert set(fitted.selected) <= set(fitted.shortlisted) <= names
    assert set(fitted.scores) | set(fitted.weights) <= names


def test_whoever_was_selected_sent_its_model_or_predictions(world: Any) -> None:
    fitted = world.fitted[TARGET]
    senders = [row.sender for row in world.record.ledger if row.kind in ANSWERS]
    assert len(senders) == len(set(senders))
    assert set(fitted.selected) <= set(senders)


def test_its_time_and_energy_are_those_of_its_phases_and_its_work(
    world: Any, variant: tuple[str, dict[str, Any]]
) -> None:
    record = world.record
    times = record.targets[TARGET]
    assert sum(times.phase_ns.values()) == times.end_ns > 0
    assert record.compute_j[TARGET] > 0
    assert all(busy.flop > 0 and busy.end_ns > busy.start_ns for busy in record.busy)
    assert bool(record.radio_j) == asks(variant)
    assert sum(joules_by("phase", record.spent).values()) == pytest.approx(
        sum(record.compute_j.values()) + sum(record.radio_j.values())
    )


def test_a_time_per_sample_takes_the_place_of_speed_for_what_its_work_is_of_models(
    run_world: Callable[..., Any], variant: tuple[str, dict[str, Any]], fleet: Fleet, world: Any
) -> None:
    """With the time that follows from the speed nothing changes but rounding; ten times as much shows."""
    method, options = variant

    def ended_ns(factor: int) -> int:
        target, profile = fleet.target, fleet.target.profile
        times = tuple(
            (name, factor * describe(name, DATASET.shape, 3).training_flop / profile.speed)
            for name in ARCHITECTURES
        )
        timed = replace(target, profile=replace(profile, sample_times=times))
        settings = {"recipe": RECIPE, "epochs": 20} | options
        other = run_world(DATASET, [replace(fleet, target=timed)], method, **settings)
        assert other.record.ledger[:1] == world.record.ledger[:1]
        return int(other.record.targets[TARGET].end_ns)

    usual_ns = world.record.targets[TARGET].end_ns
    assert ended_ns(1) == pytest.approx(usual_ns, rel=1e-3)
    assert ended_ns(10) > usual_ns


def test_the_same_scenario_and_seed_give_the_same_bits(run: Callable[..., Any], world: Any) -> None:
    """Ledger, times and weights, whatever torch's and numpy's global generators are in."""
    torch.manual_seed(123)
    np.random.seed(123)
    again = run()
    assert again.record == world.record
    assert bits(again.fitted[TARGET]) == bits(world.fitted[TARGET])
    assert again.fitted[TARGET].curve == world.fitted[TARGET].curve


def test_the_moment_at_which_nodes_work_changes_nothing(
    run: Callable[..., Any], world: Any, hasty_transport: type
) -> None:
    """Work may be done when it is launched or when it is awaited: the record is the same."""
    again = run(transport=hasty_transport)
    assert again.record == world.record
    assert bits(again.fitted[TARGET]) == bits(world.fitted[TARGET])


def test_another_seed_is_another_run(run: Callable[..., Any], world: Any) -> None:
    assert bits(run(seed=1).fitted[TARGET]) != bits(world.fitted[TARGET])


def test_test_samples_are_never_seen(run: Callable[..., Any], world: Any) -> None:
    """A run in which every test sample is a million gives the same model and the same ledger."""
    again = run(dataset=SCRAMBLED)
    assert (again.examinations[TARGET].x == 1e6).all()
    assert bits(again.fitted[TARGET]) == bits(world.fitted[TARGET])
    assert again.record == world.record


def test_labels_of_the_unlabelled_are_never_seen(world: Any) -> None:
    """A task has no place for them."""
    task: Task = world.tasks[TARGET]
    assert len(task.labelled_y) == 6
    arrays = [value for value in vars(task).values() if isinstance(value, np.ndarray)]
    assert sum(array.dtype == np.int64 for array in arrays) == 1


def refuse(device: str, answer: Answer) -> Answer:
    """Every source turns every request down."""
    frame = encode(ErrorReply.of(Fault.NOT_ELIGIBLE, "no"))
    return Answer(Parcel.of(frame), refused=Fault.NOT_ELIGIBLE)


def garble(device: str, answer: Answer) -> Answer:
    """Each frame of one source arrives with a byte changed."""
    if device != "domain-3":
        return answer
    frame = bytearray(answer.parcel.content)
    frame[-1] ^= 1
    return replace(answer, parcel=Parcel.of(bytes(frame)))


def test_it_learns_alone_where_nobody_helps(
    run: Callable[..., Any], variant: tuple[str, dict[str, Any]]
) -> None:
    world = run(tampered=refuse)
    fitted = world.fitted[TARGET]
    assert fitted.selected == ()
    assert logits_of(fitted.model, world.examinations[TARGET].x).shape[1] == 3
    if asks(variant):
        assert any("learned alone" in note for note in fitted.notes)
        requests = [row for row in world.record.ledger if row.sender == TARGET]
        assert {row.outcome for row in requests} == {"refused:not_eligible"}


def test_it_goes_on_without_a_source_whose_frames_are_broken(
    run: Callable[..., Any], variant: tuple[str, dict[str, Any]]
) -> None:
    world = run(tampered=garble)
    fitted = world.fitted[TARGET]
    assert "domain-3" not in fitted.selected
    assert bool(fitted.selected) == asks(variant)
    broken = [row for row in world.record.ledger if row.sender == "domain-3"]
    assert all(row.outcome == "refused:checksum" and row.kind == "unreadable" for row in broken)


def misshape(device: str, answer: Answer) -> Answer:
    """Each frame of one source that holds tensors is well formed, and holds one number too few."""
    message = decode(answer.parcel.content)
    cut = {
        "summary": "statistics",
        "centroids": "centroids",
        "encoder": "weights",
        "model": "weights",
        "predictions": "logits",
    }
    if device != "domain-3" or message.kind not in cut:
        return answer
    whole = getattr(message, cut[message.kind])
    part = whole[:-1]
    wrong = type(message)(**{**dict(message), cut[message.kind]: part})
    return replace(answer, parcel=Parcel.of(encode(wrong)))


def test_a_frame_whose_tensors_do_not_fit_is_refused_in_the_ledger(
    run: Callable[..., Any], variant: tuple[str, dict[str, Any]]
) -> None:
    world = run(tampered=misshape)
    assert "domain-3" not in world.fitted[TARGET].selected
    tensors = [r for r in world.record.ledger if r.sender == "domain-3" and r.kind != "welcome"]
    assert bool(tensors) == asks(variant)
    assert {row.outcome for row in tensors} <= {"refused:shape"}


def test_it_works_without_unlabelled_samples(run: Callable[..., Any]) -> None:
    def without(task: Task) -> Task:
        return replace(task, unlabelled_x=task.unlabelled_x[:0])

    fitted = run(exchanged=without).fitted[TARGET]
    assert all(torch.isfinite(tensor).all() for tensor in fitted.model.state_dict().values())


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_cheaper_weights_cost_fewer_bytes(
    run: Callable[..., Any], world: Any, variant: tuple[str, dict[str, Any]], precision: str
) -> None:
    """And the model that comes of them is one, too."""
    cheap = run(precision=precision)
    size, full = (sum(row.payload_bytes for row in it.record.ledger) for it in (cheap, world))
    assert size < full or not asks(variant)
    assert all(torch.isfinite(tensor).all() for tensor in cheap.fitted[TARGET].model.state_dict().values())


@cache
def generated(shape: tuple[int, ...]) -> Dataset:
    return open_generated(GeneratedSpec(domains=3, classes=3, shape=shape, samples=45, shift=0.3))


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8)])
def test_it_works_on_samples_of_every_shape(
    run_world: Callable[..., Any],
    fleet_of: Callable[..., Fleet],
    variant: tuple[str, dict[str, Any]],
    shape: tuple[int, ...],
) -> None:
    dataset = generated(shape)
    architectures = ("mlp-small", "mlp") if len(shape) == 1 else ("cnn-image-small", "cnn-image")
    fleet = fleet_of(dataset, "domain-1", architectures)
    world = run_world(dataset, [fleet], variant[0], epochs=2, **variant[1])
    logits = logits_of(world.fitted[TARGET].model, world.examinations[TARGET].x)
    assert logits.shape[1] == 3 and bool(torch.isfinite(logits).all())


def test_sources_that_lack_classes_are_used_for_those_they_know(
    run: Callable[..., Any], variant: tuple[str, dict[str, Any]]
) -> None:
    """Nothing that they send is refused; only fine-tuning needs a source that knows all labels.

    Whoever sent its model is used, but by the methods that choose among models.
    """
    world = run(dataset=PARTIAL)
    fitted, examination = world.fitted[TARGET], world.examinations[TARGET]
    assert all(row.outcome == DELIVERED for row in world.record.ledger)
    assert bool(fitted.selected) == asks(variant)
    sent = {row.sender for row in world.record.ledger if row.kind in ANSWERS}
    if variant[0] == "fine-tune":
        assert fitted.selected == fitted.shortlisted == ("domain-5",)
    elif variant[0] in CHOOSE_AMONG_MODELS:
        assert set(fitted.selected) <= sent
    else:
        assert set(fitted.selected) == sent
    if variant[0] not in FUSE_WITHOUT_LABELS:
        predicted = logits_of(fitted.model, examination.x).argmax(dim=1).numpy()
        assert (predicted == examination.y).mean() > 0.4


def test_it_predicts_all_classes_where_each_source_knows_a_share_of_them(
    run_world: Callable[..., Any], fleet: Fleet, variant: tuple[str, dict[str, Any]]
) -> None:
    """A share of .4 of three is one class, which such a source is always right about. No frame is refused."""
    sources = [replace(it, classes=drawn(DATASET.classes, 0.4, 0, it.domain)) for it in fleet.sources]
    assert len({it.classes for it in sources}) > 1 and {len(it.classes) for it in sources} == {1}
    narrow = replace(fleet, sources=tuple(sources))
    world = run_world(DATASET, [narrow], variant[0], recipe=RECIPE, epochs=20, **variant[1])
    assert all(row.outcome == DELIVERED for row in world.record.ledger)
    fitted = world.fitted[TARGET]
    logits = logits_of(fitted.model, world.examinations[TARGET].x)
    assert logits.shape[1] == 3 and bool(torch.isfinite(logits).all())
    assert bool(fitted.selected) == (asks(variant) and variant[0] != "fine-tune")


def carrying(fleet: Fleet, own: tuple[str, ...], theirs: tuple[tuple[str, ...], ...]) -> Fleet:
    """The fleet with these sensors on the target and on each of its sources."""
    sources = tuple(replace(it, sensors=them) for it, them in zip(fleet.sources, theirs, strict=True))
    return Fleet(replace(fleet.target, sensors=own), sources)


def test_sources_with_fewer_sensors_than_the_target_are_used(
    run_world: Callable[..., Any], fleet: Fleet, variant: tuple[str, dict[str, Any]]
) -> None:
    """All of them are eligible, and no frame is refused."""
    mixed = carrying(fleet, BOTH, MIXED)
    world = run_world(DATASET, [mixed], variant[0], **{"recipe": RECIPE, "epochs": 20} | variant[1])
    assert all(row.outcome == DELIVERED for row in world.record.ledger)
    fitted, examination = world.fitted[TARGET], world.examinations[TARGET]
    assert bool(fitted.selected) == asks(variant)
    predicted = logits_of(fitted.model, examination.x).argmax(dim=1).numpy()
    assert (predicted == examination.y).mean() > 0.4


def test_sources_whose_models_read_what_the_target_lacks_say_so_and_are_left_out(
    run_world: Callable[..., Any], fleet: Fleet, variant: tuple[str, dict[str, Any]]
) -> None:
    """They are asked once, and the others serve as ever."""
    mixed = carrying(fleet, ("left",), MIXED)
    world = run_world(DATASET, [mixed], variant[0], **{"recipe": RECIPE, "epochs": 20} | variant[1])
    fitted, ledger = world.fitted[TARGET], world.record.ledger
    refused = {row.receiver for row in ledger if row.outcome == "refused:not_eligible"}
    assert refused == ({"domain-3", "domain-4"} if asks(variant) else set())
    assert bool(fitted.selected) == asks(variant) and not refused & set(fitted.shortlisted)
    assert all(row.kind in ("join", "error") for row in ledger if refused & {row.sender, row.receiver})
    assert logits_of(fitted.model, world.examinations[TARGET].x).shape[1] == 3


def test_channels_that_nobody_reads_change_nothing(
    run_world: Callable[..., Any],
    fleet: Fleet,
    variant: tuple[str, dict[str, Any]],
) -> None:
    """The plain twin: where all carry the left sensor alone, it is as with data without the right one."""
    settings = {"recipe": RECIPE, "epochs": 20} | variant[1]
    cut = run_world(DATASET, [carrying(fleet, ("left",), (("left",),) * 4)], variant[0], **settings)
    plain = run_world(LEFT, [fleet], variant[0], **settings)
    assert bits(cut.fitted[TARGET]) == bits(plain.fitted[TARGET])
    assert cut.fitted[TARGET].scores == plain.fitted[TARGET].scores


@pytest.mark.parametrize("shape", [(5,), (3, 8, 8)])
def test_vectors_and_images_may_be_of_several_sensors(
    run_world: Callable[..., Any],
    fleet_of: Callable[..., Fleet],
    variant: tuple[str, dict[str, Any]],
    shape: tuple[int, ...],
) -> None:
    spec = GeneratedSpec(domains=4, classes=3, shape=shape, samples=45, shift=0.3)
    right = tuple(channel for channel in range(shape[0]) if channel not in (0, 2))
    dataset = open_generated(spec, (Sensor("left", (0, 2)), Sensor("right", right)))
    architectures = ("mlp-small", "mlp") if len(shape) == 1 else ("cnn-image-small", "cnn-image")
    mixed = carrying(fleet_of(dataset, "domain-1", architectures), BOTH, (("left",), ("right",), BOTH))
    world = run_world(dataset, [mixed], variant[0], epochs=2, **variant[1])
    assert all(row.outcome == DELIVERED for row in world.record.ledger)
    logits = logits_of(world.fitted[TARGET].model, world.examinations[TARGET].x)
    assert logits.shape[1] == 3 and bool(torch.isfinite(logits).all())
