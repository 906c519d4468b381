"""A figure: a Vega-Lite chart, the rows it draws, what it shows in a sentence, and its numbers in a table.

A chart is made once and drawn with the rows of many targets, so it must not depend on them: whatever does
(positions, orders, cut-offs) is computed in Python and stands in the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from hat_sim.report.table import Table

ROWS = "rows"
"""The name of the data in every chart."""


@dataclass(frozen=True)
class Figure:
    """`key` names the figure in the page and its image.

    `chart` is Vega-Lite without data and height; `height` is that of its plotting area in pixels.
    """

    key: str
    title: str
    caption: str
    chart: Mapping[str, Any]
    height: int
    rows: Sequence[Mapping[str, Any]]
    table: Table

    def specification(self) -> dict[str, Any]:
        """The chart with its data."""
        return {**self.chart, "height": self.height, "datasets": {ROWS: list(self.rows)}}


def chart_of(chart: alt.Chart | alt.LayerChart) -> dict[str, Any]:
    """A chart as Vega-Lite: as wide as its place, without data, height and a look of its own."""
    fit = alt.AutoSizeParams(type="fit-x", contains="padding")
    placed = chart.properties(width="container", autosize=fit)
    specification: dict[str, Any] = placed.to_dict()
    specification.pop("config", None)
    return specification


def rows_of() -> alt.NamedData:
    """The data of a chart, to be given later."""
    return alt.NamedData(ROWS)
