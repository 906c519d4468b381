"""The work of the peers, from descriptions of models alone."""

from __future__ import annotations

from collections.abc import Sequence

from hat_sim.learning.architectures import Description
from hat_sim.learning.budget import student_flop
from hat_sim.methods.base import Task
from hat_sim.methods.peers.options import FineTuneOptions, StackingOptions
from hat_sim.protocol.work import Work

Sources = Sequence[Description]


def alone_flop(task: Task) -> Work:
    """Training a student without a teacher."""
    return _student_flop(task, distils=False)


def distillation_flop(task: Task) -> Work:
    """Training a student with a teacher."""
    return _student_flop(task, distils=True)


def forward_flop(sources: Sources) -> Work:
    """Asking all sources about one sample."""
    return sum((source.forward for source in sources), Work(0))


def taught_flop(task: Task, sources: Sources) -> Work:
    """Asking all sources about the pool, and training a student."""
    return len(task.samples) * forward_flop(sources) + distillation_flop(task)


def trial_flop(task: Task, sources: Sources) -> Work:
    """Asking all sources about the labelled samples."""
    return len(task.labelled_y) * forward_flop(sources)


def scoring_flop(task: Task, sources: Sources) -> Work:
    """The same, and comparing the samples with each other in each source's features."""
    compared = 4 * len(task.labelled_y) ** 2 * sum(source.width for source in sources)
    return trial_flop(task, sources) + compared


def tuning_flop(task: Task, options: FineTuneOptions, source: Description) -> Work:
    """Fine-tuning one source on the labelled samples."""
    return options.steps * len(task.labelled_y) * source.training


def stacking_flop(task: Task, options: StackingOptions, sources: Sources) -> Work:
    """Asking all sources about the pool, and fitting a probe on what they say of the labelled samples."""
    heads = [source.head for source in sources]
    width = sum(it.inputs if options.inputs == "features" else it.outputs for it in heads)
    fitting = options.steps * len(task.labelled_y) * 3 * 2 * width * len(task.classes)
    return len(task.samples) * forward_flop(sources) + fitting


def adapter_flop(task: Task, sources: Sources) -> Work:
    """AMTML-KD: each epoch a look at the pool by the student, and steps of the weights."""
    steps, pool = task.recipe.steps_per_epoch, len(task.samples)
    weighing = 2 * task.description.width * len(sources)
    return task.recipe.epochs * pool * (task.description.forward + (3 * steps + 1) * weighing)


def adaptation_flop(task: Task, sources: Sources) -> Work:
    """DECISION: steps of all encoders on batches, and a look at the pool before each epoch."""
    recipe, pool = task.recipe, len(task.samples)
    training = sum((source.training for source in sources), Work(0))
    each_epoch = recipe.steps_per_epoch * min(pool, recipe.pool_batch) * training
    return recipe.epochs * (each_epoch + pool * forward_flop(sources))


def _student_flop(task: Task, distils: bool) -> Work:
    labelled, pool = len(task.labelled_y), len(task.samples)
    return task.description.passes(student_flop(task.description, labelled, pool, task.recipe, distils))
