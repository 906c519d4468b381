"""The runs of a study, through `hat-sim run`: what is finished already is read and not run again.

Every run is a run folder below `runs/benchmarks`, in a folder named by the code that decides about results.
"""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import sys
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.machine import ROOT
from benchmarks.studies import Fold, Study

FOLDER = ROOT / "runs" / "benchmarks"
_WITHOUT_EFFECT = ("cli", "report", "sweep", "engine.py", "containment.py")
"""Parts of hat_sim that no result is a function of."""


@dataclass(frozen=True)
class Run:
    """The `result.json` of one run, with its seed."""

    seed: int
    result: dict[str, Any]

    @property
    def targets(self) -> Sequence[dict[str, Any]]:
        targets: Sequence[dict[str, Any]] = self.result["targets"]
        return targets


def runs_of(study: Study, method: str) -> list[Run]:
    """A run of the method for each seed and fold; RuntimeError with its output where one fails."""
    return [Run(seed, _result(study, fold, method, seed)) for seed in study.seeds for fold in study.folds]


def shown_command(study: Study, method: str) -> str:
    """The command of the first of these runs."""
    words = _words(study, study.folds[0], method, study.seeds[0])
    return shlex.join(["hat-sim", *words])


def _result(study: Study, fold: Fold, method: str, seed: int) -> dict[str, Any]:
    words = _words(study, fold, method, seed)
    content = hashlib.sha256("\n".join(words).encode()).hexdigest()[:8]
    out = FOLDER / _code_digest()[:12] / study.name / f"{content}-s{seed}"
    if not (out / "result.json").exists():
        print(f"{study.name}, seed {seed}, {fold.targets[0]}...: {method}", file=sys.stderr)
        _run([*words, "--hosts", "2", "--force", "--out", str(out)])
    result: dict[str, Any] = json.loads((out / "result.json").read_text(encoding="utf-8"))
    return result


def _words(study: Study, fold: Fold, method: str, seed: int) -> list[str]:
    changes = [word for change in study.changes(fold, method) for word in ("--set", change)]
    return ["run", study.scenario, *changes, "--seed", str(seed)]


def _run(words: Sequence[str]) -> None:
    """`hat-sim` with these words, in this process, so that all runs can share a Ray."""
    from hat_sim.cli.main import main

    said = io.StringIO()
    verb, scenario, *options = words
    with redirect_stdout(said), redirect_stderr(said):
        code = main([verb, str(ROOT / scenario), *options])
    if code != 0:
        raise RuntimeError(f"hat-sim {shlex.join(words)} ended with exit code {code}:\n{said.getvalue()}")


@cache
def _code_digest() -> str:
    """SHA-256 (hex) of all code that a result is a function of."""
    digest = hashlib.sha256()
    for package in ("hat_sim", "nodes"):
        for file in sorted((ROOT / package).rglob("*")):
            inside: Path = file.relative_to(ROOT / package)
            if file.suffix in (".py", ".yaml") and inside.parts[0] not in _WITHOUT_EFFECT:
                digest.update(f"{package}/{inside}\0".encode() + file.read_bytes())
    return digest.hexdigest()
