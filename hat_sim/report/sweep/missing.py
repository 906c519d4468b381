"""What a reader of a sweep should know before the figures: notes, what is missing, and what failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hat_sim.quantities import counted
from hat_sim.report.page import Listing
from hat_sim.report.sweep.record import Failure, SweepRecord
from hat_sim.report.table import Column, table_of


def remarks_on(sweep: SweepRecord) -> Iterator[str]:
    """A sentence for each thing to know."""
    yield from sweep.notes
    ended = len({(it.cell, it.unit[1]) for it in sweep.results}) + len(sweep.failures)
    if ended < sweep.size:
        yield f"The sweep was interrupted: {ended:,} of {counted(sweep.size, 'cell')} have ended."
    if sweep.failures:
        yield f"{counted(len(sweep.failures), 'cell')} failed; the last table says why."


def failed_cells(failures: Sequence[Failure]) -> Listing:
    """The cells without results, and why."""
    return Listing(
        title="What failed",
        caption=f"{counted(len(failures), 'cell')} without results.",
        table=table_of(
            [Column("cell", "cell"), Column("axes", "axes"), Column("error", "error")],
            [{"cell": it.cell, "axes": it.axes, "error": it.error} for it in failures],
            left_out="failures.json of the sweep has all",
        ),
    )
