"""The resolved scenario: every default written out, every profile in figures; and its hash."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hat_sim.scenario.schema import Scenario
from hat_sim.scenario.trace_table import read_trace


def resolved_scenario(scenario: Scenario) -> dict[str, Any]:
    """`scenario` as plain values, quantities as text with units; a scenario file that says the same.

    `sweep` is left out, for a run is of the scenario as it stands. `devices` and `links` hold the figures of
    exactly the profiles in use, so that the file keeps its meaning when the catalogue changes.
    """
    plain = scenario.model_dump(mode="json", exclude_none=True, exclude={"sweep"})
    plain["method"] = scenario.method.model_dump(mode="json")  # a null option says something
    if scenario.patience is not None:
        plain["protocol"] = scenario.patience.model_dump(mode="json")
    devices, links = _profiles_in_use(scenario)
    plain["devices"] = {name: scenario.device_profile(name).entry() for name in devices}
    plain["links"] = {name: scenario.link_profile(name).figures() for name in links}
    return plain


def scenario_sha256(scenario: Scenario, data_digest: str) -> str:
    """SHA-256 (hex) of what a scenario means: its resolved form and the digest of its data.

    The seed is left out, for a run carries it beside the hash, and so are the paths of a data folder and of
    traces, of which the content counts.
    """
    plain = resolved_scenario(scenario)
    del plain["seed"]
    plain["data"].pop("folder", None)
    plain["data"]["digest"] = data_digest
    if scenario.availability is not None and scenario.availability.trace is not None:
        plain["availability"]["trace"] = hashlib.sha256(scenario.availability.trace.read_bytes()).hexdigest()
    if not isinstance(scenario.sources, tuple) and (trace := scenario.sources.trace) is not None:
        del plain["sources"]["trace"]["file"]
        plain["sources"]["trace"]["digest"] = read_trace(trace).digest
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _profiles_in_use(scenario: Scenario) -> tuple[list[str], list[str]]:
    """The names of the devices and of the links that the target or a source has, sorted."""
    devices, links = {scenario.target.device}, {scenario.target.link}
    if isinstance(scenario.sources, tuple):
        devices.update(source.device for source in scenario.sources)
        links.update(source.link for source in scenario.sources)
    else:
        devices.update(scenario.sources.devices)
        links.update(scenario.sources.links)
    return sorted(devices), sorted(links)
