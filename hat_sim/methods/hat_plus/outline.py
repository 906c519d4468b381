"""The outlines of HaT-plus and of its control without sources."""

from __future__ import annotations

from hat_sim.learning.architectures import Description
from hat_sim.methods.base import Task
from hat_sim.methods.hat.outline import select
from hat_sim.methods.hat_plus.options import HatPlusOptions, SpreadOptions
from hat_sim.methods.hat_plus.work import taught_flop
from hat_sim.methods.outline import Outline, descriptions, student, work


def hat_plus(task: Task, options: HatPlusOptions) -> Outline:
    models = yield from select(task, options, lambda *sources: taught_flop(task, sources, options))
    return (yield from _taught(task, options, descriptions(it for it in models.values() if it.shares(task))))


def self_taught(task: Task, options: SpreadOptions) -> Outline:
    return (yield from _taught(task, options, ()))


def _taught(task: Task, options: SpreadOptions, sources: tuple[Description, ...]) -> Outline:
    yield work("train", "experts and distillation", taught_flop(task, sources, options))
    return student(task)
