"""The work of the teacher of HaT-plus, from descriptions of models alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hat_sim.learning.architectures import Description
from hat_sim.learning.budget import student_flop
from hat_sim.learning.work import probe_flop, propagation_flop, reference_flop
from hat_sim.methods.base import Task
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.protocol.work import Work

MOST_FOLDS = 5


def folds(labels: NDArray[np.int64]) -> int:
    """As many folds as the most frequent class has labels, within reason; none for single labels."""
    most = int(np.bincount(labels).max())
    return min(most, MOST_FOLDS) if most > 1 else 0


def teacher_flop(task: Task, sources: Sequence[Description], options: SpreadOptions) -> Work:
    """Encoding once; experts on all labels and for each fold; what they agree on, spread over neighbours."""
    pool, labelled, classes = len(task.samples), len(task.labelled_y), len(task.classes)
    widths = sum(source.width for source in sources)
    own = options.own_width
    each = Work(probe_flop(labelled, own, classes) + 2 * pool * own * classes)
    if sources and isinstance(options, HatPlusOptions):
        heads = sum((it.passes(2 * it.head.forward_flop) for it in sources), Work(0))
        each += options.head_steps * labelled * 3 * heads + pool * heads
        each += probe_flop(labelled, widths, classes) + 2 * pool * widths * classes
    encoding = pool * sum((source.encoding() for source in sources), Work(0))
    fits = 1 + folds(task.labelled_y)
    spreading = propagation_flop(pool, own + widths, classes, options.neighbours, options.rounds)
    return encoding + reference_flop(pool, task.description.shape, own) + fits * each + spreading


def taught_flop(task: Task, sources: Sequence[Description], options: SpreadOptions) -> Work:
    """The teacher, and the student that it teaches."""
    student = student_flop(
        task.description, len(task.labelled_y), len(task.samples), task.recipe, distils=True
    )
    return teacher_flop(task, sources, options) + task.description.passes(student)
