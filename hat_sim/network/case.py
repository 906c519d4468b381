"""Cases of hosts and messages in a JSON file, with what was measured of them where somebody did.

The form is that of `tests/netlab/contention.json`: one case, or a list of them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from hat_sim.errors import Problem, UserError
from hat_sim.network.simulate import Host, Message, problems_of
from hat_sim.scenario.nearest import nearest

_HOST = {"up_mbit_s": True, "down_mbit_s": True, "access_latency_s": True, "loss_percent": False}
_FLOW = {"src": True, "dst": True, "bytes": True, "start_s": False}
_CASE = {"name": False, "hosts": True, "flows": True, "measured": False}
_MEASURED = {"makespan_s": False, "mean_completion_s": False}
_WHOLE = {"src", "dst", "bytes"}
"""Keys, whether they are required, and which of them are whole numbers."""


@dataclass(frozen=True)
class Case:
    """Messages over hosts; the measured seconds are None where they are not known."""

    name: str
    hosts: Sequence[Host]
    flows: Sequence[Message]
    measured_makespan_s: float | None = None
    measured_mean_s: float | None = None


def read_cases(file: Path) -> list[Case]:
    """The cases of a file. UserError with everything that is wrong with it, each with its path.

    Keys of a case or a flow that are not known are passed over, since they may be measurements, unless one
    that is known is missing and looks like them.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(Problem(f"cannot be read: {error.strerror}", where=str(file))) from None
    except UnicodeDecodeError:
        raise UserError(Problem("is no text in UTF-8", where=str(file))) from None
    except json.JSONDecodeError as error:
        where = f"{file}:{error.lineno}"
        raise UserError(Problem(f"is no JSON: {error.msg} (column {error.colno})", where=where)) from None
    except RecursionError:
        raise UserError(Problem("is nested too deeply", where=str(file))) from None
    is_list = isinstance(content, list)
    entries = content if is_list else [content]
    found = [] if entries else [Problem("holds no case", hint="hosts and flows, or a list of such")]
    cases = []
    for number, entry in enumerate(entries):
        problems = list(_problems(entry))
        prefix = f"[{number}]" if is_list else ""
        for it in problems:
            path = ".".join(part for part in (prefix, it.path) if part) or None
            found.append(Problem(it.what, path, it.hint))
        if not problems:
            cases.append(_case(entry, f"case {number}"))
    if found:
        raise UserError([Problem(it.what, it.path, it.hint, str(file)) for it in found])
    return cases


def _case(entry: Mapping[str, Any], name: str) -> Case:
    measured = entry.get("measured", {})
    return Case(
        name=entry.get("name", name),
        hosts=entry["hosts"],
        flows=_started(entry["flows"]),
        measured_makespan_s=measured.get("makespan_s"),
        measured_mean_s=measured.get("mean_completion_s"),
    )


def _started(flows: Sequence[Mapping[str, Any]]) -> list[Message]:
    """Flows that say nothing of their start begin at 0 s."""
    return [cast(Message, {"start_s": 0, **flow}) for flow in flows]


def _problems(entry: Any) -> Iterator[Problem]:
    if not isinstance(entry, dict):
        yield Problem(f"{_told(entry)} is no case", hint="an object with hosts and flows")
        return
    yield from _keys(entry, _CASE, "")
    if not isinstance(entry.get("name", ""), str):
        yield Problem(f"{_told(entry['name'])} is no name", "name", "text")
    lists = {"hosts": _HOST, "flows": _FLOW}
    shapes = [it for key, known in lists.items() if key in entry for it in _list(entry[key], key, known)]
    yield from shapes
    if "measured" in entry:
        yield from _numbers(entry["measured"], _MEASURED, "measured")
    if not shapes and lists.keys() <= entry.keys():
        yield from problems_of(entry["hosts"], _started(entry["flows"]))


def _list(items: Any, path: str, known: Mapping[str, bool]) -> Iterator[Problem]:
    if not isinstance(items, list) or not items:
        yield Problem(f"{_told(items)} is no list with anything in it", path, "a list of objects")
        return
    for number, item in enumerate(items):
        yield from _numbers(item, known, f"{path}[{number}]")


def _numbers(item: Any, known: Mapping[str, bool], path: str) -> Iterator[Problem]:
    """What is wrong with an object whose known keys are numbers."""
    if not isinstance(item, dict):
        yield Problem(f"{_told(item)} is no object", path, f"an object with {', '.join(known)}")
        return
    if known is not _MEASURED:
        yield from _keys(item, known, path)
    for key in item.keys() & known.keys():
        value, kind = item[key], "a whole number" if key in _WHOLE else "a number"
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or (key in _WHOLE and not isinstance(value, int)):
            yield Problem(f"{_told(value)} is not {kind}", f"{path}.{key}", kind)
        elif abs(value) > 1e15:
            yield Problem(f"{_told(value)} is too large", f"{path}.{key}", "at most 1e15")


def _keys(item: Mapping[str, Any], known: Mapping[str, bool], path: str) -> Iterator[Problem]:
    """Required keys that are not there, and unknown ones that look like misspelt ones."""
    absent = [key for key in known if key not in item]
    likely = {key: nearest(key, absent) for key in item if key not in known}
    for key, meant in likely.items():
        if meant is not None or known is _HOST:
            hint = f'did you mean "{meant}"?' if meant else f"known: {', '.join(known)}"
            yield Problem(f'unknown key "{key}"', f"{path}.{key}" if path else key, hint)
    for key in absent:
        if known[key] and key not in likely.values():
            yield Problem(f'the key "{key}" is missing', path or None)


def _told(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:37] + "..."
