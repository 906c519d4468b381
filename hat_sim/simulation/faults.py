"""What goes wrong in a world, as time goes by: who is away, whose link or speed is not what it was.

All of it follows from the scenario and what the world does: draws were made when the misfortune was dealt.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from hat_sim.network.access import AccessLink
from hat_sim.scenario.hits import Hit, Misfortune
from hat_sim.simulation.record import Incident

UNAVAILABLE = "unavailable"
"""The kind of an incident of availability."""
_OF_LINKS = frozenset({"loss", "slow", "cut"})
_OF_FRAMES = frozenset({"corrupt", "crash"})


@dataclass(frozen=True)
class Change:
    """A fault begins or ends or, where there is no `hit`, its one device comes or goes."""

    devices: tuple[str, ...]
    begins: bool
    hit: Hit | None = None


class Faults:
    """The state of what is wrong; `incidents` tells what has happened so far."""

    def __init__(self, misfortune: Misfortune | None = None) -> None:
        misfortune = misfortune or Misfortune()
        self._hits = misfortune.hits
        self._cycles = misfortune.cycles or {}
        self._reasons: Counter[str] = Counter()
        self._crashed: set[str] = set()
        self._islands: dict[int, frozenset[str]] = {}
        self._of_links: dict[int, Hit] = {}
        self._seen: Counter[tuple[int, str]] = Counter()
        self.incidents: list[Incident] = []

    def changes(self) -> Iterator[tuple[int, Change]]:
        """What changes when, from the start; of what comes and goes the first time."""
        for hit in self._hits:
            fault = hit.fault
            if hit.devices and (fault.at is not None or fault.kind == "damaged"):
                yield fault.at or 0, Change(hit.devices, True, hit)
                if fault.end_ns is not None:
                    yield fault.end_ns, Change(hit.devices, False, hit)
        for name, cycle in self._cycles.items():
            if not cycle.is_on(0):
                yield 0, Change((name,), True)
            else:
                yield from self._next_turn(name, 0)

    def apply(self, change: Change, now_ns: int) -> Iterator[tuple[int, Change]]:
        """Let a change be; of what comes and goes, when it next does."""
        hit = change.hit
        step = 1 if change.begins else -1
        if hit is None:
            self._reasons[change.devices[0]] += step
            following = list(self._next_turn(change.devices[0], now_ns))
            until = following[0][0] if following else None
            if change.begins:
                self.incidents.append(Incident(None, UNAVAILABLE, change.devices, now_ns, until))
            yield from following
            return
        match hit.fault.kind:
            case "down":
                self._reasons.update(dict.fromkeys(change.devices, step))
            case "crash":
                self._crashed.update(change.devices)
            case "partition" if change.begins:
                self._islands[hit.entry] = frozenset(change.devices)
            case "partition":
                del self._islands[hit.entry]
            case kind if kind in _OF_LINKS and change.begins:
                self._of_links[hit.entry] = hit
            case kind if kind in _OF_LINKS:
                del self._of_links[hit.entry]
        if change.begins:
            self._tell(hit, change.devices, now_ns)

    def is_away(self, device: str) -> bool:
        """Whether it sends and hears nothing."""
        return device in self._crashed or self._reasons[device] > 0

    def are_parted(self, one: str, other: str) -> bool:
        """Whether a partition lies between them."""
        return any((one in island) != (other in island) for island in self._islands.values())

    def link_of(self, device: str, usual: AccessLink) -> AccessLink:
        """What has become of a device's access link."""
        link = usual
        for hit in self._of_links.values():
            fault = hit.fault
            if device not in (hit.devices or ()):
                continue
            if fault.kind == "cut":
                link = replace(link, up_bit_s=0, down_bit_s=0)
            elif fault.kind == "slow":
                factor = fault.factor or 1
                up, down = (
                    rate and max(1, round(rate / factor)) for rate in (link.up_bit_s, link.down_bit_s)
                )
                link = replace(link, up_bit_s=up, down_bit_s=down)
            else:
                link = replace(link, loss=1 - (1 - link.loss) * (1 - (fault.rate or 0)))
        return link

    def done_ns(self, device: str, start_ns: int, work_ns: int) -> int:
        """When work is done that takes `work_ns` at the device's own speed."""
        slow = [
            hit.fault for hit in self._hits if hit.fault.kind == "straggler" and device in (hit.devices or ())
        ]
        now_ns, left_ns = start_ns, work_ns
        for fault in sorted(slow, key=lambda it: it.at or 0):
            at_ns, end_ns, factor = fault.at or 0, fault.end_ns, fault.factor or 1
            if end_ns is not None and end_ns <= now_ns:
                continue
            ahead_ns = max(0, at_ns - now_ns)
            if left_ns <= ahead_ns:
                break
            now_ns, left_ns = now_ns + ahead_ns, left_ns - ahead_ns
            slowed_ns = ceil(left_ns * factor)
            if end_ns is None or slowed_ns <= end_ns - now_ns:
                return now_ns + slowed_ns
            now_ns, left_ns = end_ns, left_ns - int((end_ns - now_ns) / factor)
        return now_ns + left_ns

    def corrupts(self, kind: str, sender: str, now_ns: int) -> bool:
        """Whether the frame that is sent now arrives with a flipped bit; to be asked once for each."""
        found = list(self._struck("corrupt", kind, sender))
        for hit in found:
            self._tell(hit, (sender,), now_ns)
        return bool(found)

    def dies_after(self, kind: str, sender: str, size: int) -> tuple[Hit, int] | None:
        """The crash in the middle of an answer of so many bytes that is sent now, and after which of them."""
        for hit in self._struck("crash", kind, sender):
            fault = hit.fault
            most = fault.after_bytes or max(1, round((fault.after_share or 0) * size))
            if most < size:
                return hit, most
        return None

    def _struck(self, fault_kind: str, kind: str, sender: str) -> Iterator[Hit]:
        """The faults in frames whose turn it is, of those that strike frames of this kind and sender."""
        for hit in self._hits:
            fault = hit.fault
            if fault.kind != fault_kind or fault.at is not None or fault.frame_kind != kind:
                continue
            if hit.devices is None or sender in hit.devices:
                counted = (hit.entry, "" if hit.devices is None else sender)
                self._seen[counted] += 1
                if self._seen[counted] == fault.number:
                    yield hit

    def _next_turn(self, name: str, now_ns: int) -> Iterator[tuple[int, Change]]:
        at_ns = self._cycles[name].next_change_ns(now_ns)
        if at_ns is not None:
            yield at_ns, Change((name,), begins=not self._cycles[name].is_on(at_ns))

    def _tell(self, hit: Hit, devices: tuple[str, ...], now_ns: int) -> None:
        end_ns = hit.fault.end_ns
        self.incidents.append(Incident(hit.entry, hit.fault.kind, devices, now_ns, end_ns))
