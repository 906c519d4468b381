"""Joules of the devices of one world: computing by time or operation, radio by the bit, waiting by time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hat_sim.network.tcp import WireBytes
from hat_sim.scenario.fleet import Device
from hat_sim.simulation.clock import NS_PER_S
from hat_sim.simulation.record import Busy, Spent


class EnergyMeter:
    """Writes down what devices spend, and when."""

    def __init__(self) -> None:
        self._spent: list[Spent] = []

    def computed(self, device: Device, busy: Busy) -> None:
        """Joules an operation x operations where the profile knows them, else power x busy time."""
        per_flop = device.profile.energy_per_flop
        if per_flop is None:
            joules = device.profile.power * (busy.end_ns - busy.start_ns) / NS_PER_S
        else:
            joules = per_flop * busy.flop
        self._spent.append(Spent(device.name, "compute", busy.phase, busy.start_ns, busy.end_ns, joules))

    def carried(self, sender: Device, receiver: Device, wire: WireBytes, phase: str, now_ns: int) -> None:
        """Bits x joules a bit, at both ends and in both directions: acknowledgements are sent, too."""
        for one, sent, received in (
            (sender, wire.forward, wire.reverse),
            (receiver, wire.reverse, wire.forward),
        ):
            joules = 8 * (sent * one.link.energy_sent + received * one.link.energy_received)
            self._spent.append(Spent(one.name, "radio", phase, now_ns, now_ns, joules))

    def sent_in_vain(self, sender: Device, size: int, phase: str, now_ns: int) -> None:
        """Bytes that nobody hears."""
        joules = 8 * size * sender.link.energy_sent
        self._spent.append(Spent(sender.name, "radio", phase, now_ns, now_ns, joules))

    def spent(
        self, devices: Iterable[Device], busy: Sequence[Busy], ends_ns: Mapping[str, int], last_ns: int
    ) -> list[Spent]:
        """All of it, and what devices whose profile knows their idle power drew while they waited.

        A target waits until it has its model (`ends_ns`), a source until the last target has (`last_ns`).
        """
        stretches: dict[str, list[Busy]] = {}
        for it in busy:
            stretches.setdefault(it.device, []).append(it)
        waited = [
            Spent(device.name, "idle", None, start_ns, end_ns, power * (end_ns - start_ns) / NS_PER_S)
            for device in devices
            if (power := device.profile.idle_power) is not None
            for start_ns, end_ns in _gaps(stretches.get(device.name, ()), ends_ns.get(device.name, last_ns))
        ]
        return [*self._spent, *waited]


def _gaps(busy: Sequence[Busy], end_ns: int) -> Iterator[tuple[int, int]]:
    """The stretches from 0 to `end_ns` that are in none of `busy`, which follow each other."""
    free_ns = 0
    for it in busy:
        if free_ns < min(it.start_ns, end_ns):
            yield free_ns, min(it.start_ns, end_ns)
        free_ns = it.end_ns
    if free_ns < end_ns:
        yield free_ns, end_ns
