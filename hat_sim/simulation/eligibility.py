"""Sources that no target could use: their models read sensors that it lacks, and they have said so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hat_sim.protocol.errors import Fault
from hat_sim.protocol.ledger import LedgerRow, refused
from hat_sim.quantities import counted, listed
from hat_sim.scenario.fleet import Fleet


def not_eligible(fleet: Fleet, ledger: Iterable[LedgerRow]) -> dict[str, tuple[str, ...]] | None:
    """The sources that turned the target down for sensors that it lacks, each with these.

    None where nobody of the fleet lacks any sensor.
    """
    if fleet.target.sensors is None:
        return None
    outcome = refused(Fault.NOT_ELIGIBLE)
    own = (row for row in ledger if row.target == fleet.target.name)
    turned = {row.receiver for row in own if row.outcome == outcome}
    lacking = {it.name: fleet.lacking(it) for it in fleet.sources if it.name in turned}
    return {name: sensors for name, sensors in lacking.items() if sensors}


def told(targets: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """A sentence about the targets of a `result.json`; none where each source could serve."""
    found = [it for it in targets if it.get("not_eligible")]
    if not found:
        return ()
    first = found[0]
    by_sensors: defaultdict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, sensors in first["not_eligible"].items():
        by_sensors[tuple(sensors)].append(name)
    whose = [f"{listed(sensors)} ({listed(names, most=4)})" for sensors, names in by_sensors.items()]
    count = len(first["not_eligible"])
    verb, models = ("is", "its model reads") if count == 1 else ("are", "their models read")
    words = f"{counted(count, 'source')} {verb} not eligible, since {models} what {first['device']} lacks: "
    more = f"; {len(found):,} of {len(targets):,} targets have such sources" if len(targets) > 1 else ""
    return (words + "; ".join(whose) + more,)
