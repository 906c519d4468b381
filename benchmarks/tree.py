"""A process and all its descendants, sampled from /proc while they run: their memory and processor time."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EACH_S = 0.25
_TICKS = os.sysconf("SC_CLK_TCK")


class TreeUsage:
    """What a tree of processes has used so far, as far as samples saw it.

    `peak_bytes` is the most that was held at once (PSS: a page that processes share counts once), `cpu_s`
    the processor time of all of them; the last moments of each are missing.
    """

    def __init__(self, root: int) -> None:
        self._root = root
        self._cpu_s: dict[int, float] = {}
        self.peak_bytes = 0

    @property
    def cpu_s(self) -> float:
        return sum(self._cpu_s.values())

    def sample(self, memory: bool) -> None:
        """Look at the processes that there are now; their memory takes longer to read."""
        stats = _stats()
        children: dict[int, list[int]] = {}
        for pid, (parent, _) in stats.items():
            children.setdefault(parent, []).append(pid)
        waiting, held = [self._root], 0
        while waiting:
            pid = waiting.pop()
            waiting += children.get(pid, [])
            if pid in stats:
                self._cpu_s[pid] = stats[pid][1]
                held += _pss(pid) if memory else 0
        self.peak_bytes = max(self.peak_bytes, held)


@contextmanager
def sampled(root: int, memory: bool) -> Iterator[TreeUsage]:
    """Sample the tree of process `root` every quarter of a second while the block runs."""
    usage, ended = TreeUsage(root), threading.Event()

    def keep_sampling() -> None:
        while not ended.wait(_EACH_S):
            usage.sample(memory)

    sampler = threading.Thread(target=keep_sampling, daemon=True)
    sampler.start()
    try:
        yield usage
    finally:
        ended.set()
        sampler.join()


def _stats() -> dict[int, tuple[int, float]]:
    """The parent and the processor seconds of every process."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        found[int(stat.parent.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS)
    return found


def _pss(pid: int) -> int:
    """Proportional memory in bytes; 0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
