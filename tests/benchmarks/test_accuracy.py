"""The accuracy tables: what they make of results, and which runs they are made of."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.accuracy import ALONE, check_target_only, figures_of
from benchmarks.figure import Figure
from benchmarks.machine import ROOT
from benchmarks.studies import HAT, METHODS, STUDIES, TARGET_ONLY, Fold, Study, person
from benchmarks.study_runs import Run
from hat_sim.preflight import load_checked

STUDY = Study("two", "two people", "scenarios/hapt.yaml", 2, (Fold(("u-1", "u-2")),), "note", least_gain=5.0)


def target(domain: str, accuracy: float, alone: float = 0.8) -> dict[str, Any]:
    return {
        "domain": domain,
        "accuracy": accuracy,
        "macro_f1": 0.5,
        "accuracy_target_only": alone,
        "shortlisted": ["a", "b", "c"],
        "selected": ["a"],
        "simulated_s": 2.0,
    }


def run(seed: int, *targets: dict[str, Any]) -> Run:
    traffic = {
        "payload_bytes": 400,
        "wire_bytes": 600,
        "all_models_bytes": 1600,
        "by_phase": {"coarse": 100, "fine": 60, "transfer": 240, "train": 0},
    }
    return Run(seed, {"targets": list(targets), "traffic": traffic})


def figures(*runs: Run) -> dict[tuple[str, str], Figure]:
    return {(it.row, it.name): it for it in figures_of(STUDY, {HAT: runs})}


def test_accuracies_are_percent_of_people_and_gains_are_points():
    found = figures(
        run(0, target("u-1", 0.9), target("u-2", 0.8)), run(1, target("u-1", 1.0), target("u-2", 0.9))
    )
    assert found[HAT, "accuracy"].value == pytest.approx(90)
    assert found[ALONE, "accuracy"].value == pytest.approx(80)
    assert found[HAT, "gain over target-only"].value == pytest.approx(10)
    assert found[HAT, "gain over target-only"].interval == pytest.approx((5, 15))
    assert found[HAT, "gain over target-only"].holds


def test_a_gain_below_what_is_expected_says_who_gains_and_who_loses():
    gain = figures(run(0, target("u-1", 0.7), target("u-2", 0.88)))[HAT, "gain over target-only"]
    assert gain.holds is False
    assert gain.note == "1 of 2 people lose; u-1 -10.0, u-2 +8.0 points"


def test_costs_are_those_of_one_target_and_the_saving_is_that_of_the_sums():
    found = figures(run(0, target("u-1", 0.9), target("u-2", 0.9)))
    costs = {name: it.value for (_, name), it in found.items()}
    assert (costs["coarse"], costs["fine"], costs["transfer"], costs["payload"]) == (50, 30, 120, 200)
    assert (costs["shortlisted"], costs["selected"], costs["on the wire"]) == (3, 1, 300)
    assert (costs["saving"], costs["simulated time"]) == (75, 2.0)


def test_a_student_alone_that_depends_on_the_method_is_refused():
    same, other = run(0, target("u-1", 0.9)), run(0, target("u-1", 0.9, alone=0.7))
    check_target_only([[same], [same]], own=())
    with pytest.raises(RuntimeError, match=r"several accuracies for \(seed, domain\) \[\(0, 'u-1'\)\]"):
        check_target_only([[same], [other]], own=())


def test_a_method_target_only_that_is_not_the_student_alone_is_refused():
    own = [run(0, target("u-1", 0.8))]
    check_target_only([[run(0, target("u-1", 0.9))], own], own)
    with pytest.raises(RuntimeError, match="several accuracies"):
        check_target_only([own], own=[run(0, target("u-1", 0.9))])


@pytest.mark.parametrize("study", STUDIES, ids=lambda study: study.name)
def test_every_run_of_a_study_is_a_sound_scenario(study: Study):
    for fold in study.folds:
        for method in [*METHODS.values(), TARGET_ONLY]:
            scenario = load_checked(ROOT / study.scenario, study.changes(fold, method)).scenario
            assert scenario.target.domain == fold.targets
            assert scenario.target.labels_per_class == study.labels


@pytest.mark.parametrize("study", [it for it in STUDIES if "watch" in it.name], ids=lambda study: study.name)
def test_no_person_of_watch_is_among_his_own_sources_and_each_wrist_is_a_target_once(study: Study):
    for fold in study.folds:
        sources: Any = load_checked(ROOT / study.scenario, study.changes(fold, TARGET_ONLY)).scenario.sources
        assert {person(it) for it in sources.domains}.isdisjoint(person(it) for it in fold.targets)
    targets = [domain for fold in study.folds for domain in fold.targets]
    assert len(targets) == len(set(targets)) == 20
