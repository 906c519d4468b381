"""Quantities: what is read, what is refused, and that writing and reading are inverse."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from hat_sim import units

DIMENSIONS = {
    "bit rate": units.BIT_RATE,
    "speed": units.SPEED,
    "power": units.POWER,
    "bit energy": units.BIT_ENERGY,
    "duration": units.DURATION,
    "latency": units.LATENCY,
    "size": units.SIZE,
    "share": units.SHARE,
}
FLOATS = {name: dimension for name, dimension in DIMENSIONS.items() if not dimension.whole}
WHOLES = {name: dimension for name, dimension in DIMENSIONS.items() if dimension.whole}


@pytest.mark.parametrize(
    ("dimension", "text", "value"),
    [
        (units.BIT_RATE, "6.3 Mbit/s", 6_300_000),
        (units.BIT_RATE, "0.0055Mbit/s", 5_500),
        (units.SPEED, "15 GFLOP/s", 15e9),
        (units.POWER, "7.2 W", 7.2),
        (units.POWER, "500 mW", 0.5),
        (units.BIT_ENERGY, "0.4 uJ/bit", 4e-7),
        (units.BIT_ENERGY, "0.4 \u00b5J/bit", 4e-7),
        (units.BIT_ENERGY, "0.4 \u03bcJ/bit", 4e-7),
        (units.BIT_ENERGY, "0 J/bit", 0),
        (units.DURATION, "2 s", 2 * 10**9),
        (units.DURATION, " 10  min ", 600 * 10**9),
        (units.DURATION, "1.5e-3 s", 1_500_000),
        (units.LATENCY, "0 ms", 0),
        (units.SIZE, "512 MiB", 512 * 2**20),
        (units.SIZE, "512 MB", 512 * 10**6),
        (units.SIZE, "10 kB", 10_000),
        (units.SIZE, "10 KiB", 10_240),
        (units.SHARE, "0.2 %", 0.002),
        (units.SHARE, "0 %", 0),
    ],
)
def test_a_quantity_is_read_in_its_unit(dimension: units.Dimension, text: str, value: float) -> None:
    assert dimension.read(text) == value
    assert type(dimension.read(text)) is (int if dimension.whole else float)


@pytest.mark.parametrize(
    ("dimension", "text", "match"),
    [
        (units.BIT_RATE, 6.3, r"bit rate 6.3 has no unit .*Mbit/s"),
        (units.BIT_RATE, "6.3", r"bit rate '6.3' has no unit .*Mbit/s"),
        (units.BIT_RATE, "6,3 Mbit/s", r"'6,3 Mbit/s' is not a bit rate"),
        (units.BIT_RATE, "6 mbit/s", r"'mbit/s' is not a unit of bit rate \(did you mean \"6 Mbit/s\"\?\)"),
        (units.BIT_RATE, "6 MB/s", r"'MB/s' is not a unit of bit rate"),
        (units.BIT_RATE, "0 bit/s", r"greater than zero"),
        (units.BIT_RATE, "-1 bit/s", r"greater than zero"),
        (units.BIT_RATE, "inf bit/s", r"finite"),
        (units.BIT_RATE, "nan Mbit/s", r"finite"),
        (units.BIT_RATE, None, r"expected a bit rate, got nothing"),
        (units.BIT_RATE, True, r"expected a bit rate, got True"),
        (units.BIT_RATE, ["1 bit/s"], r"expected a bit rate, got a list"),
        (units.BIT_RATE, {}, r"expected a bit rate, got a section"),
        (units.BIT_RATE, "", r"'' is not a bit rate"),
        (units.BIT_RATE, "1e999 bit/s", r"'e999 bit/s' is not a unit"),
        (units.LATENCY, "-1 ms", r"must not be negative"),
        (units.DURATION, "0 s", r"greater than zero"),
        (units.DURATION, "0.1 ns", r"not a whole number of ns: 0.1 .*\"1 ns\""),
        (units.DURATION, "1e12 h", r"below 2500000 h"),
        (units.SIZE, "0.1 GiB", r"not a whole number of B: 107374182.4 .*\"107374182 B\""),
        (units.SIZE, "4 Gb", r"did you mean \"4 GB\""),
        (units.SHARE, 0.002, r"has no unit .*0.2 %"),
        (units.SHARE, "100 %", r"below 100 %"),
    ],
)
def test_what_is_no_quantity_is_refused_with_what_would_be(
    dimension: units.Dimension, text: object, match: str
) -> None:
    with pytest.raises(units.QuantityError, match=match):
        dimension.read(text)


@pytest.mark.parametrize(
    ("dimension", "value", "text"),
    [
        (units.BIT_RATE, 5500.0, "5.5 kbit/s"),
        (units.SPEED, 0.37e9, "370 MFLOP/s"),
        (units.POWER, 0.5, "500 mW"),
        (units.DURATION, 600 * 10**9, "10 min"),
        (units.DURATION, 1_500_000_000, "1500 ms"),
        (units.LATENCY, 0, "0 ns"),
        (units.SIZE, 2**29, "512 MiB"),
        (units.SIZE, 4 * 10**9, "4 GB"),
        (units.SHARE, 0.002, "0.2 %"),
        (units.BIT_ENERGY, 438.39e-9, "438.39 nJ/bit"),
    ],
)
def test_a_quantity_is_written_in_the_unit_that_suits_it(
    dimension: units.Dimension, value: float, text: str
) -> None:
    assert dimension.format(value) == text


@given(name=st.sampled_from(sorted(FLOATS)), value=st.floats(1e-15, 1e20))
def test_a_float_quantity_survives_writing_and_reading(name: str, value: float) -> None:
    if name == "share":
        value = value / 1e21
    assert FLOATS[name].read(FLOATS[name].format(value)) == value


@given(name=st.sampled_from(sorted(WHOLES)), value=st.integers(1, 2**62 - 1))
def test_a_whole_quantity_survives_writing_and_reading(name: str, value: int) -> None:
    assert WHOLES[name].read(WHOLES[name].format(value)) == value


@given(text=st.text())
def test_any_text_is_either_a_quantity_or_a_quantity_error(text: str) -> None:
    for dimension in DIMENSIONS.values():
        try:
            assert dimension.read(text) >= 0
        except units.QuantityError as error:
            assert error.hint


@pytest.mark.parametrize("dimension", DIMENSIONS.values(), ids=DIMENSIONS)
def test_the_example_of_a_dimension_is_one(dimension: units.Dimension) -> None:
    assert dimension.parse(dimension.example) > 0


@pytest.mark.parametrize("dimension", DIMENSIONS.values(), ids=DIMENSIONS)
def test_units_are_listed_from_large_to_small(dimension: units.Dimension) -> None:
    sizes = list(dimension.units.values())
    assert sizes == sorted(sizes, reverse=True)


def test_parsing_is_exact() -> None:
    assert units.BIT_RATE.parse("0.1 kbit/s") == Fraction(100)
    assert units.BIT_ENERGY.parse("51.97 nJ/bit") == Fraction(5197, 10**11)


def test_a_pydantic_field_reads_text_and_writes_it_again() -> None:
    adapter = TypeAdapter(units.Size)
    assert adapter.validate_python("512 MiB") == 512 * 2**20
    assert adapter.dump_python(512 * 2**20) == "512 MiB"
    assert adapter.json_schema()["type"] == "string"
    with pytest.raises(ValidationError, match="the size 512 has no unit"):
        adapter.validate_python(512)
