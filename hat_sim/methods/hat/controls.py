"""Controls: HaT's fusion of sources that nobody selected, a random few or all of them."""

from __future__ import annotations

from hat_sim.methods.asks import join
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.exchange import fetch_models
from hat_sim.methods.hat.options import FusionOptions, RandomOptions
from hat_sim.methods.hat.protocol import train_jointly
from hat_sim.protocol.effects import Protocol
from hat_sim.seeding import generator


def random_sources(task: Task, options: RandomOptions) -> Protocol[Fitted]:
    """N_p sources drawn from those that joined; neither summaries nor centroids are asked for."""
    joined = yield from join(task)
    order = generator(task.seed, "random sources").permutation(len(joined))
    models = yield from fetch_models(task, [joined[place] for place in order[: options.top]])
    return (yield from train_jointly(task, options, models))


def all_sources(task: Task, options: FusionOptions) -> Protocol[Fitted]:
    """Every source that joined."""
    models = yield from fetch_models(task, (yield from join(task)))
    return (yield from train_jointly(task, options, models))
