"""The catalogue of devices and links that ships with the package, each figure with its source and basis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML

from hat_sim import units

DEVICE_FIGURES: Mapping[str, units.Dimension] = MappingProxyType(
    {"speed": units.SPEED, "memory": units.SIZE, "power": units.POWER}
)
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
    """

    name: str
    speed: float
    memory: int
    power: float
    source: str
    basis: str
    recalled: tuple[str, ...]

    def figures(self) -> dict[str, str]:
        """Every figure as text with its unit."""
        return {key: dimension.format(getattr(self, key)) for key, dimension in DEVICE_FIGURES.items()}


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
