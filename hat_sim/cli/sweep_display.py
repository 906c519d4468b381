"""A sweep as it goes on, and its cells when it has ended: live on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import fmean
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from hat_sim.errors import told
from hat_sim.quantities import counted, duration, joules, percent, size
from hat_sim.simulation.result import total_joules
from hat_sim.sweep.grid import Cell, in_words, place_of
from hat_sim.sweep.parameters import short_names
from hat_sim.sweep.run import SweepRun, Watcher

MOST_RUNNING, MOST_RECENT, MOST_ROWS = 8, 5, 40


@contextmanager
def watching(console: Console, run: SweepRun) -> Iterator[Watcher]:
    """A watcher that shows what it is told until the block is left."""
    if not console.is_terminal:
        yield _Lines(console, run)
        return
    display = _Display(run)
    with Live(display, console=console, refresh_per_second=4, transient=True):
        yield display


class _Count:
    """How far a sweep is, and how long it may still take."""

    def __init__(self, run: SweepRun) -> None:
        self._names = short_names(run.grid.paths)
        self._total = len(run.grid.cells)
        self._before = len(run.results)
        self._started = time.monotonic()
        self.running: dict[tuple[str, int], tuple[Cell, float]] = {}
        self.finished = self._before
        self.failed = 0

    def start(self, cell: Cell) -> None:
        self.running[cell.name, cell.seed] = (cell, time.monotonic())

    def end(self, cell: Cell, failed: bool) -> None:
        self.running.pop((cell.name, cell.seed), None)
        self.finished += not failed
        self.failed += failed

    def where(self, cell: Cell) -> str:
        """Where a cell stands, without what all its paths share."""
        settings = {self._names[path]: value for path, value in cell.settings.items()}
        return f"{place_of(settings)}, seed {cell.seed}"

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started

    def __str__(self) -> str:
        words = [f"{self.finished:,}/{self._total:,} cells finished", f"{len(self.running)} running"]
        words.append(f"{self.failed:,} failed")
        done = self.finished - self._before + self.failed
        left = self._total - self.finished - self.failed
        if done and left:
            words.append(f"about {_rough(self.elapsed_s / done * left)} left")
        return ", ".join(words)


class _Lines:
    """A line for each cell that ends."""

    def __init__(self, console: Console, run: SweepRun) -> None:
        self._console = console
        self._count = _Count(run)

    def started(self, cell: Cell) -> None:
        self._count.start(cell)

    def finished(self, cell: Cell, result: Mapping[str, Any]) -> None:
        self._count.end(cell, failed=False)
        self._say(f"{self._count.where(cell)}: {_figures(result)}")

    def failed(self, cell: Cell, error: Exception) -> None:
        self._count.end(cell, failed=True)
        self._say(f"{self._count.where(cell)}: failed, {_first_line(told(error))}")

    def training(self, words: str) -> None:
        pass

    def _say(self, text: str) -> None:
        line = f"[{self._count.elapsed_s:6.1f} s] {self._count}: {text}"
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class _Display:
    """The count, what runs now and for how long, and what has ended last."""

    def __init__(self, run: SweepRun) -> None:
        self._count = _Count(run)
        self._recent: deque[tuple[str, str]] = deque(maxlen=MOST_RECENT)
        self._training = "starting Ray"

    def started(self, cell: Cell) -> None:
        self._count.start(cell)

    def finished(self, cell: Cell, result: Mapping[str, Any]) -> None:
        self._count.end(cell, failed=False)
        self._recent.append((self._count.where(cell), _figures(result)))

    def failed(self, cell: Cell, error: Exception) -> None:
        self._count.end(cell, failed=True)
        self._recent.append((self._count.where(cell), f"failed, {_first_line(told(error))}"))

    def training(self, words: str) -> None:
        self._training = f"sources: {words}"

    def __rich__(self) -> Group:
        table = Table(box=None, show_header=False, pad_edge=False)
        for where, what in self._recent:
            table.add_row(Text(where), Text(what, style="dim"))
        for cell, since in list(self._count.running.values())[:MOST_RUNNING]:
            table.add_row(Text(self._count.where(cell)), f"running for {_rough(time.monotonic() - since)}")
        head = Text(f"{self._count.elapsed_s:.0f} s: {self._count}", style="bold")
        return Group(head, Text(self._training, style="dim"), table)


def print_cells(console: Console, run: SweepRun) -> None:
    """The cells in the order of the axes, means over targets and seeds, and what failed."""
    title = f"{run.grid.document.scenario.name}, {counted(len(run.grid.seeds), 'seed')}"
    table = Table(title=title, title_justify="left")
    for name in short_names(run.grid.paths).values():
        table.add_column(name, overflow="fold")
    for column in ("accuracy", "alone", "payload", "saving", "time", "energy"):
        table.add_column(column, justify="right", no_wrap=True)
    cells = {cell.name: cell for cell in run.grid.cells}
    for name, cell in list(cells.items())[:MOST_ROWS]:
        results = [it for (of, _), it in run.results.items() if of == name]
        settings = [in_words(value) for value in cell.settings.values()]
        table.add_row(*settings, *(_means(results) if results else ["failed"]))
    if len(cells) > MOST_ROWS:
        table.add_row(f"and {len(cells) - MOST_ROWS:,} more")
    console.print(table)
    for failure in run.failures.values():
        place = place_of(failure["axes"])
        line = f"failed: {place} at seed {failure['seed']}: {_first_line(failure['error'])}"
        console.print(line, soft_wrap=True, markup=False, highlight=False)


def _means(results: list[Mapping[str, Any]]) -> list[str]:
    """Of a cell's seeds; bytes and joules of a whole run, time of its slowest target."""

    energy = [total_joules(it["energy_j"]) for it in results]
    return [
        percent(fmean(it["accuracy"] for it in results)),
        percent(fmean(it["accuracy_target_only"] for it in results)),
        size(fmean(it["traffic"]["payload_bytes"] for it in results)),
        percent(fmean(it["traffic"]["saving"] for it in results)),
        duration(fmean(it["time"]["simulated_s"] for it in results)),
        joules(fmean(energy)),
    ]


def _figures(result: Mapping[str, Any]) -> str:
    payload, simulated_s = result["traffic"]["payload_bytes"], result["time"]["simulated_s"]
    return f"accuracy {percent(result['accuracy'])}, {size(payload)}, {duration(simulated_s)} simulated"


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


def _rough(seconds: float) -> str:
    """Seconds, minutes or hours, as exact as a guess deserves."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
