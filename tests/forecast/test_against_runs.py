"""Plans against runs: exact where that is promised, else around what the run gives."""

from __future__ import annotations

from typing import Any

import pytest

from hat_sim.errors import UserError
from hat_sim.forecast import forecast
from hat_sim.forecast.content import content_of
from hat_sim.methods.registry import METHODS

SHARED = (
    "target.domain=[domain-2, domain-4, domain-5]",
    "target.shared_fleet=true",
    "sources.domains=[domain-1, domain-3, domain-6, domain-7, domain-8]",
)
SENSORS = (
    "data.generated.shape=[16, 3]",
    "data.generated.sensors={accelerometer: [0, 2], gyroscope: [1]}",
    "sources.sensors=[accelerometer, gyroscope, accelerometer+gyroscope]",
)
"""The target has both; it has one alone below."""
ONE_SENSOR = (*SENSORS, "target.sensors=accelerometer")
OWN = (
    "devices.own={speed: 1 GFLOP/s, memory: 1 GB, power: 2 W, ms_per_sample: {cnn-small: 3 ms/sample, "
    "gru: 9 ms/sample}, energy_per_flop: 20 pJ/FLOP}"
)
CHOOSES = ("hat", "hat-plus", "fine-tune", "logme", "leep", "parc", "knn", "distill-nearest")
"""Methods whose costs hang on what only trained models tell."""
CERTAIN = {
    **{name: (f"method={{name: {name}}}",) for name in METHODS if name not in CHOOSES},
    "all chosen": ("method.top=9",),
    "stacking of logits": ("method={name: stacking, inputs: logits}",),
    "fedmd in parts": ("method={name: fedmd}", "data.generated.samples=2000", "data.generated.shape=[60, 2]"),
    "aver on a shared fleet": ("method={name: aver}", *SHARED),
    "some classes": ("method={name: aver}", "sources.class_share=0.4"),
    "all chosen of mixed sensors": ("method={name: hat, eta: 1.0, top: 9}", *SENSORS),
    "aver of mixed sensors": ("method={name: aver}", *SENSORS),
    "aver with one sensor": ("method={name: aver}", *ONE_SENSOR),
    "hat-plus with one sensor": ("method={name: hat-plus}", *ONE_SENSOR),
    "fedmd of mixed sensors": ("method={name: fedmd}", *SENSORS),
    "fedmd with one sensor": ("method={name: fedmd}", *ONE_SENSOR),
    "aver over lossy links": ("method={name: aver}", "sources.links=edge-2g", "target.link=lte"),
    "two at a time": ("method={name: aver}", "transfer.max_in_flight=2"),
    "a measured device": ("method={name: aver}", "target.device=own", OWN),
    "halves": ("method={name: all-sources}", "transfer.weights=fp16"),
}
OPEN = {
    **{name: (f"method={{name: {name}}}",) for name in CHOOSES},
    "encoder space": ("method.fine_space=encoder", "method.top=3"),
    "encoder space, bytes": ("method={name: hat-plus, fine_space: encoder}", "transfer.weights=int8"),
    "logit space": ("method.fine_space=logit",),
    "logit space, otherwise taught": ("method={name: hat-plus, fine_space: logit}",),
    "one after the other": ("method.training=sequential",),
    "one optimizer": ("method.optimizer=one", "method.top=1"),
    "logit space on a shared fleet": ("method.fine_space=logit", *SHARED),
    "a floor": ("method.eta_means=floor", "method.eta=0.0"),
    "unfrozen": ("method.unfrozen_blocks=2",),
    "one of them": ("method.top=1",),
    "fine-tuned by a score": ("method={name: logme, then: fine-tune}",),
    "mixed sensors": SENSORS,
    "mixed sensors, one of them here": ONE_SENSOR,
    "mixed sensors, encoder space": ("method.fine_space=encoder", *SENSORS),
    "mixed sensors, otherwise taught": ("method={name: hat-plus}", *SENSORS),
    "a measured device": ("method.top=2", "target.device=own", OWN),
    "two at a time": ("method.top=3", "transfer.max_in_flight=2"),
    "all of them, two at a time": ("method.top=9", "transfer.max_in_flight=2"),
    "one at a time on a shared fleet": ("method.top=9", "transfer.max_in_flight=1", *SHARED),
    "some classes": ("sources.class_share=0.4",),
    "a target of one class": ("sources.class_share=0.4", "target.classes=[class-1]"),
    "many targets": ("target.domain=[domain-2, domain-4, domain-5]",),
    "a shared fleet": SHARED,
    "fine-tune on a shared fleet": ("method={name: fine-tune}", *SHARED),
    "a narrow link": ("target.link=nb-iot", "method.top=3"),
    "another seed": ("seed=1",),
}
ROUNDS = """\
rounds:
  domains: [[domain-2], [domain-4, domain-5]]
"""


@pytest.mark.parametrize("variant", CERTAIN)
def test_what_no_model_decides_is_known_exactly(
    variant: str, planned: Any, result_of_run: Any, held_against: Any
) -> None:
    plan = planned(*CERTAIN[variant])
    both = held_against(content_of(forecast(plan)), result_of_run(plan))
    assert {path: it for path, it in both.items() if it[0] != [it[1], it[1]]} == {}


