"""The garbage collector of processes that hold large fleets."""

from __future__ import annotations

import gc

YOUNG, TURNS, OLD_TURNS = 100_000, 50, 100


def collect_rarely() -> None:
    """Look for cycles a hundred times less often than Python does by itself.

    A world of many devices is millions of objects that all stay until it has ended, and looking through them
    again and again took a third of its time.
    """
    gc.set_threshold(YOUNG, TURNS, OLD_TURNS)
