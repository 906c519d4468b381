"""The libraries that draw plots: as JavaScript for the page, and here as images, without a network."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path

import vl_convert

from hat_sim.data.cache import cache_root, publish_file, scratch_beside
from hat_sim.report.figure import Figure
from hat_sim.report.look import look

VEGA_LITE = "6.4"
IMAGE_WIDTH, IMAGE_SCALE = 620, 3.0


@cache
def javascript() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script that defines `vegaEmbed`; kept in the cache once made."""
    kept = cache_root() / "javascript" / f"vega-lite-{VEGA_LITE}-vl-convert-{version('vl-convert-python')}.js"
    with suppress(OSError, UnicodeDecodeError):
        return kept.read_text(encoding="utf-8")
    script: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=VEGA_LITE)
    with suppress(OSError), scratch_beside(kept) as scratch:
        (scratch / "script").write_text(script, encoding="utf-8")
        publish_file(scratch / "script", kept)
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
