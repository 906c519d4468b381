"""`python -m benchmarks.gallery`: docs/gallery.md and its pictures, from sweeps that run here.

They answer the paper's question of heterogeneity on two datasets. Cells that were finished before are not run
again: the sweeps are below `runs/studies`. No figure of the page is typed by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import pyarrow.parquet as pq
import vl_convert

from benchmarks.machine import ROOT, commit, describe_machine
from benchmarks.studies import person
from benchmarks.study_pages import SWEEPS, code_of, run_study
from hat_sim.quantities import duration, percent, points, size
from hat_sim.report.look import ACCENT, BASELINE, PHASES, SERIES, look
from hat_sim.report.sweep.bands import Band, bands
from hat_sim.report.sweep.record import result_of
from hat_sim.report.vega import VEGA_LITE
from hat_sim.sweep.folder import RESULTS

PAGE, PICTURES = ROOT / "docs" / "gallery.md", ROOT / "docs" / "gallery"
DATASETS, STUDIES = ("hapt", "watch"), ("spread", "mix")
COMPUTE, BANDWIDTH = "sources.heterogeneity.compute", "sources.heterogeneity.bandwidth"
MIX = "sources.architectures"
MIXED = "a third each"
WIDTH, HEIGHT, SCALE = 300, 240, 2.0

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Picture:
    """A picture of the gallery: its chart for both datasets side by side, and what it shows in words."""

    name: str
    title: str
    caption: str
    chart: alt.HConcatChart


def main() -> None:
    spread = {dataset: _rows(f"{dataset}-spread") for dataset in DATASETS}
    mix = {dataset: _rows(f"{dataset}-mix") for dataset in DATASETS}
    pictures = [times(spread), accuracies(mix, spread), traffic(mix)]
    PICTURES.mkdir(parents=True, exist_ok=True)
    for picture in pictures:
        chart = picture.chart.to_dict()
        chart.pop("config", None)
        image = vl_convert.vegalite_to_png(chart, vl_version=VEGA_LITE, scale=SCALE, config=look(dark=False))
        (PICTURES / f"{picture.name}.png").write_bytes(image)
    PAGE.write_text(_page(pictures), encoding="utf-8")
    print(PAGE.relative_to(ROOT))


def _rows(name: str) -> list[dict[str, Any]]:
    """The results of a study's sweep, which is run as far as it has not been."""
    run_study(name)
    rows: list[dict[str, Any]] = pq.read_table(SWEEPS / name / RESULTS).to_pylist()
    return rows


def _bands(rows: Iterable[Row]) -> dict[str, Band]:
    """Means over people, a person's seeds and domains averaged first, with 95 % bootstrap intervals."""
    return bands(result_of(row, at=(), unit=(person(row["domain"]), row["seed"])) for row in rows)


def times(spread: Mapping[str, Sequence[Row]]) -> Picture:
    """Simulated time as links, processors, or both spread."""
    ways: dict[str, Callable[[Row], float | None]] = {
        "processors": lambda row: row[COMPUTE] if row[BANDWIDTH] == 0 else None,
        "links": lambda row: row[BANDWIDTH] if row[COMPUTE] == 0 else None,
        "both": lambda row: row[COMPUTE] if row[COMPUTE] == row[BANDWIDTH] else None,
    }
    charts, words = [], []
    for dataset, rows in spread.items():
        sigmas = sorted({row[COMPUTE] for row in rows})
        drawn = []
        for way, sigma_of in ways.items():
            for sigma in sigmas:
                band = _bands(row for row in rows if sigma_of(row) == sigma)["seconds"]
                drawn.append({"spread": sigma, "of": way, **_drawn(band)})
        first, last = (
            next(it for it in drawn if (it["spread"], it["of"]) == (sigma, "both"))
            for sigma in (sigmas[0], sigmas[-1])
        )
        words.append(f"on {dataset} from {duration(first['mean'])} to {duration(last['mean'])}")
        base = alt.Chart(alt.InlineData(values=drawn), title=dataset)
        x = alt.X(
            "spread:Q", title="spread of the sources (sigma of the logarithm)", axis=alt.Axis(grid=False)
        )
        colour = alt.Color("of:N", scale=alt.Scale(domain=list(ways), range=list(SERIES[:3])))
        area = base.mark_area(opacity=0.15).encode(x=x, y=alt.Y("low:Q"), y2="high:Q", color=colour)
        lines = base.mark_line(point=True).encode(
            x=x, y=alt.Y("mean:Q", title="simulated seconds", scale=alt.Scale(zero=True)), color=colour
        )
        charts.append((area + lines).properties(width=WIDTH, height=HEIGHT))
    return Picture(
        "time",
        "Time",
        f"Simulated time until a target has its model, while the median device stays as it is. Where "
        f"processors and links of the sources both spread to a sigma of {sigmas[-1]:g}, it goes "
        f"{' and '.join(words)}: a target waits for the slowest source that it asks.",
        alt.hconcat(*charts),
    )


