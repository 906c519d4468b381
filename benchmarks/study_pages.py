"""`python -m benchmarks.study_pages [NAME ...]`: a page in docs/studies for each of scenarios/studies.

A page holds the study's question (the comment of its scenario), the answer that its report gives, and a table
of all cells. Each sweep runs here, as far as it has not before, below `runs/studies`; a study of methods runs
as a comparison. No figure of a page is typed by hand.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.machine import ROOT, commit, describe_machine
from benchmarks.process import HAT_SIM
from benchmarks.study_cells import Checked
from benchmarks.study_costs import joint_sequential, traffic
from benchmarks.study_ranks import mixer_accuracy, similarity_accuracy
from hat_sim.provenance import code_digest
from hat_sim.quantities import GAP, duration, joules, percent, points, size
from hat_sim.report.compare.page import compare_page
from hat_sim.report.compare.paired import places_of
from hat_sim.report.sweep.bands import bands
from hat_sim.report.sweep.page import sweep_page
from hat_sim.report.sweep.record import Result, SweepRecord, read_sweep
from hat_sim.simulation.run_folder import RunFolder
from hat_sim.sweep.folder import CELLS

SCENARIOS, PAGES = ROOT / "scenarios" / "studies", ROOT / "docs" / "studies"
SWEEPS = ROOT / "runs" / "studies"
MOST_ROWS = 60
CHECKS = {
    "joint-sequential": joint_sequential,
    "mixer-accuracy": mixer_accuracy,
    "similarity-accuracy": similarity_accuracy,
    "traffic": traffic,
}
"""What is asked of a study's cells beyond accuracy and cost, and takes the place of its report's answer."""

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(metavar="NAME...")] = None,
    as_far: Annotated[bool, typer.Option("--as-far", help="Show what has run, and run nothing.")] = False,
) -> None:
    """Run studies, by default all, and write their pages."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name in names or sorted(it.stem for it in SCENARIOS.glob("*.yaml")):
        page = PAGES / f"{name}.md"
        if not as_far:
            run_study(name)
        page.write_text(_page(name), encoding="utf-8")
        print(page.relative_to(ROOT))
    (PAGES / "README.md").write_text(_contents(), encoding="utf-8")


def _page(name: str) -> str:
    scenario = SCENARIOS / f"{name}.yaml"
    question, command = comment_of(scenario.read_text(encoding="utf-8"))
    out = SWEEPS / name
    sweep = read_sweep(out)
    page = sweep_page(sweep) if sweep.reference is None else compare_page(sweep)
    rows = _methods(sweep) if sweep.reference is not None else _cells(sweep)
    checked = CHECKS[name](out) if name in CHECKS else Checked(page.answer, [])
    machine = describe_machine()
    parts = [
        f"# {name}",
        question,
        f"**Answer.** {checked.answer.replace(GAP, ' ')}",
        *(f"*{remark}*" for remark in (*_not_run(command, out), *page.remarks)),
        *map(_markdown, checked.tables),
        *([_markdown(list(rows))] if checked.with_cells else []),
        "Intervals are 95 % bootstrap intervals over targets, seeds averaged first. Bytes, times and joules "
        "are simulated and those of one target.",
        f"Made by `{command}` at commit {commit() or 'unknown'}, cells run by {code_of(out)}, on "
        f"{machine['cores']} cores of {machine['processor']}, torch {machine['packages']['torch']}.",
    ]
    return "\n\n".join(parts) + "\n"


def run_study(name: str) -> None:
    """Run a study's own command, as far as that has not been done."""
    _, *words = shlex.split(command_of(name))
    subprocess.run([HAT_SIM, *words, "--out", str(SWEEPS / name), "--resume"], check=True, cwd=ROOT)


def command_of(name: str) -> str:
    """The study's own command."""
    return comment_of((SCENARIOS / f"{name}.yaml").read_text(encoding="utf-8"))[1]


def finished_runs(sweep: Path) -> list[Path]:
    """What each finished run of a sweep says of its environment."""
    return list((sweep / CELLS).glob("*/environment.json"))


def runs_asked(command: str) -> int:
    """How many runs the command of a comparison, without commas inside of its values, comes to."""
    words, runs = shlex.split(command), 1
    for option, value in pairwise(words):
        if option in ("--methods", "--vary"):
            runs *= 1 + value.count(",")
        elif option == "--seeds":
            runs *= int(value)
    return runs


