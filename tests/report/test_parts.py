"""The small parts of reports: numbers in words, tables, and bars of a timeline that overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.quantities import counted, duration, joules, listed, number, percent, points, rate, size
from hat_sim.report.run.timeline import Bar, merge
from hat_sim.report.table import Column, table_of


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (size(0), "0 B"),
        (size(999), "999 B"),
        (size(463_154), "463 kB"),
        (size(999_999), "1 MB"),
        (size(1_070_000), "1.07 MB"),
        (rate(6.3e6), "6.3 Mbit/s"),
        (joules(30.871), "30.9 J"),
        (joules(0.0042), "4.2 mJ"),
        (joules(0), "0 J"),
        (duration(0.0747), "74.7 ms"),
        (duration(4.325), "4.33 s"),
        (duration(119), "119 s"),
        (duration(750), "12.5 min"),
        (duration(9000), "2.5 h"),
        (percent(0.8958), "89.6 %"),
        (points(0.281), "+28.1 points"),
        (points(-0.125), "\u221212.5 points"),
        (number(0.0577), "0.0577"),
        (number(1234), "1,234"),
        (number(1234.5), "1,234"),
        (number(1e-9), "1.00e-09"),
        (counted(1, "source"), "1 source"),
        (counted(1015, "source"), "1,015 sources"),
        (listed([]), "none"),
        (listed(["a"]), "a"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (listed(list("abcdefg")), "a, b, c, d, e and 2 more"),
    ],
)
def test_numbers_are_rounded_for_a_reader(text: str, expected: str) -> None:
    assert text.replace("\u00a0", " ") == expected


def test_a_unit_stays_on_the_line_of_its_number() -> None:
    assert size(463_154) == "463\u00a0kB"


def test_a_table_keeps_exact_values_to_sort_by_and_leaves_missing_ones_empty() -> None:
    table = table_of(
        [Column("a", "A", size), Column("b", "B")], [{"a": 463_154, "b": "x"}, {"a": None, "b": True}]
    )
    assert table.headings == ("A", "B")
    [[first, word], [missing, truth]] = table.rows
    assert (first.text, first.order) == ("463\u00a0kB", 463_154.0)
    assert (word.text, word.order) == ("x", None)
    assert (missing.text, missing.order) == ("", None)
    assert (truth.text, truth.order) == ("yes", 1.0)
    assert table.note == ""


def test_a_long_table_says_what_is_left_out() -> None:
    table = table_of([Column("a", "A")], [{"a": k} for k in range(12)], most=5, left_out="elsewhere")
    assert len(table.rows) == 5
    assert table.note == "The first 5 of 12 rows; elsewhere."


def bar(start: int, lasts: int, label: str) -> Bar:
    return Bar("device", "sends", "coarse", label, start, start + lasts, bytes=10)


@given(st.lists(st.builds(bar, st.integers(0, 30), st.integers(0, 6), st.sampled_from("ab")), max_size=25))
def test_merged_bars_cover_the_same_moments_and_do_not_overlap(bars: list[Bar]) -> None:
    merged = list(merge(bars))
    for label in "ab":
        before = {t for it in bars if it.label == label for t in range(int(it.start_s), int(it.end_s) + 1)}
        after = [t for it in merged if it.label == label for t in range(int(it.start_s), int(it.end_s) + 1)]
        assert sorted(before) == sorted(after)
    assert sum(it.count for it in merged) == len(bars)
    assert sum(it.bytes for it in merged) == 10 * len(bars)
