"""The scenarios that ship with the project: all are sound, and those without a download really run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from benchmarks.studies import person
from benchmarks.study_pages import comment_of
from hat_sim.cli.main import main
from hat_sim.data.packaged.catalogue import HAPT
from hat_sim.forecast import forecast
from hat_sim.forecast.costs import Range
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.preflight.sensors import with_sensors
from hat_sim.scenario.fleet import build_fleets
from hat_sim.sweep.axes import axes_of
from hat_sim.sweep.grid import sweep_problems

FOLDER = Path(__file__).parent.parent / "scenarios"
WITHOUT_DOWNLOAD = (
    "battery",
    "generated",
    "links",
    "many_targets",
    "per_device",
    "rounds",
    "rush_hour",
    "shared_fleet",
    "traces",
)
WITH_DOWNLOAD = ("digits", "hapt", "sensors", "sentiment", "vowel", "watch")
SIGNATURES = (
    "attention-idle",
    "false-claim",
    "filter-idle",
    "no-gain",
    "noise-stored",
    "nothing-injected",
    "over-filtered",
    "unstable",
)
FAULTS = ("damaged", "dying-source", "partition", "phones")
STUDIES = (
    "coarse-selection",
    "hapt-mix",
    "hapt-rounds",
    "hapt-spread",
    "joint-sequential",
    "label-overlap",
    "many-sources",
    "mixer-accuracy",
    "similarity",
    "similarity-accuracy",
    "traffic",
    "watch-mix",
    "watch-spread",
)
COMPARISONS = (
    "ablations",
    "labels",
    "methods-generated-confirm",
    "methods-hapt",
    "methods-hapt-confirm",
    "methods-sentiment-confirm",
)


def run(scenario: str, out: Path, *options: str) -> dict[str, Any]:
    """The `result.json` of a shipped scenario, run on the Ray of the session."""
    file = FOLDER / f"{scenario}.yaml"
    assert main(["run", str(file), "--out", str(out), "--hosts", "2", *options]) == 0
    result: dict[str, Any] = json.loads((out / "result.json").read_text())
    return result


def plan(scenario: str) -> Plan:
    return prepare(load_checked(FOLDER / f"{scenario}.yaml"))


def test_this_file_knows_each_scenario_that_ships():
    assert sorted(it.stem for it in FOLDER.glob("*.yaml")) == sorted(WITHOUT_DOWNLOAD + WITH_DOWNLOAD)


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_is_a_sound_sweep_that_leaves_the_people_of_its_targets_out(study: str):
    document = load_checked(FOLDER / "studies" / f"{study}.yaml")
    assert document.scenario.name == study
    assert sweep_problems(document, data=False) == ()
    [*axes] = axes_of(document, ())
    folds = [axis for axis in axes if axis.paths == ("target.domain", "sources.domains")]
    assert len(folds) == study.startswith("watch")
    for targets, sources in (setting for axis in folds for setting in axis.settings):
        assert not {person(it) for it in targets} & {person(it) for it in sources}
        assert len({person(it) for it in (*targets, *sources)}) == 10


@pytest.mark.parametrize("study", COMPARISONS)
def test_a_comparison_is_sound_and_names_its_command(study: str):
    file = FOLDER / "studies" / f"{study}.yaml"
    assert load_checked(file).scenario.name == study
    _, command = comment_of(file.read_text(encoding="utf-8"))
    assert command.startswith(f"hat-sim compare scenarios/studies/{study}.yaml --methods ")


def test_this_file_knows_each_study_that_ships():
    assert sorted(it.stem for it in (FOLDER / "studies").iterdir()) == sorted(STUDIES + COMPARISONS)


def test_a_scenario_ships_for_each_signature():
    assert sorted(it.stem for it in (FOLDER / "diagnosis").iterdir()) == sorted(SIGNATURES)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("signature", SIGNATURES)
def test_a_signature_is_found_where_it_is_provoked(signature: str, tmp_path: Path):
    result = run(f"diagnosis/{signature}", tmp_path / "out")
    assert signature in [finding["signature"] for finding in result["diagnosis"]]


def test_this_file_knows_each_scenario_of_faults():
    assert sorted(it.stem for it in (FOLDER / "faults").glob("*.yaml")) == sorted(FAULTS)


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("scenario", FAULTS)
def test_what_goes_wrong_shows_and_is_survived(scenario: str, tmp_path: Path):
    result = run(f"faults/{scenario}", tmp_path / "out")
    faults = result["faults"]
    assert faults["injected"] and not faults["never_struck"] and not faults["alone"]
    assert faults["wasted"]["wire_bytes"] > 0
    assert bool(faults["replaced"]) == (scenario in ("damaged", "dying-source"))
    assert bool(faults["never_answered"]) == (scenario == "phones")
    assert result["accuracy"] > result["accuracy_target_only"]


SHIPPED = (
    *WITHOUT_DOWNLOAD,
    *WITH_DOWNLOAD,
    *(f"diagnosis/{it}" for it in SIGNATURES),
    *(f"faults/{it}" for it in FAULTS),
)


@pytest.mark.parametrize("scenario", SHIPPED)
def test_is_sound_and_named_like_its_file(scenario: str):
    document = load_checked(FOLDER / f"{scenario}.yaml")
    assert document.scenario.name == scenario.rpartition("/")[2].replace("_", "-")


@pytest.mark.parametrize("scenario", SHIPPED)
def test_starts_with_a_comment_that_says_what_it_shows(scenario: str):
    first, second, *_ = (FOLDER / f"{scenario}.yaml").read_text(encoding="utf-8").splitlines()
    assert first.startswith("# ") and second.startswith("# ")


@pytest.mark.parametrize("scenario", WITHOUT_DOWNLOAD)
def test_has_the_labels_and_the_memory_that_it_asks_for(scenario: str):
    assert plan(scenario).fleets


def test_many_targets_gives_each_target_a_fleet_of_all_other_domains():
    fleets = plan("many_targets").fleets
    assert [fleet.target.domain for fleet in fleets] == ["domain-1", "domain-2", "domain-3"]
    assert all(len(fleet.sources) == 11 for fleet in fleets)
    assert all(fleet.target.domain not in {it.domain for it in fleet.sources} for fleet in fleets)


def test_shared_fleet_holds_no_domain_of_a_target():
    fleets = plan("shared_fleet").fleets
    targets = {fleet.target.domain for fleet in fleets}
    assert len({fleet.sources for fleet in fleets}) == 1
    assert targets.isdisjoint(source.domain for source in fleets[0].sources)


def test_traces_spreads_devices_of_one_kind():
    [fleet] = plan("traces").fleets
    assert {(it.profile.name, it.link.name) for it in fleet.sources} == {("phone-mid", "lte")}
    speeds = [it.profile.speed for it in fleet.sources]
    assert max(speeds) > 3 * min(speeds)


def test_rounds_lets_every_target_serve_those_of_later_rounds():
    fleets = plan("rounds").fleets
    assert [len(fleet.sources) for fleet in fleets] == [4, 4, 6, 6, 8, 8]


def test_links_varies_both_ends_together_and_saved_bytes_are_worth_time_on_the_slowest_alone():
    assert sweep_problems(load_checked(FOLDER / "links.yaml"), data=True) == ()

    def planned(link: str, method: str) -> tuple[Range, Range]:
        overrides = (f"target.link={link}", f"sources.links={link}", f"method={{name: {method}}}")
        costs = forecast(prepare(load_checked(FOLDER / "links.yaml", overrides))).targets[0].costs
        return costs.total_ns, Range.total(costs.payload.values())

    every = {(link, it): planned(link, it) for link in ("wifi", "lte", "nb-iot") for it in ("hat", "aver")}
    assert len({payload for (_, it), (_, payload) in every.items() if it == "aver"}) == 1
    for link in ("wifi", "lte"):
        assert every[link, "aver"][0].high < every[link, "hat"][0].low
    assert every["nb-iot", "hat"][0].high < every["nb-iot", "aver"][0].low


def test_rush_hour_has_its_bottleneck_where_its_comment_says():
    costs = forecast(plan("rush_hour")).targets[0].costs
    fine = costs.bottlenecks["fine"]
    assert (fine.device, fine.link, fine.direction) == ("target-domain-1", "lte-m", "down")
    assert fine.busy_ns > 0.9 * costs.time_ns["fine"].low > 10 * costs.time_ns["coarse"].high


def test_watch_leaves_out_the_other_wrist_of_its_target():
    scenario = load_checked(FOLDER / "watch.yaml").scenario
    assert scenario.target.domain == ("subject-1-left",)
    assert not any(domain.startswith("subject-1-") for domain in scenario.sources.domains)


def test_sensors_has_an_eligible_source_for_its_target_and_others_that_are_not():
    document = load_checked(FOLDER / "sensors.yaml")
    [fleet] = with_sensors(build_fleets(document.scenario, HAPT.domains), HAPT.sensors)
    assert Counter(it.sensors for it in fleet.sources if not fleet.lacking(it)) == {("accelerometer",): 12}
    assert Counter(map(fleet.lacking, fleet.sources)) == {(): 12, ("gyroscope",): 17}


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("scenario", ["generated", "links", "many_targets", "rounds", "rush_hour", "traces"])
def test_runs(scenario: str, tmp_path: Path):
    result = run(scenario, tmp_path / "run")
    assert len(result["targets"]) == len(plan(scenario).fleets)
    assert result["traffic"]["payload_bytes"] < result["traffic"]["all_models_bytes"]


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_battery_runs_out_while_it_trains_and_fits_with_fewer_epochs(tmp_path: Path):
    [target] = run("battery", tmp_path / "long")["targets"]
    assert (target["battery"]["fits"], target["battery"]["empty_phase"]) == (False, "train")
    assert 0 < target["battery"]["empty_s"] < target["simulated_s"]
    short = run("battery", tmp_path / "short", "--set", "training.epochs=10")
    assert short["targets"][0]["battery"]["fits"]
    assert short["energy_j"]["idle_devices"] == {"counted": 1, "of": 8}


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(("scenario", "chance"), [("vowel", 1 / 11), ("digits", 1 / 10)])
def test_real_data_are_learned_well_above_chance(scenario: str, chance: float, tmp_path: Path):
    assert run(scenario, tmp_path / "run")["accuracy"] > 4 * chance


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_per_device_gives_the_same_with_a_process_for_each_device(tmp_path: Path):
    packed = run("per_device", tmp_path / "packed")
    assert run("per_device", tmp_path / "spread", "--hosts", "per-device") == packed


@pytest.mark.slow
@pytest.mark.usefixtures("cluster")
def test_shared_fleet_makes_targets_wait_and_changes_nothing_else(tmp_path: Path):
    together = run("shared_fleet", tmp_path / "together")
    apart = run("shared_fleet", tmp_path / "apart", "--set", "target.shared_fleet=false")
    pairs = list(zip(together["targets"], apart["targets"], strict=True))
    assert all(one["simulated_s"] >= other["simulated_s"] for one, other in pairs)
    assert together["time"]["simulated_s"] > apart["time"]["simulated_s"]
    assert together["traffic"]["by_kind"] == apart["traffic"]["by_kind"]
    assert [one["accuracy"] for one, _ in pairs] == [other["accuracy"] for _, other in pairs]
