"""The page of performance is what its files of results make of it."""

from __future__ import annotations

from benchmarks.page import RESULTS
from benchmarks.performance import HOT_SPOTS, PAGE, render
from benchmarks.store import read_results


def test_the_page_in_the_repository_is_made_of_its_results():
    assert PAGE.read_text(encoding="utf-8") == render(read_results(RESULTS), read_results(HOT_SPOTS))


def test_what_was_not_measured_is_said():
    page = render({}, {})
    assert page.count("**Missing:** it has not been run") == 4
