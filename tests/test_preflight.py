"""Preflight: what a device can train, what `auto` takes for it, and what is said before Ray starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hat_sim.errors import Problem, UserError
from hat_sim.learning.architectures import describe, fitting
from hat_sim.learning.budget import busy_ns, most_student_flop, source_memory, target_memory
from hat_sim.preflight import Plan, load_checked, prepare, source_recipe, student_recipe

SCENARIO = """\
name: preflight
data: {{generated: {{domains: 4, classes: 3, shape: {shape}, samples: 60}}}}
method: {{name: hat}}
target: {{domain: domain-2, device: own, link: wifi, architecture: {target}, time_budget: {budget}}}
sources: {{devices: own, links: wifi, architectures: {sources}}}
devices:
  own: {{like: pi4, memory: {memory}, speed: {speed}}}
"""
SHAPES = {"features": (16,), "series": (32, 3), "images": (1, 8, 8)}
SERIES = SHAPES["series"]
CLASSES = 3

Planned = Callable[..., Plan]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """The plan of a scenario on devices of one kind."""
    file = tmp_path_factory.mktemp("preflight") / "preflight.yaml"

    def planned(
        *overrides: str,
        shape: tuple[int, ...] = SERIES,
        memory: str = "4 GB",
        speed: str = "15 GFLOP/s",
        budget: str = "10 min",
        target: str = "auto",
        sources: str = "auto",
    ) -> Plan:
        text = SCENARIO.format(
            shape=list(shape), memory=memory, speed=speed, budget=budget, target=target, sources=sources
        )
        file.write_text(text)
        return prepare(load_checked(file, overrides))

    return planned


def problems_of(planned: Planned, *overrides: str, **changes: object) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        planned(*overrides, **changes)
    return list(caught.value.problems)


def architectures(plan: Plan) -> tuple[str, set[str]]:
    """The target's, and those of its sources."""
    [fleet] = plan.fleets
    return fleet.target.architecture, {source.architecture for source in fleet.sources}


class TestAuto:
    """The largest architecture that a device carries."""

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    def test_a_roomy_device_gets_the_one_with_the_most_parameters(self, shape, planned) -> None:
        largest = max(fitting(shape), key=lambda name: describe(name, shape, CLASSES).parameters)
        assert architectures(planned(shape=shape)) == (largest, {largest})

    def test_memory_decides_to_the_byte(self, planned) -> None:
        plan = planned("method.top=2", sources="cnn-small")
        small = describe("cnn-small", SERIES, CLASSES)
        needed = target_memory(small, plan.student_recipe, [small, small])
        largest = architectures(plan)[0]
        assert largest != "cnn-small"
        tight = planned("method.top=2", sources="cnn-small", memory=f"{needed} B")
        assert architectures(tight)[0] == "cnn-small"
        [problem] = problems_of(planned, "method.top=2", sources="cnn-small", memory=f"{needed - 1} B")
        assert problem.path == "target.architecture"
        assert problem.what.startswith(
            f"no architecture fits {needed - 1} B of memory and 10 min of training"
        )

    def test_the_time_budget_decides_for_the_target_alone(self, planned) -> None:
        plan = planned()
        work = most_student_flop(describe("cnn-small", SERIES, CLASSES), plan.student_recipe)
        enough = planned(speed=f"{work} FLOP/s", budget="1 s")
        assert architectures(enough) == ("cnn-small", architectures(plan)[1])
        [problem] = problems_of(planned, speed=f"{work - 1} FLOP/s", budget="1 s")
        assert problem.path == "target.architecture"
        assert "1 s of training" in problem.what
        assert "time_budget" in (problem.hint or "")

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        memory=st.integers(50_000, 5_000_000),
        speed=st.integers(10**6, 10**10),
        batch=st.sampled_from([1, 32, 512]),
    )
    def test_what_it_takes_fits_and_nothing_larger_does(self, memory, speed, batch, planned) -> None:
        try:
            plan = planned(
                f"training.source_batch_size={batch}", memory=f"{memory} B", speed=f"{speed} FLOP/s"
            )
        except UserError:
            return
        student, source = student_recipe(plan.scenario), source_recipe(plan.scenario)
        target, sources = architectures(plan)
        everything = {name: describe(name, SERIES, CLASSES) for name in fitting(SERIES)}
        fits_target = [
            it
            for it in everything.values()
            if target_memory(it, student, [everything[name] for name in sources] * 3) <= memory
            and most_student_flop(it, student) <= 600 * speed
        ]
        fits_source = [it for it in everything.values() if source_memory(it, source) <= memory]
        assert everything[target].parameters == max(it.parameters for it in fits_target)
        assert {everything[name].parameters for name in sources} == {max(it.parameters for it in fits_source)}


