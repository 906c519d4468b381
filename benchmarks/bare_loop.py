"""The trainings of `scenarios/hapt.yaml` as somebody would write them without a simulator.

    python -m benchmarks.bare_loop SOURCE...

Two processes of one torch thread each train every source model of the scenario, the longest first; then one
of them trains mixer and student on the models of the named sources, while the other trains the student
alone. No Ray, no messages, no selection, no cache. Prints both test accuracies, in full precision.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

from pydantic import BaseModel

from benchmarks.machine import ROOT
from hat_sim.data.domain import Dataset
from hat_sim.methods.hat.options import HatOptions
from hat_sim.preflight import load_checked, prepare
from hat_sim.protocol.effects import Compute
from nodes.assignments import Joining, Lesson, Trained
from nodes.casting import joining_of, key_of, lessons_of

SCENARIO = ROOT / "scenarios" / "hapt.yaml"
PROCESSES = 2


@dataclass(frozen=True)
class Fusion:
    """What the target trains on: its joining, and the models of the chosen sources."""

    dataset: Dataset
    joining: Joining
    options: BaseModel
    sources: tuple[tuple[str, Lesson, Trained], ...]


def main(selected: Sequence[str]) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    plan = prepare(load_checked(SCENARIO))
    (fleet,) = plan.fleets
    lessons = lessons_of(plan)
    longest_first = sorted(lessons.values(), key=lambda it: -it.description.training_flop)
    with get_context("spawn").Pool(PROCESSES, initializer=_one_thread) as pool:
        work = ((plan.dataset, lesson) for lesson in longest_first)
        trained = dict(pool.imap_unordered(_train, work))
        lesson_of = {device.name: lessons[key_of(device)] for device in fleet.sources}
        chosen = tuple((name, lesson_of[name], trained[lesson_of[name]]) for name in selected)
        fusion = Fusion(plan.dataset, joining_of(plan, fleet), plan.options, chosen)
        jointly, alone = pool.apply_async(_jointly, [fusion]), pool.apply_async(_alone, [fusion])
        print(f"accuracy {jointly.get()!r} target-only {alone.get()!r}")


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _train(work: tuple[Dataset, Lesson]) -> tuple[Lesson, Trained]:
    from nodes.host import train

    dataset, lesson = work
    return lesson, train(lesson, dataset.load(lesson.domain))


def _jointly(fusion: Fusion) -> float:
    """Test accuracy of the student that HaT trains on these models."""
    from hat_sim.learning.models import load_weights
    from hat_sim.learning.source_model import SourceModel, empty_model
    from hat_sim.learning.training import accuracy_of
    from hat_sim.methods.hat.protocol import train_jointly
    from nodes.joining import task_and_examination

    task, examination = task_and_examination(fusion.joining, fusion.dataset.load(fusion.joining.domain))
    models = []
    for name, lesson, trained in fusion.sources:
        model = empty_model(lesson.description)
        load_weights(model, trained.weights)
        models.append(SourceModel(name, model.eval(), tuple(range(len(lesson.classes))), trained.accuracy))
    assert isinstance(fusion.options, HatOptions)
    fitted = _computed(train_jointly(task, fusion.options, tuple(models)))
    return accuracy_of(fitted.model, examination.x, examination.y)


def _alone(fusion: Fusion) -> float:
    """Test accuracy of the student trained on its labels alone."""
    from hat_sim.learning.training import accuracy_of
    from hat_sim.methods.peers.target_only import train_alone
    from nodes.joining import task_and_examination

    task, examination = task_and_examination(fusion.joining, fusion.dataset.load(fusion.joining.domain))
    return accuracy_of(_computed(train_alone(task)).model, examination.x, examination.y)


def _computed(protocol: Any) -> Any:
    """What the one computation of a protocol leaves."""
    effect = next(protocol)
    assert isinstance(effect, Compute)
    return effect.run(lambda doing: None)


if __name__ == "__main__":
    main(sys.argv[1:])
