"""`hat-sim profiles`: the catalogue of devices and links, and where each figure comes from."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hat_sim.scenario.catalogue import DeviceProfile, LinkProfile

RECALLED = "\N{DAGGER}"
_NOT_VERIFIED = f"{RECALLED} recalled, not verified."
_CAPTIONS = {
    "devices": f"{_NOT_VERIFIED} Basis: M measured training, H about HPL in fp64, G half of the fp32 peak.",
    "links": f"{_NOT_VERIFIED} Energies are for each further bit.",
}


class Kind(StrEnum):
    """The kinds of profiles."""

    devices = "devices"
    links = "links"


class Format(StrEnum):
    """How to print profiles."""

    table = "table"
    json = "json"


def profiles(
    kind: Annotated[Kind | None, typer.Argument(help="Only the devices, or only the links.")] = None,
    format: Annotated[Format, typer.Option(help="A table to read, or JSON.")] = Format.table,
) -> None:
    """Show the device and link profiles with their sources; figures marked with a dagger are recalled."""
    from hat_sim.scenario.catalogue import device_profiles, link_profiles

    catalogue: dict[Kind, Iterable[DeviceProfile | LinkProfile]] = {
        Kind.devices: device_profiles().values(),
        Kind.links: link_profiles().values(),
    }
    shown = {str(each): catalogue[each] for each in Kind if kind in (None, each)}
    if format is Format.json:
        _print_json(shown)
    else:
        _print_tables(shown)


def _print_json(catalogue: dict[str, Iterable[DeviceProfile | LinkProfile]]) -> None:
    import json

    plain = {kind: [_plain(profile) for profile in each] for kind, each in catalogue.items()}
    print(json.dumps(plain, indent=2))


def _plain(profile: DeviceProfile | LinkProfile) -> dict[str, Any]:
    provenance = {"basis": profile.basis, "recalled": list(profile.recalled), "source": profile.source}
    return {"name": profile.name, **profile.figures(), **provenance}


def _print_tables(catalogue: dict[str, Iterable[DeviceProfile | LinkProfile]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    for kind, each in catalogue.items():
        profiles = list(each)
        figures = Table(title=kind, title_justify="left", caption=_CAPTIONS[kind], caption_justify="left")
        figures.add_column("name", no_wrap=True)
        for figure in profiles[0].figures():
            figures.add_column(figure.replace("_", " "), justify="right")
        provenance = Table(
            "name", "basis", "source", title=f"where the {kind} come from", title_justify="left"
        )
        for profile in profiles:
            marks = dict.fromkeys(profile.recalled, f" {RECALLED}")
            figures.add_row(
                profile.name, *(text + marks.get(key, "") for key, text in profile.figures().items())
            )
            provenance.add_row(profile.name, profile.basis, profile.source)
        console.print(figures, provenance)