class TestNamedArchitectures:
    """An architecture that is written down is held against shape and memory."""

    def test_it_is_taken_where_it_fits(self, planned) -> None:
        plan = planned(target="gru", sources="[cnn-small, cnn-large]")
        assert architectures(plan) == ("gru", {"cnn-small", "cnn-large"})

    def test_one_that_does_not_read_the_shape_is_refused_with_those_that_do(self, planned) -> None:
        found = problems_of(planned, shape=SHAPES["images"], target="gru", sources="[mlp, cnn-image]")
        assert [(it.path, it.what) for it in found] == [
            ("target.architecture", "gru cannot read samples of shape (1, 8, 8)"),
            ("sources.architectures", "mlp cannot read samples of shape (1, 8, 8)"),
        ]
        assert {it.hint for it in found} == {"for (channels, height, width): cnn-image-small, cnn-image"}

    def test_a_shortage_of_memory_is_said_once_however_many_devices_and_targets(self, planned) -> None:
        found = problems_of(
            planned, "target.domain=each", memory="100 kB", target="cnn-large", sources="[gru]"
        )
        assert [it.path for it in found] == ["target.architecture", "sources.architectures"]
        assert "cnn-large" in found[0].what and "a own has 100 kB" in found[0].what
        assert "gru" in found[1].what

    def test_a_listed_source_is_named_by_its_place(self, planned) -> None:
        common = "device: own, link: wifi"
        listed = f"[{{domain: domain-1, {common}}}, {{domain: domain-3, {common}, architecture: mlp}}]"
        [problem] = problems_of(planned, f"sources={listed}")
        assert problem.path == "sources.1.architecture"


class TestSourcesModels:
    """A target holds models of its sources beside its own, as many as the method asks for."""

    HOLDS = (
        ("{name: target-only}", 0, 0),
        ("{name: fedmd}", 0, 0),
        ("{name: hat, top: 2}", 2, 0),
        ("{name: hat, top: 2, unfrozen_blocks: 1}", 2, 2),
        ("{name: hat, top: 1, fine_space: encoder, eta: 0.4}", 2, 0),
        ("{name: hat-plus, top: 9}", 3, 0),
        ("{name: random, top: 1}", 1, 0),
        ("{name: aver}", 3, 0),
        ("{name: ensemble}", 3, 0),
        ("{name: stacking}", 3, 0),
        ("{name: all-sources, unfrozen_blocks: 1}", 3, 3),
        ("{name: decision}", 3, 3),
        ("{name: fine-tune}", 3, 1),
        ("{name: logme}", 3, 0),
        ("{name: logme, then: fine-tune}", 3, 1),
    )

    @pytest.mark.parametrize(("method", "models", "trained"), HOLDS, ids=[it[0] for it in HOLDS])
    def test_what_a_method_holds_is_held_against_the_target_before_the_run(
        self, method, models, trained, planned
    ) -> None:
        """To the byte, and the message names the device, what it needs and what it has."""
        setting, names = f"method={method}", {"target": "gru", "sources": "[cnn-small]"}
        recipe = student_recipe(planned(setting, **names).scenario)
        student, source = describe("gru", SERIES, CLASSES), describe("cnn-small", SERIES, CLASSES)
        needed = target_memory(student, recipe, [source] * models, trained)
        planned(setting, **names, memory=f"{needed} B")
        [problem] = problems_of(planned, setting, **names, memory=f"{needed - 1} B")
        beside = f" beside {models} of the sources' models" if models else ""
        assert problem.what == f"training gru{beside} needs {needed} B, a own has {needed - 1} B"
        assert problem.path == "target.architecture"

    def test_it_is_the_largest_models_that_are_counted(self, planned) -> None:
        small, large = (describe(name, SERIES, CLASSES) for name in ("cnn-small", "cnn-large"))
        mixed = {"target": "cnn-small", "sources": "[cnn-small, cnn-large]"}
        recipe = student_recipe(planned(**mixed).scenario)
        needed = target_memory(small, recipe, [large])
        assert needed > target_memory(small, recipe, [small])
        own = ("method.top=1", "devices.big={like: pi4}", "sources.devices=big")
        planned(*own, **mixed, memory=f"{needed} B")
        assert problems_of(planned, *own, **mixed, memory=f"{needed - 1} B")

    def test_an_expanded_target_serves_with_the_model_that_it_joined_with(self, planned) -> None:
        """`auto` was decided beside the sources of its own round."""
        small = describe("cnn-small", SERIES, CLASSES)
        rounds = (
            "target={device: own, link: wifi}",
            "rounds={domains: [domain-2, domain-3]}",
            "method.top=4",
        )
        recipe = student_recipe(planned(*rounds, sources="cnn-small").scenario)
        roomy = ("devices.big={like: pi4}", "sources.devices=big")
        needed = target_memory(small, recipe, [small] * 3)
        first, second = planned(*rounds, *roomy, sources="cnn-small", memory=f"{needed} B").fleets
        assert second.sources[-1].architecture == first.target.architecture == "cnn-small"


