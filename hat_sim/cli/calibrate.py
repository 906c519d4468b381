"""`hat-sim calibrate`: the machine at hand as a device profile that a scenario can use."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hat_sim import units
    from hat_sim.learning.calibration import Trained


def calibrate(
    out: Annotated[Path | None, typer.Option(help="The file to write, by default the screen.")] = None,
    name: Annotated[str, typer.Option(help="The profile's name.")] = "this-machine",
    power: Annotated[
        str | None, typer.Option(help='Watts while it trains, for example "7.2 W"; they cannot be measured.')
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Beside one thread; by default all cores.")
    ] = None,
) -> None:
    """Measure this machine in less than half a minute, and write it as a device of a scenario."""
    watts = _checked(out, name, power)
    _say("loading torch")
    from hat_sim.learning.calibration import BUDGET_S, copy_speed, measure, memory_bytes

    trained = measure(threads or _cores(), _say, BUDGET_S)
    _say("copying memory")
    text = _profile(name, trained, copy_speed(BUDGET_S), memory_bytes(), watts)
    if out is None:
        print(text, end="")
    else:
        out.write_text(text, encoding="utf-8")
        _say(f"written to {out}")
    if watts is None:
        _say("power cannot be measured: the profile has a stand-in, marked as such; --power states it")


def _checked(out: Path | None, name: str, power: str | None) -> float | None:
    """The watts that were stated; UserError with all that is wrong with the options."""
    import re

    from hat_sim import units
    from hat_sim.errors import Problem, UserError
    from hat_sim.scenario.names import PATTERN

    problems, watts = [], None
    if out is not None and out.exists():
        problems.append(Problem(f"{out} is there already", path="--out", hint="another name"))
    elif out is not None and not out.absolute().parent.is_dir():
        problems.append(Problem(f"there is no folder {out.parent}", path="--out", hint="make it first"))
    if not re.fullmatch(PATTERN, name):
        hint = "letters, digits, - and _, not starting with - or _"
        problems.append(Problem(f'"{name}" is not fit for a name', path="--name", hint=hint))
    if power is not None:
        try:
            watts = units.POWER.read(power)
        except units.QuantityError as error:
            problems.append(Problem(error.what, path="--power", hint=error.hint))
    if problems:
        raise UserError(problems)
    return watts


def _profile(
    name: str, trained: dict[int, list[Trained]], copied: float, memory: int, watts: float | None
) -> str:
    """The profile as a scenario's section, and before it what was measured, as comments."""
    import datetime
    import json
    from importlib.metadata import version

    from hat_sim import units
    from hat_sim.learning import calibration as measuring

    whole = {count: them for count, them in trained.items() if len(them) == len(trained[1])}
    speeds = {count: measuring.sustained(them) for count, them in whole.items()}
    best = max(speeds, key=lambda count: speeds[count])
    speed = _rounded(speeds[best])
    today, cpu = datetime.date.today().isoformat(), _cpu()
    lines = [
        f"# {cpu}, measured on {today} (torch {version('torch')}, fp32, Adam, batches of {measuring.BATCH}).",
        "# Training on one sample, forward, backward and update:",
    ]
    for count, them in trained.items():
        lines.append(f"#   with {measuring.in_threads(count)}")
        lines += [
            f"#     {it.description.name:16} {it.description.shape!s:12}"
            f" {_text(units.SAMPLE_WORK, it.description.training_flop):>20}"
            f" {_text(units.SAMPLE_TIME, it.sample_s):>16} {_text(units.SPEED, it.speed):>14}"
            for it in them
        ]
    medians = [
        f"{_text(units.SPEED, each)} with {measuring.in_threads(count)}" for count, each in speeds.items()
    ]
    lines.append(f"# `speed` is the median of these speeds: {', '.join(medians)}; the larger is taken.")
    if len(whole) < len(trained):
        lines.append("# Time did not suffice to train all of them with as many threads: cores were busy.")
    lines.append("# Where a scenario's samples have the shape of these, a time can stand beside the speed:")
    lines.append("#    ms_per_sample:")
    lines += [
        f"#      {it.description.name}: {_text(units.SAMPLE_TIME, it.sample_s)}" for it in trained[best]
    ]
    lines += [
        f"# One thread copies memory at {copied / 1e9:.1f} GB/s, which no profile asks for.",
        "devices:",
        f"  {name}:",
        f"    speed: {units.SPEED.format(speed)}",
        f"    memory: {units.SIZE.format(memory // 2**20 * 2**20)}",
    ]
    if watts is None:
        stand_in, like = _stand_in(speed)
        lines.append(f"    power: {stand_in}  # not measured: that of {like}, which is nearest in speed")
        lines.append("    recalled: [power]")
    else:
        lines.append(f"    power: {units.POWER.format(watts)}  # as stated by --power")
    lines.append(f"    basis: {json.dumps(f'M, {measuring.in_threads(best)}')}")
    lines.append(f"    source: {json.dumps(f'measured by hat-sim calibrate on {cpu}, {today}')}")
    return "\n".join(lines) + "\n"


def _stand_in(speed: float) -> tuple[str, str]:
    """The power of the catalogue's device that is nearest in speed, and its name."""
    from math import log

    from hat_sim.scenario.catalogue import device_profiles

    nearest = min(device_profiles().values(), key=lambda it: abs(log(it.speed / speed)))
    return nearest.figures()["power"], nearest.name


def _text(dimension: units.Dimension, value: float) -> str:
    return dimension.format(_rounded(value))


def _rounded(value: float) -> float:
    """To three significant digits."""
    return float(f"{value:.3g}")


def _cores() -> int:
    """How many cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _cpu() -> str:
    """What the processor calls itself."""
    import platform

    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return named[0] if named else platform.processor() or platform.machine()


def _say(text: str) -> None:
    print(f"calibrate: {text}", file=sys.stderr, flush=True)