def _not_run(command: str, out: Path) -> Iterator[str]:
    """Of a comparison that has not run to its end, how far it has."""
    done, asked = len(finished_runs(out)), runs_asked(command)
    if " compare " in command and "{" not in command and done < asked:
        yield f"{done} of the {asked} runs of this command have been made."


def _contents() -> str:
    """Every study with its question, and with its page or the word that it has none."""
    lines = ["# Studies", "Each is a scenario in `scenarios/studies`, run by the one command that it names."]
    for file in sorted(SCENARIOS.glob("*.yaml")):
        question, _ = comment_of(file.read_text(encoding="utf-8"))
        has_page = (PAGES / f"{file.stem}.md").exists()
        name = f"[{file.stem}]({file.stem}.md)" if has_page else f"{file.stem} (no page yet)"
        lines.append(f"**{name}.** {question}")
    return "\n\n".join(lines) + "\n"


def comment_of(text: str) -> tuple[str, str]:
    """The first comment of a scenario in one paragraph, and the command that it names in backquotes."""
    lines = []
    for line in text.splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    whole = " ".join(lines)
    command = next(part for part in whole.split("`")[1::2] if part.startswith("hat-sim "))
    return whole, command


def code_of(*sweeps: Path) -> str:
    """Whether the code that ran the cells of sweeps is the code that is here."""
    folders = [RunFolder(it.parent) for sweep in sweeps for it in finished_runs(sweep)]
    own = all(folder.made_by().get("code") == code_digest() for folder in folders)
    return "the code of this commit" if own else "code of earlier commits as well"


def _cells(sweep: SweepRecord) -> Iterator[Sequence[str]]:
    """Heading and rows of a sweep's cells, in the order of its axes."""
    axes = [axis.path for axis in sweep.axes]
    yield [*axes, "accuracy", "95 %", "gain on target-only", "payload", "saving", "time", "energy"]
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in sweep.results:
        groups.setdefault(result.at, []).append(result)
    for at, results in groups.items():
        found = bands(results)
        accuracy = found["accuracy"]
        saving = 1 - sum(it.payload for it in results) / sum(it.all_models for it in results)
        yield [
            *(axis.label(value) for axis, value in zip(sweep.axes, at, strict=True)),
            percent(accuracy.mean),
            f"{percent(accuracy.low)} to {percent(accuracy.high)}",
            points(accuracy.mean - found["alone"].mean),
            size(found["payload"].mean),
            percent(saving),
            duration(found["seconds"].mean),
            joules(found["joules"].mean),
        ]


def _methods(sweep: SweepRecord) -> Iterator[Sequence[str]]:
    """Heading and rows of a comparison's methods at each place."""
    reference = sweep.reference or ""
    paired_heading = [f"difference from {reference}", "95 %", "wins/ties/losses", "p (Holm)"]
    yield ["place", "method", "accuracy", "95 %", "macro-F1", *paired_heading, "payload", "time", "energy"]
    for place in places_of(sweep):
        for it in place.standings:
            accuracy, difference = it.bands["accuracy"], it.difference
            paired = ["", "", "", ""]
            if difference is not None:
                paired = [
                    points(difference.mean),
                    f"{points(difference.low)} to {points(difference.high)}",
                    difference.record,
                    f"{difference.p_holm:.3f}",
                ]
            yield [
                place.name or "all",
                it.method,
                percent(accuracy.mean),
                f"{percent(accuracy.low)} to {percent(accuracy.high)}",
                percent(it.bands["macro_f1"].mean),
                *paired,
                size(it.bands["payload"].mean),
                duration(it.bands["seconds"].mean),
                joules(it.bands["joules"].mean),
            ]


def _markdown(rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown, its first row the heading."""
    heading, *rest = [[cell.replace("|", "\\|").replace(GAP, " ") for cell in row] for row in rows]
    shown = rest[:MOST_ROWS]
    lines = [heading, ["---"] * len(heading), *shown]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    left = len(rest) - len(shown)
    return f"{table}\n\n{left:,} more rows stand in the sweep's `results.parquet`." if left else table


if __name__ == "__main__":
    app()