class TestTimePerSample:
    """`ms_per_sample` of a profile takes the place of FLOP / speed for that architecture."""

    def test_it_decides_what_auto_takes(self, planned) -> None:
        """On a device that is fast by its speed, 30 epochs of 5 steps of 128 samples at 40 ms are 768 s."""
        own = "devices.own.ms_per_sample={cnn-large: 40 ms/sample}"
        largest = architectures(planned())[0]
        assert largest == "cnn-large"
        assert architectures(planned(own))[0] != "cnn-large"
        assert architectures(planned(own, budget="13 min"))[0] == "cnn-large"

    def test_an_unknown_architecture_is_told_with_its_place(self, planned) -> None:
        [problem] = problems_of(planned, "devices.own.ms_per_sample={grub: 1 ms/sample}")
        assert problem.path == "devices.own.ms_per_sample.grub"
        assert problem.hint == 'did you mean "gru"?'

    def test_heterogeneity_spreads_it_like_speed(self, planned) -> None:
        own = "devices.own.ms_per_sample={gru: 10 ms/sample}"
        [fleet] = planned(own, "sources.heterogeneity.compute=0.5", sources="gru").fleets
        work = describe("gru", SERIES, CLASSES).training
        times = sorted(busy_ns(source.profile, work) for source in fleet.sources)
        assert times[1] == 10_000_000 and times[0] * times[2] == pytest.approx(1e14, rel=1e-6)


class TestNotes:
    """What a user should know before trusting the figures."""

    def test_a_loss_that_the_model_was_checked_for_is_no_news(self, planned) -> None:
        assert planned("links={bad: {like: wifi, loss: 2 %}}", "sources.links=[lte, bad]").notes == ()

    def test_links_with_more_of_it_come_in_order_with_their_loss(self, planned) -> None:
        own = "links={far: {like: wifi, loss: 12.5 %}, bad: {like: wifi, loss: 8 %}}"
        [note] = planned(own, "sources.links=[far, bad]", "target.link=far").notes
        assert note == "more loss than 2% makes real TCP slower than it is simulated: bad (8.0%), far (12.5%)"

    def test_without_loss_there_is_none(self, planned) -> None:
        assert planned().notes == ()


class TestPlan:
    """What a plan is made of."""

    def test_targets_come_in_the_order_of_the_scenario(self, planned) -> None:
        plan = planned("target.domain=[domain-3, domain-1]")
        assert [fleet.target.domain for fleet in plan.fleets] == ["domain-3", "domain-1"]
        every = planned("target.domain=each").fleets
        assert [fleet.target.domain for fleet in every] == [f"domain-{n}" for n in range(1, 5)]
        assert all(len(fleet.sources) == 3 for fleet in every)

    def test_the_hash_is_of_scenario_and_data_and_not_of_the_seed(self, planned) -> None:
        assert planned().sha256 == planned("seed=5").sha256
        others = ["method.top=2", "data.generated.shift=0.1", "target.domain=domain-3", "training.epochs=3"]
        assert len({planned().sha256, *(planned(change).sha256 for change in others)}) == 5

    def test_recipes_are_those_of_the_scenario(self, planned) -> None:
        plan = planned("training.source_epochs=3", "training.epochs=4", "training.mixup=0.0")
        assert plan.source_recipe.epochs == 3
        assert (plan.student_recipe.epochs, plan.student_recipe.mixup) == (4, 0.0)


def test_problems_are_placed_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    text = SCENARIO.format(
        shape=[32, 3], memory="100 kB", speed="15 GFLOP/s", budget="10 min", target="auto", sources="[gru]"
    )
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        load_checked(file)
    assert [it.where for it in caught.value.problems] == [f"{file}:4", f"{file}:5"]
