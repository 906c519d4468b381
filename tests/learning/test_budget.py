"""What work costs a device: its time by hand, and memory against what torch really takes."""

from __future__ import annotations

import pickle
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.profiler import ProfilerActivity, profile

from hat_sim.learning.architectures import ARCHITECTURES, Description, describe, rank_of
from hat_sim.learning.budget import INFERENCE_BATCH, busy_ns, source_memory, target_memory
from hat_sim.learning.models import build
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.learning.student import Pool, Student
from hat_sim.protocol.work import Model, Work
from hat_sim.scenario.catalogue import DeviceProfile

SHAPES = {1: (64,), 2: (128, 6), 3: (3, 16, 16)}
DEVICE = DeviceProfile("toy", 1e9, 2**30, 2.0, "", "", (), sample_times=(("gru", 0.5), ("mlp", 0.25)))
GRU, MLP, CNN = Model("gru", 300), Model("mlp", 900), Model("cnn-small", 600)


class TestTime:
    """FLOP / speed, or the share of a sample's training that the profile knows the time of."""

    @pytest.mark.parametrize(
        ("work", "ns"),
        [
            (Work(7), 7),
            (Work(600, {CNN: 600}), 600),
            (Work(300, {GRU: 300}), 500_000_000),
            (Work(100, {GRU: 100}), 166_666_667),
            (Work(3 * 300 + 5, {GRU: 3 * 300}), 1_500_000_005),
            (Work(300 + 900 + 600 + 1, {GRU: 300, MLP: 900, CNN: 600}), 750_000_601),
            (Work(0), 0),
        ],
    )
    def test_by_hand(self, work: Work, ns: int) -> None:
        """A second takes 10^9 FLOP; training on one sample half a second for gru, a quarter for mlp."""
        assert busy_ns(DEVICE, work) == ns

    def test_an_inference_is_a_third_of_training_whatever_the_head(self) -> None:
        for classes in (2, 9):
            gru = describe("gru", SHAPES[2], classes)
            assert busy_ns(DEVICE, gru.training) == 500_000_000
            assert busy_ns(DEVICE, 3 * gru.forward) == 500_000_000
            assert busy_ns(DEVICE, gru.encoding()) < busy_ns(DEVICE, gru.forward)

    @given(st.integers(0, 10**15), st.floats(1, 1e15))
    def test_without_such_times_it_is_flop_by_speed_rounded_up(self, flop: int, speed: float) -> None:
        device = DeviceProfile("toy", speed, 1, 1.0, "", "", ())
        assert busy_ns(device, Work(flop, {GRU: flop})) == -(-flop * 10**9 // int(speed))


works = st.builds(
    Work,
    st.integers(1000, 10**6),
    st.dictionaries(st.sampled_from([GRU, MLP]), st.integers(1, 400)),
)


@given(works, works, st.integers(0, 9))
def test_works_add_up_with_their_models(one: Work, other: Work, times: int) -> None:
    both = times * one + other + 5
    assert both.flop == times * one.flop + other.flop + 5
    for model in (GRU, MLP):
        parts = times * one.models.get(model, 0) + other.models.get(model, 0)
        assert both.models.get(model, 0) == parts
    assert sum([one, other], Work(0)) == one + other == other + one
    again = pickle.loads(pickle.dumps(both))
    assert (again, again.models) == (both, both.models)


def peak(run: Callable[[], object]) -> int:
    """Most bytes that torch held for tensors at once while this ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as watched:
        kept = run()
    found = [it for it in watched.profiler.kineto_results.events() if it.name() == "[memory]"]
    held = most = 0
    for event in sorted(found, key=lambda it: it.start_ns()):
        held += event.nbytes()
        most = max(most, held)
    del kept
    return most


@pytest.fixture(params=ARCHITECTURES)
def description(request: pytest.FixtureRequest) -> Description:
    return describe(request.param, SHAPES[rank_of(request.param)], 4)


class TestMemory:
    """The estimates are those of torch's own tensors within a factor of two."""

    def test_of_training_a_student(self, description: Description) -> None:
        """The pool, which is not counted, is taken off: it is there twice, as it came and standardised."""
        recipe = StudentRecipe()
        x, teacher = torch.randn(200, *description.shape), torch.full((200, 4), 0.25)

        def train() -> Student:
            student = Student(description, Pool(x, torch.arange(64) % 4), recipe, 0)
            for _ in range(2):
                student.step(teacher, 1.0)
            return student

        measured = peak(train) - x.nbytes
        assert 0.5 < target_memory(description, recipe) / measured < 2

    def test_of_asking_a_model(self, description: Description) -> None:
        x = torch.randn(INFERENCE_BATCH, *description.shape)

        def ask() -> torch.Tensor:
            with torch.no_grad():
                logits: torch.Tensor = build(description, 0).eval()(x)
            return logits

        measured = peak(ask) + x.nbytes
        assert 0.5 < description.inference_memory(INFERENCE_BATCH) / measured < 2

    def test_of_the_sources_models_beside_the_student(self, description: Description) -> None:
        """Models that wait are their weights; those that train cost what training costs."""
        recipe, alone = StudentRecipe(), target_memory(description, StudentRecipe())
        beside = target_memory(description, recipe, [description] * 3, trained=1)
        tuned = description.training_memory(recipe.pool_batch)
        assert beside == alone + tuned + 2 * 4 * description.parameters
        weights = sum(it.nbytes for it in build(description, 0).state_dict().values())
        assert weights == 4 * description.parameters

    def test_of_a_source_is_the_larger_of_training_and_being_asked(self, description: Description) -> None:
        asked, small = description.inference_memory(INFERENCE_BATCH), SourceRecipe(1, 1)
        assert source_memory(description, small) == max(asked, description.training_memory(1))
        assert source_memory(description, SourceRecipe(1, 512)) == description.training_memory(512)
