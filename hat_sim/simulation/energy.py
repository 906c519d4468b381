"""Joules of the devices of one world: computing at the profile's power, and radio by the bit."""

from __future__ import annotations

from collections import defaultdict

from hat_sim.network.tcp import WireBytes
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.clock import NS_PER_S


class EnergyMeter:
    """Adds up what devices spend; idle time costs nothing here."""

    def __init__(self) -> None:
        self.compute_j: defaultdict[str, float] = defaultdict(float)
        self.radio_j: defaultdict[str, float] = defaultdict(float)

    def computed(self, device: Device, busy_ns: int) -> None:
        """Power x busy time."""
        self.compute_j[device.name] += device.profile.power * busy_ns / NS_PER_S

    def carried(self, sender: Device, receiver: Device, wire: WireBytes) -> None:
        """Bits x joules a bit, at both ends and in both directions: acknowledgements are sent, too."""
        for one, other, size in ((sender, receiver, wire.forward), (receiver, sender, wire.reverse)):
            self.radio_j[one.name] += 8 * size * one.link.energy_sent
            self.radio_j[other.name] += 8 * size * other.link.energy_received

    def sent_in_vain(self, sender: Device, size: int) -> None:
        """Bytes that nobody hears."""
        self.radio_j[sender.name] += 8 * size * sender.link.energy_sent
