"""From a folder to a report: what the folder holds decides which page is made."""

from __future__ import annotations

from pathlib import Path

from hat_sim.errors import UserError
from hat_sim.report.compare.page import compare_page
from hat_sim.report.page import Page, html
from hat_sim.report.run.page import run_page
from hat_sim.report.run.record import read_run
from hat_sim.report.sweep.page import sweep_page
from hat_sim.report.sweep.record import read_sweep
from hat_sim.report.vega import javascript, write_images
from hat_sim.simulation.run_folder import REPORT
from hat_sim.sweep.folder import SWEEP


def prepare() -> None:
    """Make ready what every report needs, so that the first one takes no longer than any other."""
    javascript()


def write_report(folder: Path, out: Path | None = None, images: Path | None = None) -> list[Path]:
    """Write `out` (by default `report.html` in the folder) and, where asked for, an image for each figure.

    The paths written, the page first. UserError where the folder is neither a finished run nor a sweep
    or comparison,
    where its files are damaged, or where a file cannot be written.
    """
    page = _page(folder)
    file = out if out is not None else folder / REPORT
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_name(f".{file.name}.unfinished")
        unfinished.write_text(html(page), encoding="utf-8")
        unfinished.replace(file)
        return [file, *(write_images(page.figures(), images) if images is not None else ())]
    except OSError as error:
        raise UserError(f"the report cannot be written: {error}", hint="name another place") from None


def _page(folder: Path) -> Page:
    if (folder / SWEEP).is_file():
        sweep = read_sweep(folder)
        return sweep_page(sweep) if sweep.reference is None else compare_page(sweep)
    return run_page(read_run(folder))
