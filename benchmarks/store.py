"""The file of results: an entry for each benchmark, so that running one again keeps the others."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure

SCHEMA = 1


@dataclass(frozen=True)
class Entry:
    """One benchmark as it was last run; `error` says why it has no figures."""

    machine: dict[str, Any]
    commit: str | None
    quick: bool
    wall_s: float
    figures: Sequence[Figure] = field(default=())
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "commit": self.commit,
            "quick": self.quick,
            "wall_s": round(self.wall_s, 1),
            "error": self.error,
            "machine": self.machine,
            "figures": [figure.to_json() for figure in self.figures],
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Entry:
        return cls(**{**fields, "figures": tuple(map(Figure.from_json, fields["figures"]))})


def read_results(file: Path) -> dict[str, Entry]:
    """The entries by the name of their benchmark; none where there is no file."""
    if not file.exists():
        return {}
    content = json.loads(file.read_text(encoding="utf-8"))
    if content["schema"] != SCHEMA:
        raise ValueError(f"{file} has schema {content['schema']}, not {SCHEMA}")
    return {name: Entry.from_json(fields) for name, fields in content["benchmarks"].items()}


def merge_results(file: Path, name: str, entry: Entry) -> None:
    """Put an entry into the file, in place of an earlier one of its name."""
    entries = read_results(file) | {name: entry}
    content = {"schema": SCHEMA, "benchmarks": {it: entries[it].to_json() for it in sorted(entries)}}
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    unfinished.replace(file)