def accuracies(mix: Mapping[str, Sequence[Row]], spread: Mapping[str, Sequence[Row]]) -> Picture:
    """Accuracy under each mix of models; and the proof that no spread of speeds changes it."""
    charts, words = [], []
    for dataset, rows in mix.items():
        drawn, means, gains = [], {}, []
        for name in _mixes(rows):
            found = _bands(row for row in rows if row[MIX] == name)
            for series, measure in (("HaT", "accuracy"), ("target-only", "alone")):
                drawn.append({"models": _called(name), "method": series, **_drawn(found[measure])})
            means[name] = found["accuracy"].mean
            gains.append(f"{_called(name)} {_gain(row for row in rows if row[MIX] == name)}")
        best, worst = max(means, key=means.__getitem__), min(means, key=means.__getitem__)
        apart = points(means[best] - means[worst])[1:]
        words.append(
            f"On {dataset} HaT has {percent(means[best])} in a fleet of {_called(best)} and "
            f"{percent(means[worst])} in one of {_called(worst)}, {apart} apart; over target-only, paired by "
            f"person, it gains {', '.join(gains)} points."
        )
        base = alt.Chart(alt.InlineData(values=drawn), title=dataset)
        x = alt.X("models:N", sort=None, title="models of the sources", axis=alt.Axis(labelAngle=-20))
        beside = alt.XOffset("method:N", sort=["HaT", "target-only"], scale=alt.Scale(paddingOuter=0.5))
        colour = alt.Color(
            "method:N", scale=alt.Scale(domain=["HaT", "target-only"], range=[ACCENT, BASELINE])
        )
        y = alt.Y("mean:Q", title="accuracy", scale=alt.Scale(zero=False), axis=alt.Axis(format=".0%"))
        whiskers = base.mark_rule(strokeWidth=2).encode(
            x=x, xOffset=beside, y=alt.Y("low:Q"), y2="high:Q", color=colour
        )
        dots = base.mark_point(filled=True, size=70, opacity=1).encode(x=x, xOffset=beside, y=y, color=colour)
        charts.append((whiskers + dots).properties(width=WIDTH, height=HEIGHT))
    changed = sum(_varies(rows, "accuracy") + _varies(rows, "payload_bytes") for rows in spread.values())
    cells = sum(len({row["cell"] for row in rows}) for rows in spread.values())
    unchanged = (
        f"The spread of processors and links changes neither accuracy nor payload of any target, "
        f"in {cells:,} cells."
        if not changed
        else f"The spread of processors and links changed accuracy or payload {changed:,} times."
    )
    return Picture("accuracy", "Accuracy", f"{' '.join(words)} {unchanged}", alt.hconcat(*charts))


