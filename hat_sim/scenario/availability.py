"""When each source can be reached: cycles of being on and off, in periods or as recorded of real devices.

A trace is a JSON object in the shape of FedScale's (Lai et al., ICML 2022), a device an entry: `active` and
`inactive` are the times at which it comes and goes, in turns, and at `finish_time` all begins again;
`duration`, its time of being on, is not used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain, pairwise
from typing import Any

from hat_sim.errors import Problem, UserError
from hat_sim.scenario.faults import Availability
from hat_sim.seeding import derive_seed
from hat_sim.units import TIME_UNITS

COLUMNS = ("duration", "active", "inactive", "finish_time")
MOST_PROBLEMS = 10


@dataclass(frozen=True)
class Cycle:
    """On in the stretches [start, end) of each period, in nanoseconds; `shift_ns` is where time 0 lies in it.

    Stretches are in order and do not touch.
    """

    period_ns: int
    on: tuple[tuple[int, int], ...]
    shift_ns: int = 0

    def is_on(self, at_ns: int) -> bool:
        here = (at_ns + self.shift_ns) % self.period_ns
        return any(start <= here < end for start, end in self.on)

    def next_change_ns(self, after_ns: int) -> int | None:
        """When it next comes or goes; None where it never does."""
        turn, here = divmod(after_ns + self.shift_ns, self.period_ns)
        edges = {edge % self.period_ns for stretch in self.on for edge in stretch}
        is_seamless = bool(self.on) and self.on[0][0] == 0 and self.on[-1][1] == self.period_ns
        if is_seamless:
            edges.discard(0)
        if not edges:
            return None
        later = min((edge for edge in edges if edge > here), default=self.period_ns + min(edges))
        return turn * self.period_ns + later - self.shift_ns


def cycles_of(availability: Availability, sources: Sequence[str], seed: int) -> dict[str, Cycle]:
    """The cycle of each source; UserError where the trace cannot be used."""
    if availability.trace is None:
        period, share = availability.period, availability.on_share
        assert period is not None and share is not None
        on = ((0, max(1, round(share * period))),)
        return {name: Cycle(period, on, derive_seed(seed, "availability", name) % period) for name in sources}
    traces = traces_of(availability)
    order = sorted(sources, key=lambda name: derive_seed(seed, "availability", name))
    dealt = {name: traces[place % len(traces)] for place, name in enumerate(order)}
    return {name: dealt[name] for name in sources}


def traces_of(availability: Availability) -> tuple[Cycle, ...]:
    """The cycles of a trace's devices, in the order of the file; UserError with all that is wrong with it."""
    assert availability.trace is not None and availability.unit is not None
    file = availability.trace
    try:
        content = file.read_bytes()
    except OSError as error:
        hint = "a relative path starts at the scenario file's folder"
        what = f"{file} cannot be read: {error.strerror}"
        raise UserError(Problem(what, path="availability.trace", hint=hint)) from None
    return _parsed(content, str(file), TIME_UNITS[availability.unit], availability.start or 0)


@lru_cache(maxsize=4)
def _parsed(content: bytes, file: str, unit_ns: int, start_ns: int) -> tuple[Cycle, ...]:
    try:
        devices = json.loads(content)
    except ValueError as error:
        raise UserError(_problem(f"{file} is no JSON: {error}")) from None
    if not isinstance(devices, dict) or not devices:
        raise UserError(_problem(f"{file} holds no devices"))
    problems = [
        _problem(f"{file}: device {name}: {what}") for name, it in devices.items() for what in _wrong(it)
    ]
    if problems:
        more = len(problems) - MOST_PROBLEMS
        last = [_problem(f"{file}: {more} more of the kind")] if more > 0 else []
        raise UserError([*problems[:MOST_PROBLEMS], *last])
    return tuple(_cycle(it, unit_ns, start_ns) for it in devices.values())


def _problem(what: str) -> Problem:
    hint = "{id: {duration, active: [..], inactive: [..], finish_time}} with ascending times"
    return Problem(what, path="availability.trace", hint=hint)


def _wrong(device: Any) -> Iterator[str]:
    if not isinstance(device, dict):
        yield "it is no object"
        return
    missing = [column for column in COLUMNS if column not in device]
    if missing:
        yield f"{', '.join(missing)} missing"
        return
    active, inactive, finish = device["active"], device["inactive"], device["finish_time"]
    listed = isinstance(active, list) and isinstance(inactive, list)
    if not listed or not all(map(_is_time, (*active, *inactive, finish))) or finish == 0:
        yield "active and inactive are lists of times, finish_time is a time above 0"
    elif len(active) != len(inactive):
        yield f"{len(active)} times in active, {len(inactive)} in inactive"
    elif any(one > other for one, other in pairwise([*chain(*zip(active, inactive, strict=True)), finish])):
        yield "active and inactive do not follow each other in turns up to finish_time"


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e15


def _cycle(device: Mapping[str, Any], unit_ns: int, start_ns: int) -> Cycle:
    period = max(1, round(device["finish_time"] * unit_ns))
    on: list[tuple[int, int]] = []
    for come, go in zip(device["active"], device["inactive"], strict=True):
        start, end = round(come * unit_ns), min(period, round(go * unit_ns))
        if on and start <= on[-1][1]:
            on[-1] = (on[-1][0], max(end, on[-1][1]))
        elif start < end:
            on.append((start, end))
    return Cycle(period, tuple(on), start_ns % period)
