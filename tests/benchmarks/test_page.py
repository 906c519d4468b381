"""The page of results: made from figures, with what misses its bound, what failed and what was not run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.catalogue import NAMES
from benchmarks.figure import Bound, Figure, shown, shown_figure
from benchmarks.page import PAGE, RESULTS, render
from benchmarks.store import Entry, merge_results, read_results

MACHINE = {
    "cores": 2,
    "memory_bytes": 8 * 2**30,
    "processor": "a processor",
    "system": "an os",
    "python": "3.11",
    "packages": {"torch": "2.0"},
}


def entry(*figures: Figure, error: str = "", quick: bool = False) -> Entry:
    return Entry(MACHINE, "abc", quick, 12.0, figures, error)


def figure(row: str, name: str, value: float, unit: str = "s", command: str = "do it", **more: Any) -> Figure:
    return Figure("a table", row, name, value, unit, command, **more)


def test_figures_of_a_table_become_rows_and_columns():
    page = render(
        {"startup": entry(figure("one", "wall", 1.25), figure("two", "wall", 2), figure("two", "cpu", 3))}
    )
    assert "### a table\n" in page
    assert "|  | wall | cpu |\n| --- | --- | --- |\n| one | 1.25 s |  |\n| two | 2 s | 3 s |\n" in page
    assert "Command: `do it`\n" in page


def test_each_row_has_its_command_where_they_differ():
    page = render(
        {"demo": entry(figure("one", "x", 1, command="first"), figure("two", "x", 1, command="second"))}
    )
    assert "- one: `first`\n- two: `second`\n" in page


def test_a_bound_that_holds_and_one_that_does_not_with_its_reason():
    holds = figure("cold", "time", 3, bound=Bound("at most", 4), reference="2 x 2 s")
    misses = figure("gain", "mean", 3.5, "points", bound=Bound("at least", 5), note="people lose")
    page = render({"demo": entry(holds, misses)})
    assert "| cold: time | 3 s | at most 4 s | 2 x 2 s | yes |\n" in page
    assert "| gain: mean | +3.5 points | at least +5.0 points |  | **no**: people lose |\n" in page


def test_what_failed_and_what_was_not_run_is_said_to_be_missing():
    page = render({"demo": entry(error="RuntimeError: no make")})
    assert "**Missing:** it failed.\n\n```\nRuntimeError: no make\n```\n" in page
    assert page.count("**Missing:** it has not been run") == len(NAMES) - 1


def test_quick_settings_are_marked():
    assert "Quick settings" in render({"demo": entry(figure("a", "b", 1), quick=True)})
    assert "Quick settings" not in render({"demo": entry(figure("a", "b", 1))})


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (1234567, "B", "1,234,567 B"),
        (1234.56, "B", "1,235 B"),
        (2.6, "", "2.6"),
        (3, "", "3"),
        (88.123, "%", "88.1 %"),
        (-0.42, "points", "-0.4 points"),
        (1.337, "ratio", "1.34x"),
        (0.21234, "s", "0.212 s"),
        (1234.5, "MiB", "1,234 MiB"),
    ],
)
def test_values_are_shown_with_their_units(value: float, unit: str, text: str):
    assert shown(value, unit) == text


def test_an_interval_stands_behind_its_value():
    assert shown_figure(figure("a", "b", 5.25, "points", interval=(-1, 9.4))) == "+5.2 points (-1.0 to +9.4)"


def test_a_benchmark_that_is_run_again_keeps_the_others(tmp_path: Path):
    file = tmp_path / "results.json"
    first = figure("a", "b", 1, bound=Bound("at most", 0.5), reference="r", note="n", interval=(0.5, 2))
    merge_results(file, "startup", entry(first))
    merge_results(file, "demo", entry(error="it broke"))
    merge_results(file, "demo", entry(figure("c", "d", 0, "")))
    assert read_results(file) == {"startup": entry(first), "demo": entry(figure("c", "d", 0, ""))}


def test_the_page_in_docs_is_that_of_the_results_in_the_repository():
    assert PAGE.read_text(encoding="utf-8") == render(read_results(RESULTS))
