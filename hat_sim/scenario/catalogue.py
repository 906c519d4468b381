"""The catalogue of devices and links that ships with the package, each figure with its source and basis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML

from hat_sim import units

DEVICE_FIGURES: Mapping[str, units.Dimension] = MappingProxyType(
    {"speed": units.SPEED, "memory": units.SIZE, "power": units.POWER}
)
FURTHER_DEVICE_FIGURES: Mapping[str, units.Dimension] = MappingProxyType(
    {"idle_power": units.POWER, "energy_per_flop": units.FLOP_ENERGY}
)
"""What a device profile may say besides; what it does not say is not counted, and results tell so."""
LINK_FIGURES: Mapping[str, units.Dimension] = MappingProxyType(
    {
        "up": units.BIT_RATE,
        "down": units.BIT_RATE,
        "rtt": units.LATENCY,
        "loss": units.SHARE,
        "energy_sent": units.BIT_ENERGY,
        "energy_received": units.BIT_ENERGY,
    }
)


@dataclass(frozen=True, slots=True)
class DeviceProfile:
    """What a kind of device can do.

    `speed` is the sustained training speed in FLOP/s (fp32), `memory` is in bytes and `power`, while it
    computes, in watts. `basis` says what the speed rests on, and `recalled` names the figures that nobody
    verified.

    Three figures may be missing. `idle_power`, in watts, is drawn while it does not compute; without it idle
    time is not counted. With `energy_per_flop` computing costs that many joules an operation in place of
    `power` x time. `sample_times` are (architecture, seconds) of training on one sample, forward and
    backward: work in a model of that architecture takes its share of them in place of FLOP / `speed`.
    """

    name: str
    speed: float
    memory: int
    power: float
    source: str
    basis: str
    recalled: tuple[str, ...]
    idle_power: float | None = None
    energy_per_flop: float | None = None
    sample_times: tuple[tuple[str, float], ...] = ()

    def figures(self) -> dict[str, str]:
        """Every figure that there is as text with its unit, but for those by architecture."""
        known = {**DEVICE_FIGURES, **FURTHER_DEVICE_FIGURES}
        given = {key: (dimension, getattr(self, key)) for key, dimension in known.items()}
        return {
            key: dimension.format(value) for key, (dimension, value) in given.items() if value is not None
        }

    def entry(self) -> dict[str, Any]:
        """All of it as a scenario writes it."""
        times = {name: units.SAMPLE_TIME.format(time) for name, time in self.sample_times}
        return {**self.figures(), **({"ms_per_sample": times} if times else {})}

    def faster(self, factor: float) -> DeviceProfile:
        """The same device at `factor` times the speed, whatever the model."""
        times = tuple((name, time / factor) for name, time in self.sample_times)
        return replace(self, speed=self.speed * factor, sample_times=times)


@dataclass(frozen=True, slots=True)
class LinkProfile:
    """What a kind of access link can do.

    `up` and `down` are in bit/s, `rtt` (there and back) in nanoseconds, `loss` is the fraction of packets
    lost, and `energy_sent` and `energy_received` are in joules per bit. `basis` says what the rates rest on,
    and `recalled` names the figures that nobody verified.
    """

    name: str
    up: float
    down: float
    rtt: int
    loss: float
    energy_sent: float
    energy_received: float
    source: str
    basis: str
    recalled: tuple[str, ...]

    def figures(self) -> dict[str, str]:
        """Every figure as text with its unit."""
        return {key: dimension.format(getattr(self, key)) for key, dimension in LINK_FIGURES.items()}


@cache
def device_profiles() -> Mapping[str, DeviceProfile]:
    """The devices of the catalogue by name, in the order of `devices.yaml`."""
    entries = _read("devices.yaml", DEVICE_FIGURES)
    return MappingProxyType({name: DeviceProfile(name=name, **entry) for name, entry in entries.items()})


@cache
def link_profiles() -> Mapping[str, LinkProfile]:
    """The links of the catalogue by name, in the order of `links.yaml`."""
    entries = _read("links.yaml", LINK_FIGURES)
    return MappingProxyType({name: LinkProfile(name=name, **entry) for name, entry in entries.items()})


def _read(file: str, figures: Mapping[str, units.Dimension]) -> dict[str, dict[str, Any]]:
    """The entries of a catalogue file with every figure as a number."""
    text = resources.files("hat_sim.scenario").joinpath(file).read_text(encoding="utf-8")
    entries: dict[str, dict[str, Any]] = YAML(typ="safe", pure=True).load(text)
    for entry in entries.values():
        for key, dimension in figures.items():
            entry[key] = dimension.read(entry[key])
        entry["recalled"] = tuple(entry["recalled"])
    return entries
