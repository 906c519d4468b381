"""The libraries that draw plots: as JavaScript for the page, and here as images, without a network."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import vl_convert

from hat_sim.report.figure import Figure
from hat_sim.report.look import look

VEGA_LITE = "6.4"
IMAGE_WIDTH, IMAGE_SCALE = 620, 3.0


@cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that defines `vegaEmbed`."""
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    return script


def write_images(figures: Iterable[tuple[str, Figure]], folder: Path) -> list[Path]:
    """Each figure as `<name>.png` on white, three pixels to the point: sharp enough to print."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures:
        chart = {**figure.specification(), "width": IMAGE_WIDTH}
        path = folder / f"{name}.png"
        path.write_bytes(
            vl_convert.vegalite_to_png(
                chart, vl_version=VEGA_LITE, scale=IMAGE_SCALE, config=look(dark=False), allowed_base_urls=[]
            )
        )
        written.append(path)
    return written