def traffic(mix: Mapping[str, Sequence[Row]]) -> Picture:
    """Payload of a target by phase, under each mix of models."""
    phases = ("coarse", "fine", "transfer")
    charts, words = [], []
    for dataset, rows in mix.items():
        drawn, totals = [], {}
        for name in _mixes(rows):
            own = [row for row in rows if row[MIX] == name]
            for order, phase in enumerate(phases):
                mean = sum(row[f"payload_bytes_{phase}"] for row in own) / len(own)
                drawn.append({"models": _called(name), "phase": phase, "order": order, "bytes": mean})
            totals[name] = sum(row["payload_bytes"] for row in own) / len(own)
            savings = sum(row["saving"] for row in own) / len(own)
            words.append(f"{dataset}, {_called(name)}: {size(totals[name])}, {percent(savings)} saved")
        chart = (
            alt.Chart(alt.InlineData(values=drawn), title=dataset)
            .mark_bar()
            .encode(
                x=alt.X("models:N", sort=None, title="models of the sources", axis=alt.Axis(labelAngle=-20)),
                y=alt.Y("bytes:Q", title="payload bytes of a target", axis=alt.Axis(format="~s")),
                color=alt.Color(
                    "phase:N", scale=alt.Scale(domain=list(phases), range=[PHASES[it] for it in phases])
                ),
                order="order:O",
            )
            .properties(width=WIDTH, height=HEIGHT)
        )
        charts.append(chart)
    return Picture(
        "traffic",
        "Traffic",
        f"What a target sends and receives, mean over targets and seeds, and how much less that is than "
        f"every source's model: {'; '.join(words)}. Traffic follows the size of the chosen models.",
        alt.hconcat(*charts),
    )


def _gain(rows: Iterable[Row]) -> str:
    """The mean gain over target-only in points, and its interval over people."""
    gains = [{**row, "accuracy": row["accuracy"] - row["accuracy_target_only"]} for row in rows]
    band = _bands(gains)["accuracy"]
    return f"{100 * band.mean:+.1f} ({100 * band.low:+.1f} to {100 * band.high:+.1f})"


def _drawn(band: Band) -> dict[str, float]:
    return {"mean": band.mean, "low": band.low, "high": band.high}


def _mixes(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row[MIX] for row in rows))


def _called(mix: str) -> str:
    """A mix of models in a figure."""
    return MIXED if "," in mix else mix


def _varies(rows: Sequence[Row], column: str) -> int:
    """At how many pairs of target and seed a column has more than one value."""
    found: dict[tuple[str, int], set[Any]] = {}
    for row in rows:
        found.setdefault((row["target"], row["seed"]), set()).add(row[column])
    return sum(len(values) > 1 for values in found.values())


def _page(pictures: Sequence[Picture]) -> str:
    """The page, in Markdown."""
    machine = describe_machine()
    code = code_of(*(SWEEPS / f"{dataset}-{study}" for dataset in DATASETS for study in STUDIES))
    commands = "\n".join(
        f"    hat-sim sweep scenarios/studies/{dataset}-{study}.yaml"
        for dataset in DATASETS
        for study in STUDIES
    )
    shown = "\n".join(
        f"## {it.title}\n\n![{it.title}](gallery/{it.name}.png)\n\n{it.caption}\n" for it in pictures
    )
    return f"""# Gallery

Made by `python -m benchmarks.gallery` from sweeps that ran here; no figure is typed by hand.

**How does heterogeneity of devices change accuracy, traffic and time?** Ten users of HAPT join the other 29
each, and all twenty wrists of watch, two people at a time, the sixteen of the other eight, with two labels a
class and three seeds. The speeds of the sources' processors and links spread around a fixed median
(log-normal), or the architectures of their models change. Bands and whiskers are 95 % bootstrap intervals
over people, a person's seeds and wrists averaged first. Both datasets are development data: the method was
tuned on them.

{shown}
## Make it again

{commands}

and `python -m benchmarks.gallery` for pictures and page. Each sweep leaves a report of its own and a table,
`results.parquet`, with a row for each target, seed and cell.

Made at commit {commit() or "unknown"} from cells that were run by {code},
on {machine["cores"]} cores of {machine["processor"]}, Python \
{machine["python"]}, torch {machine["packages"]["torch"]}.
"""


if __name__ == "__main__":
    main()
