"""A command watched from outside: its wall time, its processor time, its lines, its memory."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT

HAT_SIM = str(Path(sys.executable).with_name("hat-sim"))
"""The command that belongs to this interpreter."""
_SAMPLING_S = 0.2


@dataclass(frozen=True)
class Watched:
    """A process that ended well: seconds until its exit, processor seconds of it and its waited-for
    children, its lines with the seconds at which they came, and the peak of its tree's memory."""

    wall_s: float
    cpu_s: float
    lines: tuple[tuple[float, str], ...]
    peak_bytes: int

    def at(self, text: str) -> float:
        """When the first line with `text` came; ValueError if none did."""
        for second, line in self.lines:
            if text in line:
                return second
        raise ValueError(f"no line with {text!r} in:\n{self.output}")

    @property
    def output(self) -> str:
        return "\n".join(line for _, line in self.lines)


def watch(
    command: Sequence[str], environment: Mapping[str, str] | None = None, memory: bool = False
) -> Watched:
    """Run a command in the project's folder to its end; RuntimeError with its output if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    with subprocess.Popen(
        list(command),
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        with _sampled(process.pid) if memory else _unsampled() as peak:
            lines = tuple((time.perf_counter() - began, line.rstrip("\n")) for line in process.stdout)
            code = process.wait()
    wall_s = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    watched = Watched(wall_s, cpu_s, lines, peak[0])
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {code}:\n{watched.output}")
    return watched


@contextmanager
def _unsampled() -> Iterator[list[int]]:
    yield [0]


@contextmanager
def _sampled(root: int) -> Iterator[list[int]]:
    """A list of one number, the peak so far of `tree_bytes`, while the block runs."""
    peak, ended = [0], threading.Event()

    def sample() -> None:
        while not ended.wait(_SAMPLING_S):
            peak[0] = max(peak[0], tree_bytes(root))

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        yield peak
    finally:
        ended.set()
        sampler.join()


def tree_bytes(root: int) -> int:
    """Proportional memory (PSS: a shared page counts once) of a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        total += _pss(pid)
    return total


def _pss(pid: int) -> int:
    """0 for a process that is gone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
