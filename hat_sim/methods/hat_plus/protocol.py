"""HaT-plus, and its control without sources: read it beside `hat`, with which it shares the selection.

HaT trains mixer and student side by side on the few labels, which the mixer soon knows by heart. Here the
fusion has few parameters to learn, leans on what the target's unlabelled samples look like, and is judged by
labels kept from it; then the student is trained once, on a teacher that stays.
"""

from __future__ import annotations

from dataclasses import replace

from hat_sim.learning.source_model import descriptions
from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.hat.injection import injection_weight
from hat_sim.methods.hat.protocol import select
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.methods.hat_plus.teacher import Teacher
from hat_sim.methods.hat_plus.work import taught_flop
from hat_sim.methods.training import TAUGHT, train_student
from hat_sim.protocol.effects import Compute, Progress, Protocol


def hat_plus(task: Task, options: HatPlusOptions) -> Protocol[Fitted]:
    """Select as HaT does, teach by several experts, distil as far as held-out labels bear them out."""
    selection = yield from select(task, options)
    models = tuple(it for it in selection.models if set(it.classes) & set(task.own_classes))
    fitted = yield from _taught(task, Teacher(task, models, options))
    share = 1 / len(models) if models else 0.0
    return replace(
        fitted,
        shortlisted=selection.shortlist,
        selected=tuple(model.name for model in models),
        scores=selection.scores,
        similarities=selection.similarities,
        weights={model.name: share for model in models},
        replaced=selection.replaced,
        notes=() if models else ("no source could be used: the target learned alone",),
    )


def self_taught(task: Task, options: SpreadOptions) -> Protocol[Fitted]:
    """The control: the same student, taught by the one expert that needs no source. No message is sent."""
    return (yield from _taught(task, Teacher(task, (), options)))


def _taught(task: Task, teacher: Teacher) -> Protocol[Fitted]:
    options = teacher.options
    labelled = len(task.labelled_y)
    flop = taught_flop(task, descriptions(teacher.sources), options)

    def fit(progress: Progress) -> Fitted:
        progress("fitting experts")
        found = teacher.taught()
        sure = 1.0 if found.held_out is None else injection_weight(found.held_out, options.threshold)
        fitted = train_student(task, TAUGHT, progress, found.teacher, options.alpha * sure)
        curve = tuple(
            replace(row, mixer_accuracy=found.held_out, stored=row.epoch == 0) for row in fitted.curve
        )
        taken = found.teacher[labelled:].argmax(dim=1).numpy()
        return replace(fitted, curve=curve, fused=(taken,) * len(curve))

    fitted: Fitted = yield Compute("train", "experts and distillation", flop, fit)
    return fitted
