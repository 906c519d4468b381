"""Target-only: the student on its own few labels, without any source. The floor that others must beat."""

from __future__ import annotations

from dataclasses import replace

from hat_sim.methods.base import Fitted, Task
from hat_sim.methods.peers.options import NoOptions
from hat_sim.methods.peers.work import alone_flop
from hat_sim.methods.training import train_student
from hat_sim.protocol.effects import Compute, Protocol


def target_only(task: Task, options: NoOptions) -> Protocol[Fitted]:
    """Cross-entropy on the labels; no message leaves the target."""
    return (yield from train_alone(task))


def train_alone(task: Task) -> Protocol[Fitted]:
    """The student trained without a teacher."""
    fitted: Fitted = yield Compute(
        "train",
        "training alone",
        alone_flop(task),
        lambda progress: train_student(task, "target only", progress),
    )
    return fitted


def fall_back(task: Task, why: str = "no source could be used") -> Protocol[Fitted]:
    """What is left to a protocol that finds no source: the student alone, and a note that says why."""
    fitted = yield from train_alone(task)
    return replace(fitted, notes=(f"{why}: the target learned alone",))
