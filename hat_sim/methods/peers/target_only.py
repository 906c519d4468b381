"""Target-only: the student on its own few labels, without any source. The floor that others must beat."""

from __future__ import annotations

from hat_sim.learning.budget import student_flop
from hat_sim.learning.student import Student
from hat_sim.methods.base import CurveRow, Fitted, Task
from hat_sim.methods.peers.options import NoOptions
from hat_sim.protocol.effects import Compute, Progress, Protocol
from hat_sim.seeding import derive_seed


def target_only(task: Task, options: NoOptions) -> Protocol[Fitted]:
    """Cross-entropy on the labels; no message leaves the target."""
    return (yield from train_alone(task))


def train_alone(task: Task) -> Protocol[Fitted]:
    """The student trained without a teacher, as a part that other protocols fall back on."""
    pool = task.pool
    flop = student_flop(task.description, len(pool.labels), len(pool.x), task.recipe, distils=False)
    fitted: Fitted = yield Compute("train", "training alone", flop, lambda progress: _train(task, progress))
    return fitted


def _train(task: Task, progress: Progress) -> Fitted:
    student = Student(task.description, task.pool, task.recipe, derive_seed(task.seed, "target only"))
    curve = []
    for epoch in range(task.recipe.epochs):
        for _ in range(task.recipe.steps_per_epoch):
            loss = student.step(None, 0.0)
        curve.append(CurveRow(epoch, loss, student.labelled_accuracy()))
        progress(f"epoch {epoch + 1}/{task.recipe.epochs}")
    return Fitted(student.model.eval(), curve=tuple(curve))
