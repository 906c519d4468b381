"""A command watched from outside: its wall time, its lines, and what its processes use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import ROOT
from benchmarks.tree import sampled

HAT_SIM = str(Path(sys.executable).with_name("hat-sim"))
"""The command that belongs to this interpreter."""


@dataclass(frozen=True)
class Watched:
    """A process that ended well: seconds until its exit, its lines with the seconds at which they came, and
    the processor time and peak memory of all processes that it started, itself included."""

    wall_s: float
    lines: tuple[tuple[float, str], ...]
    cpu_s: float
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
    """Run a command in the project's folder to its end; RuntimeError with its output if it fails.

    Memory is 0 unless asked for: reading it slows down what is measured.
    """
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
        with sampled(process.pid, memory) as usage:
            lines = tuple((time.perf_counter() - began, line.rstrip("\n")) for line in process.stdout)
            code = process.wait()
            wall_s = time.perf_counter() - began
    watched = Watched(wall_s, lines, usage.cpu_s, usage.peak_bytes)
    if code != 0:
        raise RuntimeError(f"{' '.join(command)} ended with exit code {code}:\n{watched.output}")
    return watched
