"""How soon a light command answers, against a process that only imports what any such command needs."""

from __future__ import annotations

import sys
from statistics import median

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
    base = _Row("the reference process", reference)
    figures = base.figures()
    for name, runs in measured.items():
        row = _Row(name, runs)
        heavy = _heavy_modules(COMMANDS[name])
        figures += [
            *row.figures(),
            row.figure(
                "of the reference",
                row.wall_s / base.wall_s,
                "ratio",
                reference=f"{base.wall_s:.3f} s: a process that defines a pydantic model and imports "
                "typer.main, rich.console and ruamel.yaml",
                bound=Bound("at most", MOST),
            ),
            row.figure(
                "of torch and ray in sys.modules",
                len(heavy),
                "",
                reference="neither of the two",
                bound=Bound("at most", 0),
                note=" and ".join(heavy),
            ),
        ]
    return figures


class _Row:
    """A command's row of the table."""

    def __init__(self, name: str, runs: list[Watched]) -> None:
        self._name = name
        self.wall_s = median(it.wall_s for it in runs)
        self._cpu_s = median(it.cpu_s for it in runs)

    def figures(self) -> list[Figure]:
        return [self.figure("wall time", self.wall_s, "s"), self.figure("processor time", self._cpu_s, "s")]

    def figure(
        self,
        name: str,
        value: float,
        unit: str,
        reference: str = "",
        bound: Bound | None = None,
        note: str = "",
    ) -> Figure:
        return Figure(
            "Start-up of the light commands",
            self._name,
            name,
            value,
            unit,
            "python -m benchmarks startup",
            reference=reference,
            bound=bound,
            note=note,
        )


def _heavy_modules(arguments: list[str]) -> list[str]:
    """Which of torch and ray a command has imported by its end."""
    last = watch([sys.executable, "-c", _HEAVY, *arguments]).lines[-1][1]
    return last.removeprefix("imported:").split()
