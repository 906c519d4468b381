"""The page: an answer, tiles, figures and tables in one HTML file that carries all it needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from hat_sim.report.figure import ROWS, Figure
from hat_sim.report.look import look
from hat_sim.report.table import Table
from hat_sim.report.vega import javascript
from hat_sim.simulation.result import rounded_floats


@dataclass(frozen=True)
class Tile:
    """One number of the answer: what it is, the number, and what to hold it against."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Listing:
    """A table in its own right."""

    title: str
    caption: str
    table: Table


@dataclass(frozen=True)
class Section:
    """A heading, and what stands below it."""

    heading: str
    blocks: tuple[Figure | Listing, ...]


@dataclass(frozen=True)
class Panel:
    """Sections of which a page shows one panel at a time, picked by its `label`."""

    name: str
    label: str
    sections: tuple[Section, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """What a report says; `panels` share the selector labelled `selector`, and `closing` follows them.

    `remarks` are what its reader should know before the figures, `diagnosis` what the record says of itself.
    """

    title: str
    subtitle: str
    answer: str
    tiles: tuple[Tile, ...]
    remarks: tuple[str, ...]
    diagnosis: tuple[str, ...] = ()
    sections: tuple[Section, ...]
    panels: tuple[Panel, ...] = ()
    selector: str = ""
    closing: tuple[Section, ...] = ()
    footer: str

    def figures(self) -> Iterator[tuple[str, Figure]]:
        """Each figure by a name that is unique in the page: its key, after that of its panel."""
        yield from _figures(self.sections, "")
        for panel in self.panels:
            yield from _figures(panel.sections, f"{panel.name}-" if len(self.panels) > 1 else "")
        yield from _figures(self.closing, "")


def html(page: Page) -> str:
    """The page as one self-contained HTML file."""
    names = {id(figure): name for name, figure in page.figures()}
    environment = Environment(
        loader=PackageLoader("hat_sim.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["figure"] = lambda block: isinstance(block, Figure)
    return environment.get_template("page.html").render(
        page=page,
        name_of=lambda figure: names[id(figure)],
        style=Markup(_asset("page.css")),
        libraries=Markup(javascript()),
        script=Markup(_asset("page.js")),
        data=Markup(_script_json(_drawings(page))),
    )


def _figures(sections: Sequence[Section], prefix: str) -> Iterator[tuple[str, Figure]]:
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                yield f"{prefix}{block.key}", block


def _drawings(page: Page) -> dict[str, Any]:
    """What the script draws: every chart once, and the rows of each figure."""
    charts: dict[str, int] = {}
    figures = {
        name: {
            "chart": charts.setdefault(json.dumps(figure.chart), len(charts)),
            "height": figure.height,
            "rows": list(figure.rows),
        }
        for name, figure in page.figures()
    }
    return {
        "rows": ROWS,
        "looks": {"light": look(dark=False), "dark": look(dark=True)},
        "charts": [json.loads(chart) for chart in charts],
        "figures": rounded_floats(figures),
    }


def _script_json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it can close the element."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _asset(name: str) -> str:
    return files("hat_sim.report").joinpath("assets", name).read_text(encoding="utf-8")
