"""`python -m benchmarks.performance`: docs/performance.md from files of results; no figure is typed by hand.

`fleet_scale` and `selection` come from `benchmarks/results.json`, which `python -m benchmarks` writes. What
hot spots cost before and after is in `benchmarks/hot_spots.json`, with the command that gave each.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.catalogue import description
from benchmarks.machine import ROOT
from benchmarks.page import RESULTS, benchmark
from benchmarks.store import Entry, read_results

HOT_SPOTS = ROOT / "benchmarks" / "hot_spots.json"
PAGE = ROOT / "docs" / "performance.md"

HOW = "python -m benchmarks.selection 10000"
HEAD = """# Performance

Made by `python -m benchmarks.performance`; no figure here is typed by hand. Wall times are of a machine that
others used as well; processor times suffer less from that.
"""
SECTIONS = {
    "fleet_scale": "A growing fleet",
    "selection": "Where the processor time of selection goes",
}


def render(results: Mapping[str, Entry], hot_spots: Mapping[str, Entry]) -> str:
    """The page, in Markdown."""
    parts = [HEAD]
    for name, heading in SECTIONS.items():
        parts += [f"## {heading}\n\n{description(name)}\n", *benchmark(name, results.get(name))]
    parts += ["## Hot spots, before and after\n", *benchmark("hot_spots", hot_spots.get("hot_spots"), HOW)]
    parts += ["## Beside Flower\n", *benchmark("peers", hot_spots.get("peers"), "python -m benchmarks.peers")]
    return "\n".join(parts)


def write_page() -> None:
    """Make the page from the files of results."""
    PAGE.write_text(render(read_results(RESULTS), read_results(HOT_SPOTS)), encoding="utf-8")


if __name__ == "__main__":
    write_page()
    print(PAGE.relative_to(ROOT))
