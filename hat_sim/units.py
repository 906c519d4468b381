"""Physical quantities: text with a unit outside ("6.3 Mbit/s"), a plain number in the base unit inside.

SI prefixes are powers of ten and binary prefixes (`KiB`, `MiB`, `GiB`) powers of two; a bare number is
refused, for nobody can see its unit. Times are whole nanoseconds and sizes whole bytes, never rounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_NUMBER = re.compile(
    r"\s*([+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,400})?|\.[0-9]{1,400})(?:[eE][+-]?[0-9]{1,2})?)\s*([^\W\d_].*?|%)?\s*"
)
_NOT_FINITE = re.compile(r"\s*[+-]?\.?(?:inf|infinity|nan)\b.*", re.IGNORECASE)


class QuantityError(ValueError):
    """A text is not a quantity of the dimension asked for: `what` is wrong, `hint` would be accepted."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(f"{what} ({hint})")
        self.what = what
        self.hint = hint


@dataclass(frozen=True)
class Dimension:
    """One kind of quantity, and how it is written.

    `units` maps each accepted unit, largest first, to its size in base units; the last has size 1 or is the
    only one. `whole` quantities are ints, the others floats. Zero is accepted where `zero` says so, and a
    value must stay below `below` (in base units) where that is given.
    """

    name: str
    example: str
    units: Mapping[str, Fraction] = field(hash=False)
    whole: bool = False
    zero: bool = False
    below: Fraction | None = None

    def parse(self, text: object) -> Fraction:
        """The exact value of `text` in base units; raises QuantityError."""
        number, unit = self._split(text)
        value = number * self.units[unit]
        if value < 0 or (value == 0 and not self.zero):
            least = "not be negative" if self.zero else "be greater than zero"
            raise QuantityError(f"a {self.name} must {least}, got {text!r}", self._expected())
        if self.below is not None and value >= self.below:
            limit = self.format(int(self.below))
            raise QuantityError(f"a {self.name} must be below {limit}, got {text!r}", self._expected())
        if self.whole and value.denominator != 1:
            base = self._smallest
            raise QuantityError(
                f"{text!r} is not a whole number of {base}: {float(value)!r}",
                f'for example "{max(1, round(value))} {base}"',
            )
        return value

    def read(self, text: object) -> float:
        """The value of `text` as the number that is used inside: an int where the quantity is whole."""
        value = self.parse(text)
        return int(value) if self.whole else float(value)

    def format(self, value: float) -> str:
        """`value`, in base units, as text that `parse` reads back to the same number.

        A whole quantity gets the largest unit in which it is whole, any other the largest prefix that
        leaves at least 1 before the point.
        """
        exact = Fraction(repr(value))
        ratios = {unit: exact / size for unit, size in self.units.items()}
        fitting = [
            unit for unit, ratio in ratios.items() if (ratio.denominator == 1 if self.whole else ratio >= 1)
        ]
        unit = fitting[0] if fitting and value else self._smallest
        return f"{_decimal(ratios[unit])} {unit}"

    def __get_pydantic_core_schema__(self, source: type[Any], handler: GetCoreSchemaHandler) -> CoreSchema:
        """Used as `Annotated[float, SPEED]`: read from text, a number inside, written as text again."""
        return core_schema.no_info_plain_validator_function(
            self._validate,
            serialization=core_schema.plain_serializer_function_ser_schema(
                self.format, return_schema=core_schema.str_schema()
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {
            "type": "string",
            "pattern": rf"^\s*\+?[0-9.]+([eE][+-]?[0-9]+)?\s*({'|'.join(self.units)})\s*$",
            "examples": [self.example],
        }

    def _validate(self, text: object) -> float:
        try:
            return self.read(text)
        except QuantityError as error:
            context = {"what": error.what, "hint": error.hint}
            raise PydanticCustomError("quantity", "{what}", context) from error

    @property
    def _smallest(self) -> str:
        return list(self.units)[-1]

    def _split(self, text: object) -> tuple[Fraction, str]:
        if isinstance(text, bool) or not isinstance(text, str | int | float):
            raise QuantityError(f"expected a {self.name}, got {_kind(text)}", self._expected())
        if not isinstance(text, str):
            raise QuantityError(f"the {self.name} {text!r} has no unit", self._expected())
        if _NOT_FINITE.fullmatch(text):
            raise QuantityError(f"a {self.name} must be finite, got {text!r}", self._expected())
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise QuantityError(f"{text!r} is not a {self.name}", self._expected())
        number, unit = match.groups(default="")
        unit = unit.replace("\u00b5", "u").replace("\u03bc", "u")
        if not unit:
            raise QuantityError(f"the {self.name} {text!r} has no unit", self._expected())
        if unit not in self.units:
            same_letters = [known for known in self.units if known.lower() == unit.lower()]
            hint = f'did you mean "{number} {same_letters[0]}"?' if same_letters else self._expected()
            raise QuantityError(f"{unit!r} is not a unit of {self.name}", hint)
        return Fraction(number), unit

    def _expected(self) -> str:
        return f'expected a number and one of {", ".join(self.units)}, for example "{self.example}"'


def _decimal(ratio: Fraction) -> str:
    """A fraction whose denominator divides a power of ten, written out in full without an exponent."""
    digits = 0
    while ratio.denominator != 1:
        ratio *= 10
        digits += 1
    text = str(ratio.numerator).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a section"
    return "a list" if isinstance(value, list | tuple) else repr(value)


def _prefixed(unit: str, prefixes: str) -> dict[str, Fraction]:
    powers = {"p": -12, "n": -9, "u": -6, "m": -3, "_": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
    return {prefix.strip("_") + unit: Fraction(10) ** powers[prefix] for prefix in prefixes}


_TIMES = {
    "h": Fraction(3600 * 10**9),
    "min": Fraction(60 * 10**9),
    "s": Fraction(10**9),
    "ms": Fraction(10**6),
    "us": Fraction(10**3),
    "ns": Fraction(1),
}
TIME_UNITS: Mapping[str, int] = {unit: int(size) for unit, size in _TIMES.items()}
"""Nanoseconds in each unit of time."""
_SIZES = {
    "TiB": Fraction(2**40),
    "TB": Fraction(10**12),
    "GiB": Fraction(2**30),
    "GB": Fraction(10**9),
    "MiB": Fraction(2**20),
    "MB": Fraction(10**6),
    "KiB": Fraction(2**10),
    "kB": Fraction(10**3),
    "B": Fraction(1),
}
_LONGEST = Fraction(2_500_000 * 3600 * 10**9)  # with every larger one, no longer an int64 of nanoseconds
_LARGEST = Fraction(2**62)

BIT_RATE = Dimension("bit rate", "6.3 Mbit/s", _prefixed("bit/s", "GMk_"))
SPEED = Dimension("compute speed", "15 GFLOP/s", _prefixed("FLOP/s", "PTGMk_"))
SAMPLE_TIME = Dimension("time per sample", "1.4 ms/sample", _prefixed("s/sample", "_mun"))
SAMPLE_WORK = Dimension("work per sample", "60 MFLOP/sample", _prefixed("FLOP/sample", "TGMk_"))
POWER = Dimension("power", "7.2 W", _prefixed("W", "k_m"))
ENERGY = Dimension("energy", "50 J", {**_prefixed("J", "Mk_"), "Wh": Fraction(3600), **_prefixed("J", "m")})
"""Nothing is written in Wh, of which few energies are a decimal fraction: it comes after J."""
FLOP_ENERGY = Dimension("energy per operation", "0.5 nJ/FLOP", _prefixed("J/FLOP", "_munp"))
BIT_ENERGY = Dimension("energy per bit", "0.4 uJ/bit", _prefixed("J/bit", "_munp"), zero=True)
DURATION = Dimension("duration", "50 ms", _TIMES, whole=True, below=_LONGEST)
LATENCY = Dimension("latency", "50 ms", _TIMES, whole=True, zero=True, below=_LONGEST)
INSTANT = Dimension("time", "2 s", _TIMES, whole=True, zero=True, below=_LONGEST)
SIZE = Dimension("size", "512 MiB", _SIZES, whole=True, below=_LARGEST)
SHARE = Dimension("share", "0.2 %", {"%": Fraction(1, 100)}, zero=True, below=Fraction(1))

BitRate = Annotated[float, BIT_RATE]
"""Bit/s."""
Speed = Annotated[float, SPEED]
"""FLOP/s."""
SampleTime = Annotated[float, SAMPLE_TIME]
"""Seconds for each sample."""
SampleWork = Annotated[float, SAMPLE_WORK]
"""FLOP for each sample."""
Energy = Annotated[float, ENERGY]
"""Joules."""
FlopEnergy = Annotated[float, FLOP_ENERGY]
"""Joules per FLOP."""
Power = Annotated[float, POWER]
"""Watts."""
BitEnergy = Annotated[float, BIT_ENERGY]
"""Joules per bit; may be zero."""
Duration = Annotated[int, DURATION]
"""Nanoseconds, more than zero."""
Latency = Annotated[int, LATENCY]
"""Nanoseconds; may be zero."""
Instant = Annotated[int, INSTANT]
"""Nanoseconds since a beginning; may be zero."""
Size = Annotated[int, SIZE]
"""Bytes."""
Share = Annotated[float, SHARE]
"""A fraction, at least 0 and below 1, written in percent."""
