"""`python -m benchmarks.page`: docs/results.md from the file of results; no figure in it is typed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from benchmarks.catalogue import NAMES, description
from benchmarks.figure import Figure, shown, shown_figure
from benchmarks.machine import ROOT
from benchmarks.store import Entry, read_results

RESULTS = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "results.md"

HEAD = """# Results

Made by `python -m benchmarks.page` from `benchmarks/results.json`, which `python -m benchmarks` writes; no
figure here is typed by hand. Wall times are medians on a machine that others used as well: compare those of
one table, which were measured in turn. HaT is *HaT as described*, with formulas of our own where the paper's
are not public, so the paper's tables are not what these figures compare with. Numbers in parentheses are 95 %
bootstrap intervals over people, a person's seeds averaged first.
"""


def render(entries: Mapping[str, Entry]) -> str:
    """The page, in Markdown."""
    parts = [HEAD, *_bounds(entries)]
    for name in NAMES:
        parts += [f"## {name}\n\n{description(name)}\n", *benchmark(name, entries.get(name))]
    return "\n".join(parts)


def _bounds(entries: Mapping[str, Entry]) -> Iterator[str]:
    """Everything that is bounded, and whether it holds."""
    yield "## What is promised\n"
    rows = []
    for name in NAMES:
        for it in entries[name].figures if name in entries else ():
            if it.bound is not None:
                bound = f"{it.bound.sense} {shown(it.bound.value, it.unit)}"
                holds = "yes" if it.holds else f"**no**: {it.note or 'no reason is known'}"
                rows.append((f"{it.row}: {it.name}", shown_figure(it), bound, it.reference, holds))
    yield _markdown(("figure", "value", "bound", "against", "holds"), rows)


def benchmark(name: str, entry: Entry | None, command: str | None = None) -> Iterator[str]:
    """The figures of one benchmark, with its commands and where it was measured, or that they are missing."""
    command = command or f"python -m benchmarks {name}"
    if entry is None:
        yield f"**Missing:** it has not been run; `{command}` does.\n"
        return
    if entry.error:
        yield f"**Missing:** it failed.\n\n```\n{entry.error}\n```\n"
    known: dict[str, str] = {}
    for title in dict.fromkeys(it.table for it in entry.figures):
        figures = [it for it in entry.figures if it.table == title]
        commands = {it.row: it.command for it in figures}
        yield from _pivot(title, figures)
        if not commands.items() <= known.items():
            yield _commands(commands)
        known = commands
    yield _provenance(command, entry)


def _pivot(title: str, figures: Sequence[Figure]) -> Iterator[str]:
    """A table with a row for each thing measured and a column for each figure; below it the notes."""
    rows = tuple(dict.fromkeys(it.row for it in figures))
    columns = tuple(dict.fromkeys(it.name for it in figures))
    cells = {(it.row, it.name): shown_figure(it) for it in figures}
    yield f"### {title}\n"
    yield _markdown(("", *columns), [(row, *(cells.get((row, it), "") for it in columns)) for row in rows])
    notes = dict.fromkeys(it.note for it in figures if it.note and it.bound is None)
    yield from (f"{note}\n" for note in notes)


def _commands(commands: Mapping[str, str]) -> str:
    """The command of each row, or the one command of all."""
    if len(set(commands.values())) == 1:
        return f"Command: `{next(iter(commands.values()))}`\n"
    return "".join(f"- {row}: `{command}`\n" for row, command in commands.items())


def _provenance(command: str, entry: Entry) -> str:
    machine = entry.machine
    packages = ", ".join(f"{package} {version}" for package, version in machine["packages"].items())
    warning = " **Quick settings: too few repetitions to mean much.**" if entry.quick else ""
    return (
        f"Measured by `{command}` in {entry.wall_s:,.0f} s, at "
        f"{f'commit {entry.commit}' if entry.commit else 'no commit'}, on {machine['cores']} cores of "
        f"{machine['processor']} with {machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}, Python "
        f"{machine['python']}, {packages}.{warning}\n"
    )


def _markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def write_page() -> None:
    """Make the page from the file of results."""
    PAGE.write_text(render(read_results(RESULTS)), encoding="utf-8")


if __name__ == "__main__":
    write_page()
    print(PAGE.relative_to(ROOT))
