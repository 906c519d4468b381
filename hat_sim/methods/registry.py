"""The methods by name. Options are known without torch; a protocol is imported when it is run."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from hat_sim.methods.hat.options import FusionOptions, HatOptions, RandomOptions
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.methods.holding import (
    Holds,
    drawn,
    every_model,
    every_model_fused,
    every_model_one_tuned,
    every_model_ranked,
    every_model_tuned,
    no_model,
    selected,
)
from hat_sim.methods.peers.options import (
    AdapterOptions,
    DecisionOptions,
    DistillationOptions,
    FineTuneOptions,
    NoOptions,
    SelectorOptions,
    SimilarityOptions,
    StackingOptions,
    VoteOptions,
)


@dataclass(frozen=True)
class Method:
    """A method: the model of its options, and where its protocol is, as `module:function`.

    The function takes a `hat_sim.methods.base.Task` and the options, and is a generator of
    `hat_sim.protocol.effects` that returns a `hat_sim.methods.base.Fitted`. One's own method is such an
    object, named in a scenario by `package.module:object`. `outline` is where its outline is
    (`hat_sim.methods.outline`), in a module that imports no torch; without one there is no plan of it.
    `holds` says for how many of the sources' models the target needs memory; by default for all.
    """

    options: type[BaseModel]
    protocol: str
    outline: str | None = None
    holds: Holds = every_model

    def load(self) -> Callable[[Any, Any], Any]:
        """The protocol's function."""
        return _function(self.protocol)

    def load_outline(self) -> Callable[[Any, Any], Any] | None:
        """The outline's function, None where the method has no outline."""
        return None if self.outline is None else _function(self.outline)


def _function(place: str) -> Callable[[Any, Any], Any]:
    module, _, name = place.partition(":")
    function: Callable[[Any, Any], Any] = getattr(importlib.import_module(module), name)
    return function


_HAT = "hat_sim.methods.hat"
_HAT_PLUS = "hat_sim.methods.hat_plus"
_PEERS = "hat_sim.methods.peers"

METHODS: Mapping[str, Method] = {
    "hat": Method(HatOptions, f"{_HAT}.protocol:hat", f"{_HAT}.outline:hat", selected),
    "hat-plus": Method(
        HatPlusOptions, f"{_HAT_PLUS}.protocol:hat_plus", f"{_HAT_PLUS}.outline:hat_plus", selected
    ),
    "self-taught": Method(
        SpreadOptions, f"{_HAT_PLUS}.protocol:self_taught", f"{_HAT_PLUS}.outline:self_taught", no_model
    ),
    "target-only": Method(
        NoOptions, f"{_PEERS}.target_only:target_only", f"{_PEERS}.outlines:target_only", no_model
    ),
    "fine-tune": Method(
        FineTuneOptions,
        f"{_PEERS}.fine_tune:fine_tune",
        f"{_PEERS}.outlines:fine_tune",
        every_model_one_tuned,
    ),
    "ensemble": Method(NoOptions, f"{_PEERS}.ensemble:ensemble", f"{_PEERS}.outlines:ensemble"),
    "stacking": Method(StackingOptions, f"{_PEERS}.ensemble:stacking", f"{_PEERS}.outlines:stacking"),
    "aver": Method(DistillationOptions, f"{_PEERS}.aver:aver", f"{_PEERS}.outlines:distil_all"),
    "ebkd": Method(DistillationOptions, f"{_PEERS}.ebkd:ebkd", f"{_PEERS}.outlines:distil_all"),
    "ca-mkd": Method(DistillationOptions, f"{_PEERS}.ca_mkd:ca_mkd", f"{_PEERS}.outlines:distil_all"),
    "amtml-kd": Method(AdapterOptions, f"{_PEERS}.amtml_kd:amtml_kd", f"{_PEERS}.outlines:amtml_kd"),
    "distill-nearest": Method(
        DistillationOptions, f"{_PEERS}.distill_similar:distill_nearest", f"{_PEERS}.outlines:distill_nearest"
    ),
    "distill-weighted": Method(
        SimilarityOptions, f"{_PEERS}.distill_similar:distill_weighted", f"{_PEERS}.outlines:distill_weighted"
    ),
    "decision": Method(
        DecisionOptions, f"{_PEERS}.decision:decision", f"{_PEERS}.outlines:decision", every_model_tuned
    ),
    "kd3a": Method(VoteOptions, f"{_PEERS}.kd3a:kd3a", f"{_PEERS}.outlines:distil_all"),
    "fedmd": Method(DistillationOptions, f"{_PEERS}.fedmd:fedmd", f"{_PEERS}.outlines:fedmd", no_model),
    "logme": Method(
        SelectorOptions, f"{_PEERS}.selectors:logme", f"{_PEERS}.outlines:select", every_model_ranked
    ),
    "leep": Method(
        SelectorOptions, f"{_PEERS}.selectors:leep", f"{_PEERS}.outlines:select", every_model_ranked
    ),
    "parc": Method(
        SelectorOptions, f"{_PEERS}.selectors:parc", f"{_PEERS}.outlines:select", every_model_ranked
    ),
    "knn": Method(
        SelectorOptions, f"{_PEERS}.selectors:knn", f"{_PEERS}.outlines:select", every_model_ranked
    ),
    "random": Method(
        RandomOptions, f"{_HAT}.controls:random_sources", f"{_HAT}.outline:random_sources", drawn
    ),
    "all-sources": Method(
        FusionOptions, f"{_HAT}.controls:all_sources", f"{_HAT}.outline:all_sources", every_model_fused
    ),
}


def find_method(name: str, home: Path | None = None) -> Method:
    """A built-in method or, for `package.module:object`, the user's own.

    `home`, by default the working directory, counts as a place to import from. LookupError says what is wrong
    with the name.
    """
    if name in METHODS:
        return METHODS[name]
    module, colon, attribute = name.partition(":")
    if not colon:
        raise LookupError(f'unknown method "{name}"')
    place = str(home if home is not None else Path.cwd())
    if place not in sys.path:
        sys.path.append(place)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # the user's module may raise anything
        what = f"{type(error).__name__}: {error}"
        raise LookupError(f'method "{name}" cannot be imported: {what}') from None
    if not isinstance(found, Method):
        raise LookupError(f'"{name}" is a {type(found).__name__}, not a hat_sim.methods.registry.Method')
    return found
