"""Reports as a person sees them, in a headless browser: drawn, without errors, fit for a desk and a phone."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from hat_sim.report.write import write_report

pytestmark = pytest.mark.slow

VISIBLE = "[...document.querySelectorAll('figure')].filter((it) => it.offsetParent !== null)"
MARKS = f"""{VISIBLE}.map((it) => [it.id, it.querySelectorAll(
    '.plot svg .role-mark path, .plot svg .role-mark line, .plot svg .role-mark text').length])"""
PHONE, DESK = 400, 1200


@pytest.fixture(
    params=["run", "no-mixer", "many-targets", "thousand-devices", "sweep", "large-sweep", "comparison"]
)
def report(
    request: pytest.FixtureRequest,
    run_folder: Callable[..., Path],
    sweep_folder: Any,
    comparison_folder: Any,
) -> Path:
    """A report of each size and kind."""
    folder = {
        "run": lambda: run_folder(),
        "no-mixer": lambda: run_folder(mixer=False),
        "many-targets": lambda: run_folder(targets=30, sources=20),
        "thousand-devices": lambda: run_folder(sources=1000),
        "sweep": lambda: sweep_folder(),
        "comparison": lambda: comparison_folder(places=2),
        "large-sweep": lambda: sweep_folder(etas=[k / 2500 for k in range(1, 2501)], targets=1),
    }[request.param]()
    return write_report(folder, folder / f"{request.param}.html")[0]


def test_every_plot_is_drawn_without_errors_and_fits_in_light_and_dark(tab: Any, report: Path) -> None:
    for width, dark in product((DESK, PHONE), (False, True)):
        tab.view(width, dark=dark)
        tab.open(report)
        tab.keep_screenshot(f"{report.stem}-{width}-{'dark' if dark else 'light'}")
        assert tab.errors == []
        marks = dict(tab.run(MARKS))
        assert len(marks) >= 7
        assert [name for name, count in marks.items() if count == 0] == []
        assert tab.run("document.documentElement.scrollWidth") == width
        right = "it.querySelector('svg').getBoundingClientRect().right"
        assert tab.run(f"{VISIBLE}.filter((it) => {right} > {width}).map((it) => it.id)") == []


def test_a_heading_sorts_its_table_by_value_and_back_with_gaps_last(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder())
    tab.view(DESK)
    tab.open(path)
    column = (
        """(n) => [...document.querySelectorAll('.listing tbody tr')].map((it) => it.children[n].innerText)"""
    )
    header = "document.querySelectorAll('.listing th button')"
    tab.run(f"{header}[2].click()")
    scores = tab.run(f"({column})(2)")
    assert scores[:6] == ["0.9", "0.8", "0.7", "0.6", "0.5", "0.4"]
    assert scores[6:] == [""] * 5
    tab.run(f"{header}[2].click()")
    assert tab.run(f"({column})(2)") == [*reversed(scores[:6]), *scores[6:]]
    speed = tab.run(f"[...{header}].findIndex((it) => it.innerText.startsWith('speed'))")
    tab.run(f"{header}[{speed}].click()")
    speeds = [int(text.split()[0]) for text in tab.run(f"({column})({speed})")]
    assert speeds == sorted(speeds, reverse=True)


def test_hovering_over_a_mark_shows_its_numbers(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder())
    tab.view(DESK)
    tab.open(path)
    tab.run("document.getElementById('scores').scrollIntoView({block: 'center'})")
    box = tab.run(
        "(({x, y, width, height}) => [x + width / 2, y + height / 2])"
        "(document.querySelector('#scores .mark-rect.role-mark path').getBoundingClientRect())"
    )
    tab.point_at(*box)
    tab.run("new Promise((done) => setTimeout(done, 300))")
    text = tab.run("document.querySelector('#vg-tooltip-element.visible')?.innerText ?? ''")
    assert "source-0000" in text
    assert "0.9000" in text


def test_a_plot_can_be_saved_as_png_and_svg(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder())
    tab.view(DESK)
    tab.open(path)
    tab.run("document.querySelector('#fleet .plot summary').click()")
    links = (
        "[...document.querySelectorAll('#fleet .vega-actions a')].map((it) => [it.innerText, it.download])"
    )
    assert tab.run(links) == [["Save as SVG", "fleet.svg"], ["Save as PNG", "fleet.png"]]


def test_the_selector_shows_one_target_at_a_time(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder(targets=3))
    tab.view(DESK)
    tab.open(path)
    shown = (
        "[...document.querySelectorAll('.panel')].filter((it) => !it.hidden).map((it) => it.dataset.panel)"
    )
    assert tab.run(shown) == ["target-1"]
    tab.run(
        "(() => { const it = document.getElementById('panel'); it.value = 'target-3';"
        " it.dispatchEvent(new Event('change')); })()"
    )
    tab.settle()
    assert tab.run(shown) == ["target-3"]
    assert dict(tab.run(MARKS))["target-3-fleet"] > 0
    assert tab.errors == []


def test_plots_follow_the_colour_scheme_of_the_system(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder())
    tab.view(DESK)
    tab.open(path)
    ground = "document.querySelector('#fleet svg').style.backgroundColor"
    assert tab.run(ground) == "rgb(255, 255, 255)"
    tab.view(DESK, dark=True)
    tab.run("new Promise((done) => setTimeout(done, 50))")
    tab.settle()
    assert tab.run(ground) == "rgb(22, 26, 31)"


def test_it_prints(tab: Any, run_folder: Any) -> None:
    [path] = write_report(run_folder())
    tab.view(DESK)
    tab.open(path)
    assert tab.pdf().startswith(b"%PDF")