@pytest.mark.parametrize("variant", OPEN)
def test_what_is_open_lies_within_its_range(
    variant: str, planned: Any, result_of_run: Any, held_against: Any
) -> None:
    plan = planned(*OPEN[variant])
    content = content_of(forecast(plan))
    both = held_against(content, result_of_run(plan))
    assert any(low < high for (low, high), _ in both.values())
    if variant not in ("a shared fleet", "one at a time on a shared fleet"):
        asked = [path for path in both if path.rpartition(".")[2] in ("coarse", "fine")]
        assert len(asked) >= 8
        for path in asked:
            assert (path.startswith("time.") and len(plan.fleets) > 1) or both[path][0][0] == both[path][0][1]


@pytest.mark.parametrize("method", ["hat", "aver", "ensemble"])
def test_rounds_are_those_of_the_run(
    method: str, mixed: str, planned: Any, result_of_run: Any, held_against: Any
) -> None:
    """An expanded target serves with its student, or, after an ensemble, does not serve."""
    text = mixed.replace("domain: domain-2, ", "") + ROUNDS
    plan = planned(f"method={{name: {method}}}", text=text)
    content = content_of(forecast(plan))
    held_against(content, result_of_run(plan))
    assert [target["round"] for target in content["targets"]] == [1, 2, 2]
    first, second, _ = (target["all_models_bytes"] for target in content["targets"])
    assert (second > first) == (method != "ensemble")


UNIFORM = ("sources.architectures=gru", "sources.heterogeneity={}", "sources.devices=pi4")


@pytest.mark.parametrize("method", CHOOSES)
def test_sources_that_are_alike_are_planned_exactly(
    method: str, planned: Any, result_of_run: Any, held_against: Any
) -> None:
    plan = planned(f"method={{name: {method}}}", *UNIFORM, "sources.links=lte-m")
    both = held_against(content_of(forecast(plan)), result_of_run(plan))
    assert {path: it for path, it in both.items() if it[0] != [it[1], it[1]]} == {}


LOSSY = ("method.top=3", "target.link=lte", "sources.links=[lte, edge-2g]")


@pytest.mark.parametrize("method", ["hat", "hat-plus"])
@pytest.mark.parametrize("others", [(), UNIFORM, ("transfer.max_in_flight=1",)])
def test_over_links_that_lose_packets_bytes_are_bounded_and_times_nearly(
    method: str, others: tuple[str, ...], planned: Any, result_of_run: Any, held_against: Any
) -> None:
    """Here times are within their bounds, too; that they need not be is what the note says."""
    plan = planned(f"method={{name: {method}}}", *LOSSY, *others)
    content = content_of(forecast(plan))
    both = held_against(content, result_of_run(plan))
    for path, (pair, _) in both.items():
        assert pair[0] == pair[1] or "transfer" in path or path.rpartition(".")[2] not in ("coarse", "fine")
    low, high = content["traffic"]["wire_by_phase"]["transfer"]
    assert low < high, "other sources lose other packets"
    [note] = [note for note in content["notes"] if note.startswith("packets are lost over edge-2g and lte, ")]
    assert note.endswith("ranges of times are approximate")


@pytest.mark.parametrize("overrides", [("method={name: aver}", *LOSSY[1:]), ("sources.links=wifi",)])
def test_a_plan_that_is_sure_of_its_times_says_nothing_of_losses(
    overrides: tuple[str, ...], planned: Any
) -> None:
    assert not any("lost" in note for note in content_of(forecast(planned(*overrides)))["notes"])


def test_sources_of_one_architecture_are_planned_to_the_byte_whatever_their_links(
    planned: Any, result_of_run: Any, held_against: Any
) -> None:
    plan = planned("sources.architectures=gru")
    both = held_against(content_of(forecast(plan)), result_of_run(plan))
    sizes = {path: it for path, it in both.items() if "payload" in path}
    assert sizes and all(pair == [value, value] for pair, value in sizes.values())


def test_every_method_that_ships_has_an_outline() -> None:
    assert [name for name, method in METHODS.items() if method.load_outline() is None] == []


def test_rounds_that_hang_on_a_choice_are_refused(mixed: str, planned: Any) -> None:
    text = mixed.replace("domain: domain-2, ", "") + ROUNDS
    with pytest.raises(UserError, match=r"rounds.serve: what a target serves with .* is open .* or "):
        forecast(planned("method={name: fine-tune}", text=text))
    assert forecast(planned("method={name: fine-tune}", "sources.architectures=gru", text=text))


@pytest.mark.parametrize(
    "override",
    [
        "faults=[{kind: crash, devices: domain-1, at: 1 s}]",
        "protocol={retries: 1}",
    ],
)
def test_there_is_no_plan_of_targets_that_ask_again(override: str, planned: Any) -> None:
    path = override.partition("=")[0]
    with pytest.raises(
        UserError, match=rf"{path}: there is no plan of faults, nor of targets that do not wait"
    ):
        forecast(planned(override))


def test_a_plan_says_that_joules_of_waiting_are_left_out(planned: Any) -> None:
    idle = OWN.replace("energy_per_flop: 20 pJ/FLOP", "idle_power: 1 W")
    notes = content_of(forecast(planned("target.device=own", idle)))["notes"]
    assert "joules of waiting, which some profiles tell, are not planned" in notes
