"""How plots look: colours that mean the same in every figure, and a light and a dark background."""

from __future__ import annotations

from typing import Any

CHOSEN, SHORTLISTED, ASKED, FAILED, TARGET = "chosen", "shortlisted", "not shortlisted", "failed", "target"
FATES = {TARGET: "#2b9348", CHOSEN: "#e8590c", SHORTLISTED: "#4c8bf5", ASKED: "#8a94a0", FAILED: "#d6336c"}
"""What became of a device; each colour stands out on white and on black."""
INELIGIBLE = "not eligible"
MIXED_FATES = FATES | {INELIGIBLE: "#a05ad6"}
"""The same where devices carry different sensors, and some sources read what the target lacks."""

PHASES = {"coarse": "#8a94a0", "fine": "#4c8bf5", "transfer": "#e8590c", "train": "#2b9348"}

ACCENT, BASELINE = "#e8590c", "#8a94a0"
SERIES = ("#e8590c", "#4c8bf5", "#2b9348", "#a05ad6", "#c98a00", "#d6336c", "#0c8599", "#8a94a0")
FONT = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Liberation Sans', sans-serif"


def look(dark: bool) -> dict[str, Any]:
    """The Vega-Lite `config` of all plots."""
    ink, soft, line = ("#e6e9ed", "#a9b2bd", "#3a424c") if dark else ("#1d2329", "#56606b", "#d9dee4")
    return {
        "background": "#161a1f" if dark else "#ffffff",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": soft,
            "titleColor": soft,
            "titleFontWeight": "normal",
            "labelFontSize": 11,
            "titleFontSize": 12,
            "gridColor": line,
            "gridOpacity": 0.6,
            "domainColor": line,
            "tickColor": line,
            "labelLimit": 110,
        },
        "axisY": {"domain": False, "ticks": False, "labelPadding": 6},
        "axisBand": {"grid": False},
        "legend": {
            "orient": "top",
            "direction": "horizontal",
            "title": None,
            "labelColor": ink,
            "labelFontSize": 12,
            "columnPadding": 12,
            "symbolType": "circle",
            "symbolOpacity": 1,
            "symbolBaseFillColor": soft,
            "symbolBaseStrokeColor": soft,
            "labelLimit": 200,
            "layout": {"top": {"anchor": "start", "direction": "vertical", "margin": 6}},
        },
        "text": {"color": ink, "font": FONT, "fontSize": 11},
        "rule": {"color": soft},
        "range": {"category": list(SERIES), "heatmap": {"scheme": "viridis"}},
        "bar": {"cornerRadiusEnd": 2},
    }
