"""The page of a comparison: which method is best by how much and how surely, what each costs, and where."""

from __future__ import annotations

from collections.abc import Iterator

from hat_sim.quantities import counted, duration, joules, listed, percent, points, size
from hat_sim.report.compare.figures import accuracy_figure, difference_figure, target_figure, verdict
from hat_sim.report.compare.paired import EVERYWHERE, Place, Standing, main_ones, places_of
from hat_sim.report.page import Listing, Page, Section, Tile
from hat_sim.report.sweep.lines import line_figures
from hat_sim.report.sweep.missing import failed_cells, remarks_on
from hat_sim.report.sweep.pareto import pareto_figures
from hat_sim.report.sweep.record import METHOD, SweepRecord, cells_of
from hat_sim.report.table import Column, table_of


def compare_page(sweep: SweepRecord) -> Page:
    """What the report of a comparison says; the main places are drawn, each has its table."""
    reference = sweep.reference or ""
    places = places_of(sweep)
    sections = [_figures(place, reference) for place in main_ones(places)]
    if places:
        sections.append(Section("What accuracy costs", pareto_figures(sweep.axes, cells_of(sweep))))
        others = [axis for axis in sweep.axes if axis.path != METHOD and len(axis.values) > 1]
        sections += [Section(f"Along {axis.path}", tuple(line_figures(sweep, axis))) for axis in others]
        sections.append(Section("Tables", tuple(_listing(place, reference) for place in places)))
    if sweep.failures:
        sections.append(Section("Failed cells", (failed_cells(sweep.failures),)))
    return Page(
        title=sweep.name,
        subtitle=f"Comparison of {counted(len({it.method for p in places for it in p.standings}), 'method')}",
        answer=_answer(places[0], reference) if places else "No cell has finished.",
        tiles=tuple(_tiles(places[0], reference)) if places else (),
        remarks=tuple(remarks_on(sweep)),
        sections=tuple(sections),
        footer="Made by hat-sim. Every method has the same targets, sources, labels, student recipe and "
        "seeds. Times, bytes and joules are simulated and those of one target; accuracies are measured on "
        "test data that no method sees.",
    )


def _answer(place: Place, reference: str) -> str:
    best = place.standings[0]
    band = best.bands["accuracy"]
    text = (
        f"{best.method} is the most accurate: {percent(band.mean)} "
        f"({percent(band.low)} to {percent(band.high)} over {band.count:,} {band.over})."
    )
    own = place.of(reference)
    if own is not None and best.difference is not None:
        text += (
            f" {reference} has {percent(own.bands['accuracy'].mean)}, "
            f"{points(best.difference.mean)[1:]} less "
            f"({points(best.difference.low)} to {points(best.difference.high)} for {best.method}, paired)."
        )
    elif own is not None and len(place.standings) > 1:
        second = next(it for it in place.standings if it.method != reference)
        text += f" The next is {second.method} with {percent(second.bands['accuracy'].mean)}"
        if second.difference is not None:
            text += (
                f", {points(second.difference.mean)} ({points(second.difference.low)} to "
                f"{points(second.difference.high)}, paired)"
            )
        text += "."
    for word in ("better", "worse"):
        them = [it.method for it in place.standings if verdict(it.difference) == word]
        if them:
            text += f" More than chance {word} than {reference}: {listed(them, most=8)}."
    alone = place.standings[0].bands["alone"].mean
    oracle = place.standings[0].bands["best_source"].mean
    return (
        f"{text} Training on own labels alone has {percent(alone)}; the best source as it comes, known in "
        f"hindsight only, {percent(oracle)}."
    )


def _tiles(place: Place, reference: str) -> Iterator[Tile]:
    best = place.standings[0]
    yield Tile("Best accuracy", percent(best.bands["accuracy"].mean), best.method)
    own = place.of(reference)
    if own is not None and own is not best:
        yield Tile(reference, percent(own.bands["accuracy"].mean), "the reference")
    heard = [it for it in place.standings if it.bands["payload"].mean > 0]
    if heard:
        light = min(heard, key=lambda it: it.bands["payload"].mean)
        yield Tile("Least traffic with sources", size(light.bands["payload"].mean), light.method)
    fast = min(place.standings, key=lambda it: it.bands["seconds"].mean)
    yield Tile("Least time", duration(fast.bands["seconds"].mean), fast.method)


def _figures(place: Place, reference: str) -> Section:
    figures = [accuracy_figure(place, reference)]
    if any(it.difference is not None for it in place.standings):
        figures.append(difference_figure(place, reference))
        by_target = target_figure(place, reference)
        figures += [by_target] if by_target is not None else []
    return Section(_heading(place), tuple(figures))


def _heading(place: Place) -> str:
    if place.name == EVERYWHERE:
        return "Mean over all places"
    return f"At {place.name}" if place.name else "Accuracy"


def _listing(place: Place, reference: str) -> Listing:
    return Listing(
        title=_heading(place) if place.name else "All methods",
        caption="Means over targets and seeds with 95 % intervals; difference, wins, ties and losses "
        f"against {reference}, p by flipping signs and after Holm's correction.",
        table=table_of(
            [
                Column("method", "method"),
                Column("accuracy", "accuracy", percent),
                Column("interval", "95 %"),
                Column("macro_f1", "macro-F1", percent),
                Column("f1_interval", "95 %"),
                Column("difference", "difference", points),
                Column("paired", "95 %"),
                Column("wins", "wins", "{:,}".format),
                Column("ties", "ties", "{:,}".format),
                Column("losses", "losses", "{:,}".format),
                Column("p", "p", "{:.3f}".format),
                Column("payload", "payload", size),
                Column("seconds", "time", duration),
                Column("joules", "energy", joules),
            ],
            [row_of(it) for it in place.standings],
        ),
    )


def row_of(it: Standing) -> dict[str, object]:
    """A standing as a row of a table."""
    accuracy, f1, difference = it.bands["accuracy"], it.bands["macro_f1"], it.difference
    row: dict[str, object] = {
        "method": it.method,
        "accuracy": accuracy.mean,
        "interval": _between(accuracy.low, accuracy.high),
        "macro_f1": f1.mean,
        "f1_interval": _between(f1.low, f1.high),
        **{key: it.bands[key].mean for key in ("payload", "seconds", "joules")},
    }
    if difference is not None:
        row |= {
            "difference": difference.mean,
            "paired": f"{points(difference.low)} to {points(difference.high)}",
            "wins": difference.wins,
            "ties": difference.ties,
            "losses": difference.losses,
            "p": difference.p_holm,
        }
    return row


def _between(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}"
