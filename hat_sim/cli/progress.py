"""Progress of a run: a live display on a terminal, plain lines where the output is piped."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table

Report = Callable[[str, str, int | None], None]
"""Told who, what is going on, and the simulated time in nanoseconds where there is one."""

MOST_ROWS = 12
NS_PER_S = 1_000_000_000
_COUNT = re.compile(r"(\d+)/(\d+)")


@contextmanager
def progress_on(console: Console) -> Iterator[Report]:
    """A `Report` that shows what it is told until the block is left."""
    if not console.is_terminal:
        yield _Lines(console)
        return
    display = _Display()
    with Live(display, console=console, refresh_per_second=8, transient=True):
        yield display.report


class _Lines:
    """A line for each change of what somebody does; steps within a computation are left out."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()

    def __call__(self, who: str, doing: str, simulated_ns: int | None) -> None:
        if simulated_ns is None and not _is_last_step(doing):
            return
        at = "" if simulated_ns is None else f", simulated {simulated_ns / NS_PER_S:.3f} s"
        line = f"[{time.monotonic() - self._started:6.1f} s{at}] {who}: {doing}"
        self._console.print(line, soft_wrap=True, markup=False, highlight=False)


class _Display:
    """The latest of everybody, the most recent last, with simulated and wall time."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._latest: dict[str, tuple[str, int | None]] = {}

    def report(self, who: str, doing: str, simulated_ns: int | None) -> None:
        self._latest.pop("run", None)
        known_ns = self._latest.get(who, ("", None))[1]
        self._latest[who] = (doing, known_ns if simulated_ns is None else simulated_ns)

    def __rich__(self) -> Table:
        table = Table(box=None, show_header=True, header_style="dim", pad_edge=False)
        table.add_column(f"{time.monotonic() - self._started:.1f} s")
        table.add_column("")
        table.add_column("simulated", justify="right")
        for who, (doing, at_ns) in list(self._latest.items())[-MOST_ROWS:]:
            table.add_row(who, doing, "" if at_ns is None else f"{at_ns / NS_PER_S:.3f} s")
        return table


def _is_last_step(doing: str) -> bool:
    """Whether words such as `3/29 models ready` count their last step, or count none at all."""
    count = _COUNT.search(doing)
    return count is None or count[1] == count[2]
