"""The types of names in a scenario: domains, known devices and links, and shares dealt by name.

Where a scenario may write one name, a list or a mapping, the value inside is a tuple or a dict. The tags of
the unions are written `<so>`, which no key of a scenario can be, so that error paths can leave them out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from hat_sim.scenario.catalogue import device_profiles, link_profiles
from hat_sim.scenario.nearest import suggestion
from hat_sim.sensors import AND

N = TypeVar("N", bound=str)

PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
ONE = "<one>"
"""The tag of a single name, which is validated as a list of one: the index that follows is not the user's."""


def refuse(what: str, hint: str) -> PydanticCustomError:
    """An error of a validator that reads like a Problem: what is wrong, and what would be accepted."""
    return PydanticCustomError("refused", "{what}", {"what": what, "hint": hint})


def validation_context(tree: Mapping[str, Any]) -> dict[str, Any]:
    """What a section has to know of others: the scenario's own devices and links, and if there are rounds."""
    sections = {kind: tree.get(kind) for kind in ("devices", "links")}
    own = {kind: tuple(section) if isinstance(section, Mapping) else () for kind, section in sections.items()}
    return {**own, "rounds": tree.get("rounds") is not None}


def _known(kind: str, catalogue: Callable[[], Mapping[str, object]]) -> AfterValidator:
    def check(name: str, info: ValidationInfo) -> str:
        names = [*catalogue(), *(info.context or {}).get(f"{kind}s", ())]
        if name not in names:
            raise refuse(f'unknown {kind} "{name}"', suggestion(name, names))
        return name

    return AfterValidator(check)


def _wrapped(value: Any) -> Any:
    return (value,)


def _all_different(names: tuple[str, ...]) -> tuple[str, ...]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise refuse(f"{', '.join(twice)} stands there more than once", "each name once")
    return names


def _different_sensors(together: str) -> str:
    names = together.split(AND)
    if not all(names) or len(set(names)) < len(names):
        hint = f"different names with a {AND} between them, such as accelerometer{AND}gyroscope"
        raise refuse(f'"{together}" is no list of sensors', hint)
    return together


def _one_or_names(value: Any) -> str:
    return "<names>" if isinstance(value, list | tuple) else ONE


def _shape(value: Any) -> str:
    return "<counts>" if isinstance(value, Mapping) else _one_or_names(value)


def _shape_or(word: str) -> Callable[[Any], str]:
    return lambda value: "<word>" if value == word else _one_or_names(value)


Count = Annotated[int, Field(strict=True, ge=1)]
Samples = Annotated[int, Field(strict=True, ge=1, le=1000)]
Identifier = Annotated[str, Field(pattern=PATTERN, max_length=100)]
Name = Annotated[str, Field(min_length=1)]
DeviceName = Annotated[str, _known("device", device_profiles)]
LinkName = Annotated[str, _known("link", link_profiles)]

_One = Annotated[tuple[N, ...], BeforeValidator(_wrapped), WithJsonSchema({"type": "string"}), Tag(ONE)]
_Several = Annotated[tuple[N, ...], Field(min_length=1), AfterValidator(_all_different), Tag("<names>")]
_Counts = Annotated[dict[N, Count], Field(min_length=1), Tag("<counts>")]

Shares = Annotated[_One[N] | _Several[N] | _Counts[N], Discriminator(_shape)]
"""A tuple of names with even shares, or a dict of counts by name."""

AllDomains = Literal["all"]
EachDomain = Literal["each"]
SourceDomains = Annotated[
    Annotated[AllDomains, Tag("<word>")] | _One[Name] | _Several[Name], Discriminator(_shape_or("all"))
]
TargetDomains = Annotated[
    Annotated[EachDomain, Tag("<word>")] | _One[Name] | _Several[Name], Discriminator(_shape_or("each"))
]
Names = Annotated[_One[Name] | _Several[Name], Discriminator(_one_or_names)]
"""A tuple of names."""
SensorsTogether = Annotated[Name, AfterValidator(_different_sensors)]
"""The sensors that one device carries, as one word."""
RoundDomains = Annotated[
    _One[Name] | Annotated[tuple[Name, ...], Field(min_length=1), Tag("<names>")],
    Discriminator(_one_or_names),
]
