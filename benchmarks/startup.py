"""How soon a light command answers, against a process that only imports what any such command needs."""

from __future__ import annotations

import sys
from statistics import median
from typing import Any

from benchmarks.figure import Bound, Figure
from benchmarks.process import HAT_SIM, Watched, watch

MOST = 2.0
ROUNDS = 15
REFERENCE = """
import typer.main, rich.console, ruamel.yaml
from pydantic import BaseModel
class Model(BaseModel):
    name: str
"""
COMMANDS = {"hat-sim --help": ["--help"], "hat-sim validate": ["validate", "scenarios/hapt.yaml"]}
_HEAVY = """
import sys
from hat_sim.cli.main import main
code = main(sys.argv[1:])
print("imported:", *(name for name in ("torch", "ray") if name in sys.modules))
sys.exit(code)
"""


def run(quick: bool) -> list[Figure]:
    """Each command in turn with the reference, again and again; medians, and their ratio."""
    rounds = 3 if quick else ROUNDS
    reference: list[Watched] = []
    measured: dict[str, list[Watched]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            reference.append(watch([sys.executable, "-c", REFERENCE]))
            measured[name].append(watch([HAT_SIM, *arguments]))
    base = median(it.wall_s for it in reference)
    figures = [_figure("the reference process", "wall time", base, "s")]
    for name, runs in measured.items():
        wall = median(it.wall_s for it in runs)
        heavy = _heavy_modules(COMMANDS[name])
        figures += [
            _figure(name, "wall time", wall, "s"),
            _figure(
                name,
                "of the reference",
                wall / base,
                "ratio",
                reference=f"{base:.3f} s: a process that defines a pydantic model and imports typer.main, "
                "rich.console and ruamel.yaml",
                bound=Bound("at most", MOST),
            ),
            _figure(
                name,
                "of torch and ray in sys.modules",
                len(heavy),
                "",
                reference="neither of the two",
                bound=Bound("at most", 0),
                note=" and ".join(heavy),
            ),
        ]
    return figures


def _figure(row: str, name: str, value: float, unit: str, **more: Any) -> Figure:
    table, command = "Start-up of the light commands", "python -m benchmarks startup"
    return Figure(table, row, name, value, unit, command, **more)


def _heavy_modules(arguments: list[str]) -> list[str]:
    """Which of torch and ray a command has imported by its end."""
    last = watch([sys.executable, "-c", _HEAVY, *arguments]).lines[-1][1]
    return last.removeprefix("imported:").split()
