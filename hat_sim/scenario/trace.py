"""Devices as somebody measured them: a table with a row for each, its units declared by the scenario.

The shape is that of FedScale's device trace (Lai et al., ICML 2022): `computation`, the time that training on
one sample takes, and `communication`, a rate. What a table does not have (memory, power, round trip, loss,
the share of the other direction, joules) comes from the profiles that the scenario names beside it.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hat_sim import units
from hat_sim.scenario.names import Name, refuse
from hat_sim.scenario.section import Section


def _compute_unit(unit: str) -> str:
    known = [*units.SAMPLE_TIME.units, *units.SPEED.units]
    if unit not in known:
        raise refuse(f'"{unit}" is no unit of a time per sample or a speed', f"one of {', '.join(known)}")
    return unit


def _rate_unit(unit: str) -> str:
    if unit not in units.BIT_RATE.units:
        raise refuse(f'"{unit}" is no unit of a bit rate', f"one of {', '.join(units.BIT_RATE.units)}")
    return unit


class TraceColumns(Section):
    """The names of a trace's columns."""

    computation: Name = Field(
        default="computation", title="Computation", description="The column of times or speeds."
    )
    communication: Name = Field(
        default="communication", title="Communication", description="The column of rates."
    )

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if self.computation == self.communication:
            raise refuse("one column cannot be both", "two names")
        return self


class Trace(Section):
    """A table that sources are drawn from, a row each, with replacement."""

    file: Path = Field(
        title="File",
        description="A .csv with a header, or a .parquet; a relative path starts at the scenario's folder.",
    )
    computation: Annotated[str, AfterValidator(_compute_unit)] = Field(
        title="Unit of computation",
        description="What its numbers are: a time for training on one sample (ms/sample), which needs "
        "`reference`, or a speed (GFLOP/s).",
    )
    communication: Annotated[str, AfterValidator(_rate_unit)] = Field(
        title="Unit of communication", description="What its numbers are, for example kbit/s."
    )
    direction: Literal["up", "down"] = Field(
        title="Direction",
        description="Of which way the rates are: from the device (up) or to it (down). The other way's are "
        "in the ratio of the link profile's.",
    )
    reference: units.SampleWork | None = Field(
        default=None,
        title="Reference work",
        description='Work of training on one sample in the model that was timed: "60 MFLOP/sample".',
    )
    columns: TraceColumns = Field(
        default=TraceColumns(), title="Columns", description="Their names, where they are others."
    )

    @model_validator(mode="after")
    def _times_have_a_reference(self) -> Self:
        if self.is_timed and self.reference is None:
            raise refuse(
                f"{self.computation} are no speed without the work of a sample",
                f'reference: "{units.SAMPLE_WORK.example}", forward and backward, of what was timed',
            )
        if not self.is_timed and self.reference is not None:
            raise refuse(f"{self.computation} is a speed already", "leave out `reference`")
        return self

    @property
    def is_timed(self) -> bool:
        """Whether its computation is times, not speeds."""
        return self.computation in units.SAMPLE_TIME.units

    def speed(self, computation: float) -> float:
        """FLOP/s of a number in the column."""
        number = Fraction(repr(computation))
        if self.reference is None:
            return float(number * units.SPEED.units[self.computation])
        seconds = number * units.SAMPLE_TIME.units[self.computation]
        return float(Fraction(repr(self.reference)) / seconds)

    def rate(self, communication: float) -> float:
        """Bit/s of a number in the column."""
        return float(Fraction(repr(communication)) * units.BIT_RATE.units[self.communication])
