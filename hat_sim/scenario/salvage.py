"""Taking the wrong parts out of a scenario, so that the rest of it can still be checked.

A wrong key is left out, or gets a stand-in where the scenario needs it. The stand-ins are chosen so that
they cause no problem of their own: the roomiest device, the fastest link, shares that fix no number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hat_sim.scenario.catalogue import DEVICE_FIGURES, LINK_FIGURES, device_profiles, link_profiles
from hat_sim.scenario.messages import Path, pattern_of, section_at
from hat_sim.scenario.nearest import nearest
from hat_sim.units import Dimension

_DECISIVE = frozenset({"target", "target.domain", "method", "method.name", "rounds", "rounds.domains"})
_WHOLE = (("faults", "*"), ("availability",))
"""Sections whose keys hang together: one wrong key takes out all of it."""


def leave_out(values: dict[str, Any], path: Path) -> None:
    """Replace what stands at `path` in `values` by its stand-in, or take it out where it needs none.

    An unknown key is taken for the known one that it is most like, which so gets the stand-in.
    """
    for whole in _WHOLE:
        if pattern_of(path[: len(whole)]) == ".".join(whole):
            path = path[: len(whole)]
    while pattern_of(path) not in _STAND_INS and section_at(path[:-1]) is None:
        path = path[:-1]
    holder: Any = values
    for step in path[:-1]:
        holder = holder[step]
    section = section_at(path[:-1])
    if section is not None and path[-1] not in section.model_fields and isinstance(holder, dict):
        holder.pop(path[-1], None)
        path = (*path[:-1], nearest(str(path[-1]), set(section.model_fields) - set(holder)) or "")
    stand_in = _STAND_INS.get(pattern_of(path))
    if stand_in is not None:
        holder[path[-1]] = stand_in()
    else:
        holder.pop(path[-1], None)
    if path[0] == "target" and values.get("rounds") is not None:
        values["target"].pop("domain", None)


def is_decisive(path: Path) -> bool:
    """Whether no stand-in can be given at `path` without misleading the checks that look across sections."""
    return path[0] == "data" or pattern_of(path[:2]) in _DECISIVE


def _device() -> str:
    return max(device_profiles().values(), key=lambda profile: profile.memory).name


def _link() -> str:
    return max(link_profiles().values(), key=lambda profile: profile.up).name


def _text() -> str:
    return "stand-in"


def _figures(section: str, figures: Mapping[str, Dimension]) -> dict[str, Callable[[], Any]]:
    def example_of(dimension: Dimension) -> Callable[[], str]:
        return lambda: dimension.example

    return {f"{section}.*.{figure}": example_of(dimension) for figure, dimension in figures.items()}


_STAND_INS: Mapping[str, Callable[[], Any]] = {
    "name": _text,
    "data": lambda: {"generated": {}},
    "data.dataset": _text,
    "data.folder": _text,
    "data.generated": dict,
    "method": lambda: {"name": "hat"},
    "method.name": lambda: "hat",
    "target": lambda: {"domain": "each", "device": _device(), "link": _link()},
    "target.domain": lambda: "each",
    "target.device": _device,
    "target.link": _link,
    "rounds": lambda: {"domains": [["stand-in"]]},
    "rounds.domains": lambda: [["stand-in"]],
    "sources": lambda: {"devices": _device(), "links": _link()},
    "sources.devices": _device,
    "sources.links": _link,
    "sources.*": lambda: {"domain": "stand-in", "device": _device(), "link": _link()},
    "sources.*.domain": _text,
    "sources.*.device": _device,
    "sources.*.link": _link,
    "faults.*": lambda: {"kind": "damaged", "count": 0},
    "devices.*": lambda: {"like": _device()},
    "devices.*.like": _device,
    **_figures("devices", DEVICE_FIGURES),
    "links.*": lambda: {"like": _link()},
    "links.*.like": _link,
    **_figures("links", LINK_FIGURES),
}
