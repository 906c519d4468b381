"""Axes of sweeps: lists, ranges, factors, units, and paths that move together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hat_sim.errors import UserError
from hat_sim.scenario.axis import MOST_VALUES, axis_of, parse_axis


def values(text: str) -> list[object]:
    """The values of an axis of one path."""
    return [setting[0] for setting in parse_axis(f"a.b={text}", "--vary").settings]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.2,0.4", [0.2, 0.4]),
        ("wifi, lte", ["wifi", "lte"]),
        ("null,true", [None, True]),
        ('"a, b",c', ["a, b", "c"]),
        ("{pi4: 2, pi5: 1},pi4,[pi4, pi5]", [{"pi4": 2, "pi5": 1}, "pi4", ["pi4", "pi5"]]),
        ("0..1/0.25", [0.0, 0.25, 0.5, 0.75, 1.0]),
        ("0..1/0.3", [0.0, 0.3, 0.6, 0.9]),
        ("1..3", [1, 2, 3]),
        ("-2..2/2", [-2, 0, 2]),
        ("1..1000*10", [1, 10, 100, 1000]),
        ("0.01..1*10", [0.01, 0.1, 1.0]),
        ("1e-3..1e-1*10", [0.001, 0.01, 0.1]),
        ("1..100*10 Mbit/s", ["1 Mbit/s", "10 Mbit/s", "100 Mbit/s"]),
        ("0..10/5 %", ["0 %", "5 %", "10 %"]),
        ("1..3,8,10..12", [1, 2, 3, 8, 10, 11, 12]),
        ("0.5..0.5/1", [0.5]),
    ],
)
def test_values_are_read_from_text(text: str, expected: list[object]) -> None:
    found = values(text)
    assert found == expected
    assert [type(it) for it in found] == [type(it) for it in expected]


@pytest.mark.parametrize("text", ["0.6,0.60", "1..3,2..4", "wifi,wifi"])
def test_a_value_stands_once(text: str) -> None:
    found = values(text)
    assert len(found) == len(set(found))


def test_one_and_one_point_zero_and_true_are_three_values() -> None:
    assert [repr(it) for it in values("1,1.0,true")] == ["1", "1.0", "True"]


def test_paths_may_move_together() -> None:
    axis = parse_axis("sources.count=10,20; target.labels_per_class = 1..2", "--vary")
    assert axis.paths == ("sources.count", "target.labels_per_class")
    assert axis.settings == ((10, 1), (20, 2))


def test_a_file_gives_lists_texts_and_ranges() -> None:
    axis = axis_of({"a": [1, "3..5", "x"], "b": "1..5"}, "file:3")
    assert axis.settings == ((1, 1), (3, 2), (4, 3), (5, 4), ("x", 5))
    assert axis_of({"a": 3}, "file:3").settings == ((3,),)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("method.eta", r'^--vary: expected PATH=VALUES, got "method.eta" \(for example'),
        ("=1", "expected PATH=VALUES"),
        ("a..b=1", "expected PATH=VALUES"),
        ("a=1;", "expected PATH=VALUES"),
        ("a=", r"^--vary a: the axis has no values \(at least one"),
        ("a=[", "not valid YAML"),
        ("a=0.5..1", 'the range "0.5..1" has no step'),
        ("a=1..0/0.1", 'the range "1..0/0.1" is empty'),
        ("a=0..1/0", 'the range "0..1/0" is empty'),
        ("a=0..1/-1", "is empty"),
        ("a=1..10*1", 'the range "1..10\\*1" does not grow'),
        ("a=0..10*2", "does not grow"),
        ("a=0..1/0.00001", "has more than 10,000 values"),
        ("a=1,2;b=1", "paths that move together have a 2 but b 1 values"),
    ],
)
def test_what_is_no_axis_is_refused(text: str, match: str) -> None:
    with pytest.raises(UserError, match=match):
        parse_axis(text, "--vary")


@given(
    first=st.integers(-1000, 1000),
    steps=st.integers(0, 200),
    step=st.integers(1, 1000),
    digits=st.integers(0, 4),
)
def test_a_range_by_steps_has_every_step_and_both_ends(
    first: int, steps: int, step: int, digits: int
) -> None:
    """Whatever the digits: the values are those of the decimal numbers as they are written."""

    def text(number: int) -> str:
        return f"{number}e-{digits}" if digits else str(number)

    written = f"{text(first)}..{text(first + steps * step)}/{text(step)}"
    expected = [float(text(first + k * step)) for k in range(steps + 1)]
    assert values(written) == expected


def test_the_longest_range_is_just_allowed() -> None:
    assert len(values(f"1..{MOST_VALUES}")) == MOST_VALUES
