"""A scenario's own device and link profiles, on their own or as changes to one of the catalogue."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from hat_sim import units
from hat_sim.scenario.catalogue import (
    DEVICE_FIGURES,
    FURTHER_DEVICE_FIGURES,
    LINK_FIGURES,
    DeviceProfile,
    LinkProfile,
    device_profiles,
    link_profiles,
)
from hat_sim.scenario.names import Name, refuse
from hat_sim.scenario.nearest import suggestion
from hat_sim.scenario.section import Section


def _in_devices(name: str) -> str:
    if name not in device_profiles():
        raise refuse(f'unknown device "{name}" in the catalogue', suggestion(name, device_profiles()))
    return name


def _in_links(name: str) -> str:
    if name not in link_profiles():
        raise refuse(f'unknown link "{name}" in the catalogue', suggestion(name, link_profiles()))
    return name


class OwnDevice(Section):
    """A device of the scenario's own: every figure, or `like` a catalogue device and what differs."""

    like: Annotated[str, AfterValidator(_in_devices)] | None = Field(
        default=None,
        title="Like",
        description="The catalogue device whose figures stand where none is given.",
    )
    speed: units.Speed | None = Field(
        default=None,
        title="Training speed",
        description='Sustained fp32 training speed, for example "15 GFLOP/s".',
    )
    memory: units.Size | None = Field(
        default=None, title="Memory", description='Memory, for example "4 GB" or "512 MiB".'
    )
    power: units.Power | None = Field(
        default=None, title="Power", description='Power while computing, for example "7.2 W".'
    )
    idle_power: units.Power | None = Field(
        default=None,
        title="Idle power",
        description='Power while it waits, for example "2.7 W"; without it waiting is not counted, and '
        "results say so.",
    )
    energy_per_flop: units.FlopEnergy | None = Field(
        default=None,
        title="Energy per operation",
        description='For example "0.5 nJ/FLOP"; computing then costs this in place of power x time.',
    )
    ms_per_sample: dict[Name, units.SampleTime] | None = Field(
        default=None,
        title="Time per sample",
        description="By architecture, how long training takes on one sample of the scenario's data, forward "
        'and backward, for example {gru: "1.4 ms/sample"}; passes through such a model take their share of '
        "it, a third for an inference, in place of FLOP / speed.",
    )
    source: str | None = Field(
        default=None, min_length=1, title="Source", description="Where the figures come from."
    )
    basis: str | None = Field(
        default=None, min_length=1, title="Basis", description="What the speed rests on; M is measured."
    )
    recalled: tuple[Literal["speed", "memory", "power", "idle_power", "energy_per_flop"], ...] | None = Field(
        default=None, title="Recalled", description="The figures that nobody verified."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _require_every_figure(self, DEVICE_FIGURES)
        return self

    def profile(self, name: str) -> DeviceProfile:
        """The profile that this entry describes."""
        given = _given(self, {**DEVICE_FIGURES, **FURTHER_DEVICE_FIGURES})
        like = None if self.like is None else device_profiles()[self.like]
        inherited = () if like is None else tuple(it for it in like.recalled if it not in given)
        told: dict[str, Any] = {
            "source": self.source or ("the scenario" if like is None else f"like {self.like}"),
            "basis": self.basis or ("given" if like is None else like.basis),
            "recalled": inherited if self.recalled is None else self.recalled,
        }
        if self.ms_per_sample is not None:
            told["sample_times"] = tuple(sorted(self.ms_per_sample.items()))
        if like is None:
            return DeviceProfile(name=name, **given, **told)
        return dataclasses.replace(like, name=name, **given, **told)


class OwnLink(Section):
    """A link of the scenario's own: every figure, or `like` a catalogue link and what differs."""

    like: Annotated[str, AfterValidator(_in_links)] | None = Field(
        default=None, title="Like", description="The catalogue link whose figures stand where none is given."
    )
    up: units.BitRate | None = Field(
        default=None, title="Uplink rate", description='Rate from the device, for example "6.3 Mbit/s".'
    )
    down: units.BitRate | None = Field(
        default=None, title="Downlink rate", description='Rate to the device, for example "21.3 Mbit/s".'
    )
    rtt: units.Latency | None = Field(
        default=None, title="Round-trip time", description='To the core and back, for example "55 ms".'
    )
    loss: units.Share | None = Field(
        default=None, title="Packet loss", description='Share of packets lost, for example "0.2 %".'
    )
    energy_sent: units.BitEnergy | None = Field(
        default=None, title="Energy per bit sent", description='For example "438 nJ/bit".'
    )
    energy_received: units.BitEnergy | None = Field(
        default=None, title="Energy per bit received", description='For example "52 nJ/bit".'
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        _require_every_figure(self, LINK_FIGURES)
        return self

    def profile(self, name: str) -> LinkProfile:
        """The profile that this entry describes."""
        given = _given(self, LINK_FIGURES)
        if self.like is None:
            return LinkProfile(name=name, **given, source="the scenario", basis="given", recalled=())
        like = link_profiles()[self.like]
        recalled = tuple(figure for figure in like.recalled if figure not in given)
        return dataclasses.replace(like, name=name, **given, source=f"like {self.like}", recalled=recalled)


def _given(entry: Section, figures: Mapping[str, units.Dimension]) -> dict[str, Any]:
    values = {figure: getattr(entry, figure) for figure in figures}
    return {figure: value for figure, value in values.items() if value is not None}


def _require_every_figure(entry: OwnDevice | OwnLink, figures: Mapping[str, units.Dimension]) -> None:
    missing = [figure for figure in figures if getattr(entry, figure) is None]
    if entry.like is None and missing:
        raise refuse(
            f"without `like`, every figure must be given: {', '.join(missing)} missing",
            ", ".join(f'{figure}: "{figures[figure].example}"' for figure in missing),
        )
