"""What `hat-sim run` does: check everything, run on Ray, write the folder, show the answer."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from hat_sim.cli.progress import progress_on
from hat_sim.cli.summary import print_summary
from hat_sim.errors import UserError
from hat_sim.preflight import Plan, load_checked, prepare
from hat_sim.scenario.fleet import Fleet
from hat_sim.scenario.resolved import resolved_scenario
from hat_sim.simulation.record import TargetResult
from hat_sim.simulation.result import Identity, TargetOutcome, result_of
from hat_sim.simulation.run_folder import ENVIRONMENT, TIMELINE, RunFolder, default_folder
from hat_sim.simulation.timeline import trace_events

_PACKAGES = ("torch", "ray", "numpy", "msgpack", "pydantic", "pyarrow")


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
    identity = Identity(plan.scenario.name, plan.sha256, plan.scenario.seed, plan.scenario.method.name)
    folder = RunFolder(out if out is not None else default_folder(identity))
    for note in plan.notes:
        console.print(f"note: {note}", soft_wrap=True, markup=False, highlight=False)
    if _is_done(folder, identity, resume, force):
        console.print(f"{folder.path} holds this run already; --force runs it again", soft_wrap=True)
    else:
        try:
            _run(plan, identity, folder, hosts or os.cpu_count() or 1, address, console, resume)
        except KeyboardInterrupt:
            if folder.is_ours():
                print(f"interrupted; --resume goes on with {folder.path}", file=sys.stderr)
            raise
    print_summary(console, folder.read_result(), folder.path)


def _is_done(folder: RunFolder, identity: Identity, resume: bool, force: bool) -> bool:
    """Whether the folder holds the finished run; UserError where the run must not go there."""
    if folder.is_empty():
        return False
    if not folder.is_ours():
        raise UserError(f"{folder.path} exists and is no run folder", hint="name another one with --out")
    if force:
        return False
    if not folder.holds(identity):
        raise UserError(
            f"{folder.path} holds a run of another scenario or seed",
            hint="name another folder with --out, or give --force to put this run in its place",
        )
    if not folder.is_finished() and not resume:
        raise UserError(
            f"{folder.path} holds an unfinished run", hint="--resume goes on with it, --force starts again"
        )
    return folder.is_finished()


def _run(
    plan: Plan,
    identity: Identity,
    folder: RunFolder,
    hosts: int | Literal["per-device"],
    address: str | None,
    console: Console,
    resume: bool,
) -> None:
    with progress_on(console) as report:
        started = time.monotonic()
        report("run", "starting Ray", None)
        from hat_sim.engine import check_actors, cluster, run_plan

        check_actors(plan, hosts)
        with cluster(address):
            folder.begin(identity, resolved_scenario(plan.scenario), resume)
            record = run_plan(plan, hosts, address, report, folder.outcomes)
        wall_s = time.monotonic() - started
    outcomes = [
        TargetOutcome(
            device=fleet.target.name,
            domain=fleet.target.domain,
            accuracy=(it := record.targets[fleet.target.name]).accuracy,
            macro_f1=it.macro_f1,
            accuracy_target_only=it.accuracy_target_only,
            shortlisted=it.shortlisted,
            selected=it.selected,
            all_models_bytes=record.all_models_bytes[fleet.target.name],
            notes=it.notes,
        )
        for fleet in plan.fleets
    ]
    for target, it in record.targets.items():
        folder.write_model(target, it.weights, it.program)
    folder.write_ledger([row for world in record.worlds for row in world.ledger])
    folder.write_curves([{"target": name, **row} for name, it in record.targets.items() for row in it.curve])
    folder.write_fleet(
        [row for fleet in plan.fleets for row in _devices(fleet, record.targets[fleet.target.name])]
    )
    folder.write_json(TIMELINE, trace_events(record.worlds))
    folder.write_json(
        ENVIRONMENT,
        {
            "hat_sim": version("hat_sim"),
            "python": platform.python_version(),
            "packages": {name: version(name) for name in _PACKAGES},
            "machine": {"processor": platform.machine(), "cores": os.cpu_count()},
            "hosts": hosts,
            "sources_trained": record.sources_trained,
            "sources_cached": record.sources_cached,
            "wall_s": round(wall_s, 3),
        },
    )
    folder.finish(result_of(identity, outcomes, record.worlds))


def _devices(fleet: Fleet, result: TargetResult) -> Iterator[dict[str, Any]]:
    """A row for each device of a world: what it is, how far selection took it, its mean fusion weight."""
    shortlisted, selected = frozenset(result.shortlisted), frozenset(result.selected)
    for it in (fleet.target, *fleet.sources):
        yield {
            "target": fleet.target.name,
            "name": it.name,
            "domain": it.domain,
            "architecture": it.architecture,
            "device": it.profile.name,
            "link": it.link.name,
            "speed_flop_s": it.profile.speed,
            "up_bit_s": it.link.up,
            "down_bit_s": it.link.down,
            "rtt_ns": it.link.rtt,
            "shortlisted": it.name in shortlisted,
            "score": result.scores.get(it.name),
            "selected": it.name in selected,
            "fusion_weight": result.fusion_weights.get(it.name),
        }
