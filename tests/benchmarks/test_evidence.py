"""The figures over all cells of the confirming comparisons, from differences made up here."""

from __future__ import annotations

import pytest

from benchmarks.evidence import Cell, count_below, interval_over
from benchmarks.study_pages import runs_asked
from hat_sim.report.compare.paired import Place


def cell(study: str, place: str, *differences: float) -> Cell:
    return Cell(study, Place(place, ()), {f"target-{k}": it for k, it in enumerate(differences)})


def test_cells_count_once_however_many_targets_they_have() -> None:
    low, high = interval_over([cell("one", "", 0.1, 0.1, 0.1), cell("two", "", 0.3)])
    assert low == high == pytest.approx(0.2)


def test_a_target_is_drawn_for_all_cells_of_its_study_at_once() -> None:
    opposed = [cell("one", "few", 0.2, -0.2), cell("one", "many", -0.2, 0.2)]
    low, high = interval_over(opposed)
    assert low == pytest.approx(0) and high == pytest.approx(0)
    apart = [cell("one", "", 0.2, -0.2), cell("two", "", -0.2, 0.2)]
    low, high = interval_over(apart)
    assert low < -0.1 < 0.1 < high


def test_a_cell_is_below_only_where_chance_is_no_excuse() -> None:
    surely = cell("one", "surely", *[-0.05 - 0.001 * k for k in range(10)])
    by_chance = cell("one", "by chance", 0.3, -0.5, 0.2, -0.4)
    within = cell("one", "within two points", *[-0.01] * 10)
    assert count_below([surely, by_chance, within]) == 1
    assert count_below([by_chance, within]) == 0


def test_a_command_comes_to_a_run_for_each_method_value_and_seed() -> None:
    assert runs_asked("hat-sim compare x.yaml --methods a,b,c --vary y=1,2 --vary z=1,2,5 --seeds 4") == 72
    assert runs_asked("hat-sim compare x.yaml --methods a,b") == 2
