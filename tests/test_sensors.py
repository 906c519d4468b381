"""Mixed sensors in a scenario: who carries what, what is refused, and what a run says of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.cli.main import main
from hat_sim.errors import Problem, UserError
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.sensors import Sensor, channels_of, named, places_of, sensor_problems, shape_taken
from hat_sim.simulation.run_folder import RunFolder
from nodes.assignments import Joining
from nodes.casting import joining_of, key_of, lessons_of
from nodes.findings import Subject

SCENARIO = """\
name: sensors
data:
  generated:
    domains: 7
    classes: 3
    shape: [16, 6]
    samples: 60
    shift: 0.5
    sensors: {acc: [0, 1, 2], gyro: [3, 4, 5]}
method: {name: hat, eta: 1.0, top: 2}
target: {domain: domain-2, device: pi4, link: wifi}
sources: {devices: pi4, links: wifi, architectures: cnn-small}
training: {source_epochs: 1, epochs: 2, steps_per_epoch: 2}
"""
DEALT = "sources.sensors={acc: 2, gyro: 1, acc+gyro: 3}"
LISTED = "sources=[{domain: domain-1, device: pi4, link: wifi, sensors: %s}]"

Planned = Callable[..., Plan]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "sensors.yaml"
    file.write_text(SCENARIO)
    return file


@pytest.fixture
def planned(file: Path) -> Planned:
    return lambda *overrides: prepare(load_checked(file, overrides))


def carried_by(plan: Plan) -> dict[str, tuple[str, ...] | None]:
    return {device.name: device.sensors for fleet in plan.fleets for device in fleet.sources}


def problems_of(planned: Planned, *overrides: str) -> list[Problem]:
    with pytest.raises(UserError) as caught:
        planned(*overrides)
    return list(caught.value.problems)


@given(st.permutations(range(6)), st.integers(1, 5))
def test_channels_stand_in_the_order_of_the_data_whatever_order_they_are_named_in(
    order: list[int], cut: int
) -> None:
    """And each sensor finds its own among those of the sensors that a device carries."""
    sensors = named({"one": order[:cut], "other": order[cut:]})
    assert list(sensor_problems({"one": order[:cut], "other": order[cut:]}, 6)) == []
    assert channels_of(sensors) == tuple(range(6)) and channels_of(sensors[:1]) == tuple(sorted(order[:cut]))
    assert {name: list(places) for name, places in places_of(sensors).items()} == {
        "one": sorted(order[:cut]),
        "other": sorted(order[cut:]),
    }
    assert places_of(sensors[1:]) == {"other": tuple(range(6 - cut))}
    assert shape_taken((16, 6), channels_of(sensors[:1])) == (16, cut)
    assert shape_taken((6, 8, 9), channels_of(sensors[:1])) == (cut, 8, 9)


def test_sets_of_sensors_are_dealt_as_devices_are(planned: Planned) -> None:
    """By name and seed; a fleet of other targets or architectures is dealt the same."""
    found = carried_by(planned(DEALT))
    counts = [list(found.values()).count(them) for them in (("acc",), ("gyro",), ("acc", "gyro"))]
    assert counts == [2, 1, 3]
    assert carried_by(planned(DEALT, "sources.architectures=gru", "target.sensors=acc")) == found
    assert carried_by(planned(DEALT, "seed=1")) != found
    even = carried_by(planned("sources.sensors=[acc, gyro+acc]"))
    assert sorted(even.values()) == [("acc",)] * 3 + [("acc", "gyro")] * 3


def test_where_nobody_lacks_a_sensor_nothing_is_said_of_them(planned: Planned) -> None:
    """Then all is as if no sensor had been named; what is not written stands in no resolved scenario."""
    for overrides in ((), ("target.sensors=[gyro, acc]",), ("sources.sensors=acc+gyro",)):
        plan = planned(*overrides)
        assert set(carried_by(plan).values()) == {None} and plan.fleets[0].target.sensors is None
        assert all(lesson.sensors is None for lesson in lessons_of(plan).values())
        assert joining_of(plan, plan.fleets[0]).sensors is None
    plain = resolved_scenario(planned().scenario)
    assert "sensors" not in plain["target"] and "sensors" not in plain["sources"]


def test_a_device_is_described_by_what_it_sees(planned: Planned) -> None:
    plan = planned(DEALT, "target.sensors=acc", "sources.architectures=[gru, cnn-small]")
    [fleet] = plan.fleets
    lessons = lessons_of(plan)
    widths = {"+".join(it.sensors or ()): lessons[key_of(it)].description.shape for it in fleet.sources}
    assert widths == {"acc": (16, 3), "gyro": (16, 3), "acc+gyro": (16, 6)}
    assert joining_of(plan, fleet).description.shape == (16, 3)
    assert joining_of(plan, fleet).sensors == (Sensor("acc", (0, 1, 2)),)
    eligible = [it.sensors for it in fleet.sources if not fleet.lacking(it)]
    assert eligible == [("acc",), ("acc",)]


def test_a_listed_source_and_a_target_carry_what_is_written(planned: Planned) -> None:
    plan = planned(LISTED % "acc")
    assert carried_by(plan) == {"domain-1": ("acc",)}
    assert plan.fleets[0].target.sensors == ("acc", "gyro")
    assert carried_by(planned(LISTED % "[gyro, acc]", "target.sensors=[acc, gyro]")) == {"domain-1": None}


def test_the_observer_tells_targets_of_different_sensors_or_classes_apart(planned: Planned) -> None:
    """They are of one domain, and a sweep looks at both."""

    def exam(*overrides: str) -> Any:
        plan = planned(DEALT, *overrides)
        joining: Joining = joining_of(plan, plan.fleets[0])
        return Subject(joining, plan.dataset, {}).exam

    exams = [exam(), exam("target.sensors=acc"), exam("target.sensors=gyro"), exam("target.classes=class-1")]
    assert len(set(exams)) == 4 and exam("target.labels_per_class=3") == exams[0]


@pytest.mark.parametrize(
    ("override", "path", "what", "hint"),
    [
        ("target.sensors=[]", "target.sensors", "has too few entries", "at least 1"),
        ("target.sensors=[acc, acc]", "target.sensors", "acc stands there more than once", "each name once"),
        (
            "target.sensors=acc+gyro",
            "target.sensors",
            'unknown sensor "acc+gyro"',
            "a list of names: [acc, gyro]",
        ),
        ("target.sensors=acx", "target.sensors", 'unknown sensor "acx"', 'did you mean "acc"?'),
        ("target.sensors=[acc, camera]", "target.sensors.1", 'unknown sensor "camera"', "known: acc, gyro"),
        (
            "sources.sensors={acc: 3, gyr: 3}",
            "sources.sensors",
            'unknown sensor "gyr"',
            'did you mean "gyro"?',
        ),
        (
            "sources.sensors=acc+",
            "sources.sensors",
            '"acc+" is no list of sensors',
            "accelerometer+gyroscope",
        ),
        (
            "sources.sensors=[acc, gyro+gyro]",
            "sources.sensors.1",
            '"gyro+gyro" is no list',
            "different names",
        ),
        ("sources.sensors=[]", "sources.sensors", "has too few entries", "at least 1"),
        (LISTED % "[acc, gyros]", "sources.0.sensors.1", 'unknown sensor "gyros"', 'did you mean "gyro"?'),
        (LISTED % "[]", "sources.0.sensors", "has too few entries", "at least 1"),
        (
            "data.generated.sensors={acc: [0, 1, 2], gyro: [2, 3, 4]}",
            "data.generated.sensors",
            "channel 2 is of acc and gyro",
            "each channel of exactly one sensor",
        ),
        ("data.generated.sensors={acc: [0, 9]}", "data.generated.sensors", "acc has the channel 9", "0 to 5"),
        ("data.generated.sensors={}", "data.generated.sensors", "too few", "at least 1"),
    ],
)
def test_sensors_that_make_no_sense_are_refused(
    override: str, path: str, what: str, hint: str, planned: Planned
) -> None:
    problems = problems_of(planned, override)
    assert problems[0].path == path
    assert what in problems[0].what and hint in (problems[0].hint or "")


@pytest.mark.parametrize(
    "override", ["target.sensors=acc", "sources.sensors=acc+gyro", LISTED % "[acc, gyro]"]
)
def test_data_whose_channels_have_no_names_have_no_sensors(override: str, planned: Planned) -> None:
    problems = problems_of(planned, "data={generated: {}}", override)
    assert {it.what for it in problems} == {"the channels of these data have no names"}
    assert all("sensors.json" in (it.hint or "") for it in problems)
    assert len({it.path for it in problems}) == len(problems)


def test_counts_of_sensors_agree_with_other_counts(planned: Planned) -> None:
    [problem] = problems_of(planned, DEALT, "sources.devices={pi4: 5}")
    assert "devices says 5 but sensors says 6" in problem.what


def test_a_target_that_no_source_can_serve_is_refused(planned: Planned) -> None:
    """Before the run, as other impossible things are."""
    [problem] = problems_of(planned, "target.sensors=acc", "sources.sensors=[gyro, acc+gyro]")
    assert problem.path == "sources.sensors"
    assert problem.what == (
        "no source is eligible: each one's model reads a sensor that the target lacks, which carries acc"
    )
    assert problem.hint == "a target with all that some source reads: gyro, acc+gyro"
    [problem] = problems_of(planned, "target.sensors=gyro")
    assert (problem.path, problem.hint) == (
        "sources",
        "a target with all that some source reads: acc+gyro",
    )


def test_what_is_wrong_elsewhere_is_not_taken_for_a_source_that_cannot_serve(planned: Planned) -> None:
    """Sensors that are left out for an error of their own are not those that the sources carry."""
    for override in ("sources.sensors=[[acc]]", "sources.sensors={acc: 2}", "sources.sensors=acc+"):
        devices = "sources.devices={pi4: 6}"
        problems = problems_of(planned, "target.sensors=acc", override, devices)
        assert not [it for it in problems if "eligible" in it.what]


def test_sensors_of_which_one_has_not_three_axes_cannot_be_turned(planned: Planned) -> None:
    """Only those that a source carries count."""
    odd = "data.generated.sensors={acc: [0, 1, 2], light: [3], pair: [4, 5]}"
    turned = "training.source_rotation=0.1"
    problems = problems_of(planned, odd, turned)
    assert [it.what for it in problems] == [
        "light (channels 3) has not three axes",
        "pair (channels 4, 5) has not three axes",
    ]
    assert planned(odd, turned, "sources.sensors=acc")
    apart = "data.generated.sensors={acc: [0, 2, 4], gyro: [1, 3, 5]}"
    assert len(problems_of(planned, apart, turned)) == 2


def test_sensors_of_a_folder_are_in_its_digest(planned: Planned, tmp_path: Path) -> None:
    import numpy as np

    for number in range(3):
        x = np.random.default_rng(number).random((30, 4))
        np.savez(tmp_path / f"room-{number}.npz", x=x, y=np.arange(30) % 3)
    data = (f"data={{folder: {tmp_path}}}", "target.domain=room-1", "sources.architectures=auto")
    assert "no names" in problems_of(planned, *data, "target.sensors=heat")[0].what
    plain = planned(*data)
    (tmp_path / "sensors.json").write_text('{"heat": [0, 3], "air": [1, 2]}')
    plan = planned(*data, "sources.sensors=heat")
    assert plan.dataset.sensors == (Sensor("heat", (0, 3)), Sensor("air", (1, 2)))
    assert plan.dataset.digest != plain.dataset.digest
    assert {lesson.description.shape for lesson in lessons_of(plan).values()} == {(2,)}


@pytest.fixture
def finished(file: Path, tmp_path: Path, without_ray: Any) -> Callable[..., Path]:
    """Runs the scenario as a user does."""

    def finished(*overrides: str) -> Path:
        sets = [part for override in overrides for part in ("--set", override)]
        assert main(["run", str(file), "--out", str(tmp_path / "out"), *sets]) == 0
        return tmp_path / "out"

    return finished


def test_a_run_says_by_name_who_could_not_serve(
    finished: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """In result.json, in the fleet's table, at the end of the run, and in its report."""
    out = finished(DEALT, "target.sensors=acc")
    result = json.loads((out / "result.json").read_text())
    [target] = result["targets"]
    fleet = RunFolder(out).read_fleet().to_pylist()
    narrow = {row["name"] for row in fleet if row["sensors"] == "acc"}
    assert set(target["not_eligible"]) == {row["name"] for row in fleet} - narrow
    assert {tuple(them) for them in target["not_eligible"].values()} == {("gyro",)}
    judged = {row["name"] for row in fleet if row["accuracy_on_target"] is not None}
    assert judged == narrow - {"target-domain-2"}
    joins = [row for row in RunFolder(out).read_ledger().to_pylist() if row["kind"] == "join"]
    refused = {row["receiver"] for row in joins if row["outcome"] == "refused:not_eligible"}
    assert refused == set(target["not_eligible"])
    models = [
        row["payload_bytes"] for row in RunFolder(out).read_ledger().to_pylist() if row["kind"] == "model"
    ]
    assert len(models) == 2 and target["all_models_bytes"] == sum(models)
    words = "4 sources are not eligible, since their models read what target-domain-2 lacks: gyro ("
    assert f"note: {words}" in capsys.readouterr().out
    page = (out / "report.html").read_text()
    assert words in page and '"not eligible"' in page and "acc+gyro" in page


