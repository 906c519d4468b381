"""A run is a pure function of scenario and seed: not of hosts, of the cache, or of Ray itself."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("cluster")

MANY = "two hundred devices that share eight models, and claim each for itself"
"""More than a machine has room for with an actor each."""
VARIANTS = {
    "hat in reference space": ["target.domain=[domain-2, domain-4]"],
    "hat in encoder space, quantised, on a shared fleet": [
        "target.domain=[domain-2, domain-4]",
        "target.shared_fleet=true",
        "method.fine_space=encoder",
        "transfer.weights=int8",
        "sources.heterogeneity.compute=0.5",
        "sources.heterogeneity.bandwidth=0.5",
    ],
    "fine-tune with half precision": ["method={name: fine-tune, steps: 5}", "transfer.weights=fp16"],
    "aver": ["method={name: aver}"],
    "target-only": ["method={name: target-only}"],
    "hat with partly frozen encoders and a held-out gate": [
        "method.unfrozen_blocks=1",
        "method.gate=held_out",
        "target.labels_per_class=3",
    ],
    "label spaces that differ": ["sources.class_share=0.6", "target.classes=[class-1, class-3]"],
    "each domain as a target": ["target.domain=each"],
    MANY: [
        "sources.count=200",
        "sources.claim_samples=40",
        "sources.heterogeneity.compute=0.5",
        "sources.heterogeneity.bandwidth=0.5",
    ],
}
IN_DEFAULT = {
    "hat in encoder space, quantised, on a shared fleet": 2,
    MANY: 2,
}
FAULTS = [
    "faults=[{kind: crash, after_share: 0.5}, {kind: corrupt, frame: encoder, nth: 2}, "
    "{kind: damaged, count: 1}, {kind: down, count: 1, at: 0 s, duration: 1 s}, "
    "{kind: loss, share: 1, at: 0 s, rate: 3 %}]",
    "availability={period: 5 s, on_share: 0.8}",
    "protocol={deadline: 2 s, chunk: 2 KiB}",
]


def trained(folder: Path) -> tuple[int, int]:
    """How many source models a run trained, and how many it found."""
    environment = json.loads((folder / "environment.json").read_text())
    return environment["sources_trained"], environment["sources_cached"]


def test_a_run_is_the_same_on_any_number_of_hosts_and_with_any_cache(run, alone, cold, same) -> None:
    changes = VARIANTS["hat in reference space"]
    cold()
    spread = run(*changes, hosts="per-device")
    packed = run(*changes, hosts=1)
    fresh, found = trained(spread)
    assert fresh > 0 and found == 0
    assert trained(packed) == (0, fresh)
    assert same(spread, packed)
    assert same(spread, alone(*changes))


@pytest.mark.slow
def test_what_goes_wrong_goes_wrong_the_same_on_any_number_of_hosts(run, alone, cold, same) -> None:
    changes = [*VARIANTS["hat in encoder space, quantised, on a shared fleet"], *FAULTS]
    cold()
    one, again, four = (run(*changes, hosts=hosts) for hosts in (1, 1, 4))
    faults = json.loads((one / "result.json").read_text())["faults"]
    assert len(faults["injected"]) == 6 and faults["replaced"] and faults["asked_again"]
    assert same(one, again) and same(one, four)
    assert same(one, alone(*changes))


@pytest.mark.parametrize("variant", IN_DEFAULT)
def test_ray_gives_what_its_plain_twin_gives(variant, run, alone, same) -> None:
    on_ray = run(*VARIANTS[variant], hosts=IN_DEFAULT[variant])
    assert same(on_ray, alone(*VARIANTS[variant]))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_the_same_on_other_numbers_of_hosts(variant, run, alone, cold, same) -> None:
    cold()
    first = run(*VARIANTS[variant], hosts=1)
    if variant != MANY:
        assert same(first, run(*VARIANTS[variant], hosts="per-device"))
    cold()
    assert same(first, run(*VARIANTS[variant], hosts=3))
    assert same(first, alone(*VARIANTS[variant]))


def test_a_folder_of_images_is_read_by_every_actor(scenario, run, alone, same) -> None:
    rng = np.random.default_rng(0)
    folder = scenario.parent / "images"
    folder.mkdir()
    for number in range(3):
        x, y = rng.normal(size=(30, 1, 8, 8)).astype(np.float32), np.arange(30) % 2
        np.savez(folder / f"room-{number}.npz", x=x + y[:, None, None, None], y=y)
    changes = ["data={folder: images}", "target.domain=room-1", "sources.architectures=auto"]
    assert same(run(*changes, hosts=2), alone(*changes))


@pytest.mark.slow
def test_seeds_differ(run) -> None:
    ledgers = {(run(f"seed={seed}") / "result.json").read_bytes() for seed in range(3)}
    assert len(ledgers) == 3
