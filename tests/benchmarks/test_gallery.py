"""The pictures of the gallery: what they say comes from the rows that they show."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from benchmarks.gallery import BANDWIDTH, COMPUTE, MIX, PAGE, PICTURES, accuracies, times, traffic

Rows = list[dict[str, Any]]
Tables = dict[str, Rows]


def row(domain: str, seed: int, **changes: Any) -> dict[str, Any]:
    return {
        "cell": "cell",
        "target": f"target-{domain}",
        "domain": domain,
        "seed": seed,
        "accuracy": 0.8,
        "macro_f1": 0.8,
        "accuracy_target_only": 0.7,
        "accuracy_best_source": 0.6,
        "payload_bytes": 600,
        "payload_bytes_coarse": 100,
        "payload_bytes_fine": 200,
        "payload_bytes_transfer": 300,
        "all_models_bytes": 3000,
        "saving": 0.8,
        "simulated_s": 1.0,
        "energy_j": 2.0,
        **changes,
    }


@pytest.fixture
def spread() -> Tables:
    """Two people at one seed; a target waits a second for each unit of either spread."""
    rows = [
        row(domain, 0, cell=f"{one}-{other}", simulated_s=1 + one + other, **{COMPUTE: one, BANDWIDTH: other})
        for domain, one, other in product(("user-1", "user-2"), (0.0, 1.0, 2.0), (0.0, 1.0, 2.0))
    ]
    return {"hapt": rows}


@pytest.fixture
def mix() -> Tables:
    """Larger models are better, and cost more."""
    models = {"cnn-small": (0.8, 600), "cnn-large": (0.9, 1200), "cnn-small, gru": (0.85, 900)}
    rows = [
        row(domain, 0, accuracy=accuracy, payload_bytes=payload, **{MIX: name})
        for name, (accuracy, payload) in models.items()
        for domain in ("user-1", "user-2")
    ]
    return {"hapt": rows}


def test_time_is_told_from_no_spread_to_the_most(spread: Tables) -> None:
    picture = times(spread)
    assert "spread to a sigma of 2, it goes on hapt from 1\u00a0s to 5\u00a0s" in picture.caption


def test_accuracy_is_told_of_the_best_and_the_worst_mix(
    mix: dict[str, Rows], spread: dict[str, Rows]
) -> None:
    caption = accuracies(mix, spread).caption.replace("\u00a0", " ")
    assert "90.0 % in a fleet of cnn-large and 80.0 % in one of cnn-small, 10.0 points apart;" in caption
    assert "it gains cnn-small +10.0 (+10.0 to +10.0), cnn-large +20.0 (+20.0 to +20.0), a third" in caption
    assert "changes neither accuracy nor payload of any target, in 9 cells." in caption


def test_a_spread_that_does_change_accuracy_is_not_denied(
    mix: dict[str, Rows], spread: dict[str, Rows]
) -> None:
    spread["hapt"][3]["accuracy"] = 0.5
    assert "changed accuracy or payload 1 times." in accuracies(mix, spread).caption


def test_traffic_is_told_of_each_mix(mix: Tables) -> None:
    caption = traffic(mix).caption.replace("\u00a0", " ")
    assert "hapt, cnn-large: 1.2 kB, 80.0 % saved; hapt, a third each: 900 B, 80.0 % saved" in caption


def test_the_page_shows_pictures_that_are_there() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("time", "accuracy", "traffic"):
        assert f"(gallery/{name}.png)" in text
        assert (PICTURES / f"{name}.png").read_bytes().startswith(b"\x89PNG")