def test_a_run_in_which_all_can_serve_has_nobody_to_name(
    finished: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    out = finished(DEALT)
    [target] = json.loads((out / "result.json").read_text())["targets"]
    assert target["not_eligible"] == {}
    assert "not eligible" not in capsys.readouterr().out


def test_a_run_without_mixed_sensors_has_no_word_of_them(finished: Callable[..., Path]) -> None:
    out = finished()
    [target] = json.loads((out / "result.json").read_text())["targets"]
    assert "not_eligible" not in target
    assert "sensors" not in RunFolder(out).read_fleet().column_names
    assert "not eligible" not in (out / "report.html").read_text()


@pytest.mark.parametrize("method", ["hat", "aver", "fine-tune", "fedmd"])
def test_targets_that_have_joined_serve_with_their_sensors(
    method: str, planned: Planned, alone_run: Callable[[Plan], Any]
) -> None:
    """A student reads all that its device has, a model kept of a source what that source has."""
    target = "target={device: pi4, link: wifi, architecture: cnn-small, sensors: [acc, gyro]}"
    rounds = "rounds={domains: [domain-1, domain-2]}"
    record = alone_run(planned(f"method={{name: {method}}}", target, rounds, "sources.sensors=[acc, gyro]"))
    first, second = record.fleets
    [expanded] = [it for it in second.sources if it.round is not None]
    kept = record.targets["target-domain-1"]
    assert expanded.sensors == kept.sensors
    if method == "fine-tune":
        [chosen] = [it for it in first.sources if it.name in kept.selected]
        assert kept.sensors == chosen.sensors and len(kept.sensors) == 1
    else:
        assert kept.sensors == ("acc", "gyro")
    assert all(row.outcome == "delivered" for world in record.worlds for row in world.ledger)
