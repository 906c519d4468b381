"""Controls: HaT's fusion of sources that nobody selected, a random few or all of them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from hat_sim.methods.asks import join
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import fetch_chosen, fetch_models
from hat_sim.methods.hat.options import FusionOptions, RandomOptions
from hat_sim.methods.hat.protocol import train_jointly
from hat_sim.protocol.effects import Protocol
from hat_sim.seeding import generator


def random_sources(task: Task, options: RandomOptions) -> Protocol[Fitted]:
    """N_p sources drawn from those that joined; neither summaries nor centroids are asked for."""
    joined = yield from join(task)
    places = generator(task.seed, "random sources").permutation(len(joined))
    order = [joined[place] for place in places]

    def choose(here: tuple[str, ...], gone: frozenset[str]) -> list[str]:
        return [name for name in order if name not in gone.union(here)][: options.top - len(here)]

    fetched = yield from fetch_chosen(choose, partial(fetch_models, task))
    fitted = yield from train_jointly(task, options, fetched.models)
    return replace(fitted, replaced=fetched.replaced)


def all_sources(task: Task, options: FusionOptions) -> Protocol[Fitted]:
    """Every source that joined."""
    models = yield from fetch_models(task, (yield from join(task)))
    return (yield from train_jointly(task, options, models))
