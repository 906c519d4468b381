"""The work of the peers, from descriptions of models alone."""

from __future__ import annotations

from collections.abc import Sequence

from hat_sim.learning.architectures import Description
from hat_sim.learning.budget import student_flop
from hat_sim.methods.base import Task
from hat_sim.methods.peers.options import FineTuneOptions, StackingOptions

Sources = Sequence[Description]


def alone_flop(task: Task) -> int:
    """Training a student without a teacher."""
    return student_flop(task.description, len(task.labelled_y), len(task.samples), task.recipe, distils=False)


def distillation_flop(task: Task) -> int:
    """Training a student with a teacher."""
    return student_flop(task.description, len(task.labelled_y), len(task.samples), task.recipe, distils=True)


def forward_flop(sources: Sources) -> int:
    """Asking all sources about one sample."""
    return sum(source.forward_flop for source in sources)


def taught_flop(task: Task, sources: Sources) -> int:
    """Asking all sources about the pool, and training a student."""
    return len(task.samples) * forward_flop(sources) + distillation_flop(task)


def trial_flop(task: Task, sources: Sources) -> int:
    """Asking all sources about the labelled samples."""
    return len(task.labelled_y) * forward_flop(sources)


def scoring_flop(task: Task, sources: Sources) -> int:
    """The same, and comparing the samples with each other in each source's features."""
    compared = 4 * len(task.labelled_y) ** 2 * sum(source.width for source in sources)
    return trial_flop(task, sources) + compared


def tuning_flop(task: Task, options: FineTuneOptions, source: Description) -> int:
    """Fine-tuning one source on the labelled samples."""
    return options.steps * len(task.labelled_y) * source.training_flop


def stacking_flop(task: Task, options: StackingOptions, sources: Sources) -> int:
    """Asking all sources about the pool, and fitting a probe on what they say of the labelled samples."""
    heads = [source.head for source in sources]
    width = sum(it.inputs if options.inputs == "features" else it.outputs for it in heads)
    fitting = options.steps * len(task.labelled_y) * 3 * 2 * width * len(task.classes)
    return len(task.samples) * forward_flop(sources) + fitting


def adapter_flop(task: Task, sources: Sources) -> int:
    """AMTML-KD: each epoch a look at the pool by the student, and steps of the weights."""
    steps, pool = task.recipe.steps_per_epoch, len(task.samples)
    weighing = 2 * task.description.width * len(sources)
    return task.recipe.epochs * pool * (task.description.forward_flop + (3 * steps + 1) * weighing)


def adaptation_flop(task: Task, sources: Sources) -> int:
    """DECISION: steps of all encoders on batches, and a look at the pool before each epoch."""
    recipe, pool = task.recipe, len(task.samples)
    training = sum(source.training_flop for source in sources)
    each_epoch = recipe.steps_per_epoch * min(pool, recipe.pool_batch) * training
    return recipe.epochs * (each_epoch + pool * forward_flop(sources))
