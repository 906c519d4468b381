"""How many of the sources' models a method has on the target at once, as preflight has to know; no torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Any


@dataclass(frozen=True)
class Holding:
    """At most so many of the sources' models are on the target, and `trained` of them train there."""

    models: int
    trained: int = 0


Holds = Callable[[Any, int], Holding]
"""From a method's options and the number of sources."""


def no_model(options: Any, sources: int) -> Holding:
    """The method fetches no model."""
    return Holding(0)


def every_model(options: Any, sources: int) -> Holding:
    """All at once, as they came."""
    return Holding(sources)


def every_model_tuned(options: Any, sources: int) -> Holding:
    """All at once, and each of them trains."""
    return Holding(sources, sources)


def every_model_one_tuned(options: Any, sources: int) -> Holding:
    """All at once, and the best trains."""
    return Holding(sources, 1)


def every_model_ranked(options: Any, sources: int) -> Holding:
    """All at once, and what the selectors' option `then` does with the best."""
    return Holding(sources, int(options.then == "fine-tune"))


def every_model_fused(options: Any, sources: int) -> Holding:
    """All, fused as HaT does."""
    return Holding(sources, sources if options.unfrozen_blocks else 0)


def drawn(options: Any, sources: int) -> Holding:
    """`top` of them, fused as HaT does."""
    return every_model_fused(options, min(options.top, sources))


def selected(options: Any, sources: int) -> Holding:
    """`top` of them; where fine selection looks into models, those of all that may be shortlisted."""
    top = min(options.top, sources)
    trained = top if getattr(options, "unfrozen_blocks", 0) else 0
    if options.fine_space == "reference":
        return Holding(top, trained)
    shortlisted = ceil(options.eta * sources) if options.eta_means == "fraction" else sources
    return Holding(max(top, shortlisted), trained)
