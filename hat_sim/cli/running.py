"""What `hat-sim run` does: check everything, run on Ray, write the folder, show the answer."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Literal

from rich.console import Console

from hat_sim.cli.claiming import check_claim
from hat_sim.cli.progress import progress_on
from hat_sim.cli.summary import print_summary
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.simulation.archive import begin, finish, identity_of
from hat_sim.simulation.run_folder import REPORT, RunFolder, default_folder


def run_scenario(
    file: Path,
    overrides: Sequence[str],
    seed: int | None,
    hosts: int | Literal["per-device"] | None,
    address: str | None,
    out: Path | None,
    resume: bool,
    force: bool,
) -> None:
    """Run a scenario file; UserError before anything is written where the input is wrong."""
    console = Console()
    plan = prepare(load_checked(file, overrides, seed))
    identity = identity_of(plan)
    folder = RunFolder(out if out is not None else default_folder(identity))
    holds_this = folder.holds(identity)
    check_claim(folder, "run", holds_this, "a run of another scenario or seed", resume, force)
    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    if holds_this and folder.is_finished() and not force:
        console.print(f"{folder.path} holds this run already; --force runs it again", soft_wrap=True)
    else:
        try:
            _run(plan, folder, hosts or os.cpu_count() or 1, address, console, resume)
        except KeyboardInterrupt:
            if folder.is_ours():
                print(f"interrupted; --resume goes on with {folder.path}", file=sys.stderr)
            raise
    if not (folder.path / REPORT).exists():
        from hat_sim.report.write import write_report

        write_report(folder.path)
    print_summary(console, folder.read_result(), folder.path)


def _run(
    plan: Plan,
    folder: RunFolder,
    hosts: int | Literal["per-device"],
    address: str | None,
    console: Console,
    resume: bool,
) -> None:
    with progress_on(console) as report, ThreadPoolExecutor(1) as spare:
        started = time.monotonic()
        report("run", "starting Ray", None)
        prepare_report = cache(lambda: spare.submit(_prepare_report))

        def tell(who: str, doing: str, simulated_ns: int | None) -> None:
            if doing.startswith("train:"):
                prepare_report()
            report(who, doing, simulated_ns)

        from hat_sim.engine import check_actors, cluster, run_plan

        check_actors(plan, hosts)
        with cluster(address):
            begin(folder, plan, resume)
            record = run_plan(plan, hosts, address, tell, folder.outcomes)
        wall_s = time.monotonic() - started
    finish(folder, plan, record, hosts, wall_s)


def _prepare_report() -> None:
    """Load what draws the report, while a target trains and this process has nothing to do."""
    from hat_sim.report.write import prepare

    prepare()
