"""The catalogue: every figure of every profile, and that nothing stands in it without a source."""

import pytest

from hat_sim.scenario.catalogue import DEVICE_FIGURES, LINK_FIGURES, device_profiles, link_profiles

DEVICES = {  # name: GFLOP/s, GB, W, recalled
    "pi-zero-2w": (0.37, 0.5, 2.1, ()),
    "uno-q": (9.6, 2, 3.5, ("memory",)),
    "pi4": (15, 4, 7.2, ()),
    "pi5": (32, 8, 12.7, ()),
    "phone-mid": (48, 8, 10.1, ("memory",)),
    "phone-high": (57, 8, 10.6, ("memory",)),
    "orange-pi-5": (53, 8, 11.5, ("memory",)),
    "mini-pc-n100": (63, 8, 25, ("memory",)),
    "jetson-nano": (115, 4, 10, ()),
    "desktop-5600x": (229, 32, 196, ("memory",)),
    "orin-nano-8gb": (640, 8, 15, ()),
    "agx-xavier": (700, 32, 30, ("speed", "power")),
    "agx-orin": (2660, 64, 60, ("speed", "memory")),
    "rtx-5060": (10500, 8, 145, ("memory", "power")),
}
ENERGIES = ("energy_sent", "energy_received")
LINKS = {  # name: up and down in Mbit/s, rtt in ms, loss in %, energy sent and received in nJ/bit, recalled
    "ethernet-1g": (941, 941, 0.5, 0, 1, 1, ("rtt", "loss", *ENERGIES)),
    "wifi": (33, 40, 2, 0, 283.17, 137.01, ("up", "down", "rtt", "loss", *ENERGIES)),
    "5g": (31.3, 241.6, 47, 0.2, 29.15, 13.52, ENERGIES),
    "lte": (6.3, 21.3, 55, 0.2, 438.39, 51.97, ENERGIES),
    "3g": (0.768, 1.6, 150, 0.5, 868.98, 122.12, ENERGIES),
    "edge-2g": (0.2, 0.24, 420, 1, 4500, 4500, ENERGIES),
    "lte-m": (1, 1, 15, 0, 716, 213, ("loss", *ENERGIES)),
    "nb-iot": (0.062, 0.026, 1600, 1, 11500, 8190, ("loss", *ENERGIES)),
    "ble-2m": (1.33, 1.33, 50, 0, 10.8, 11.7, ("loss", *ENERGIES)),
    "lora-sf7": (0.0055, 0.0055, 2000, 1, 26400, 6600, ("rtt", "loss", *ENERGIES)),
}


def test_devices_have_the_figures_that_were_found() -> None:
    found = {
        name: (each.speed / 1e9, each.memory / 1e9, each.power, each.recalled)
        for name, each in device_profiles().items()
    }
    assert found == DEVICES


def test_links_have_the_figures_that_were_found() -> None:
    assert list(link_profiles()) == list(LINKS)
    for name, (up, down, rtt, loss, sent, received, recalled) in LINKS.items():
        link = link_profiles()[name]
        assert (link.up, link.down) == pytest.approx((up * 1e6, down * 1e6), rel=1e-12)
        assert link.rtt == rtt * 10**6
        assert link.loss == pytest.approx(loss / 100, rel=1e-12)
        assert (link.energy_sent, link.energy_received) == pytest.approx(
            (sent * 1e-9, received * 1e-9), rel=1e-12
        )
        assert link.recalled == recalled


@pytest.mark.parametrize(
    ("profiles", "figures"), [(device_profiles(), DEVICE_FIGURES), (link_profiles(), LINK_FIGURES)]
)
def test_every_profile_says_where_it_comes_from_and_recalls_only_its_own_figures(profiles, figures) -> None:
    for profile in profiles.values():
        assert profile.source
        assert profile.basis
        assert set(profile.recalled) <= set(figures)
        assert set(profile.figures()) == set(figures)


def test_the_catalogue_cannot_be_changed_by_who_reads_it() -> None:
    with pytest.raises(TypeError):
        device_profiles()["pi4"] = device_profiles()["pi5"]  # type: ignore[index]
