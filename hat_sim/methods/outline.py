"""What an outline of a method is: the same messages and the same work as its protocol's, without torch.

An outline stands beside a method's protocol, takes the same task and options, and yields the same `Ask` and
`Compute` in the same order, for answers that have the right kinds, names and shapes and numbers that mean
nothing. Where the protocol chooses by such numbers, it yields a `Choice`, and is sent any of the possible
ones. It returns all that the model may be which the method leaves, nothing for one that is no classifier of
the catalogue.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hat_sim.learning.architectures import Description, describe
from hat_sim.methods.base import Left, Task
from hat_sim.protocol.effects import Ask, Compute, Phase, Replies
from hat_sim.protocol.messages import EncoderTransfer, Message, ModelTransfer, Welcome
from hat_sim.protocol.work import Work
from hat_sim.sensors import shape_taken


@dataclass(frozen=True)
class Choice:
    """`count` of the sources in `work`, or all where they are fewer; which ones only trained models tell.

    `work` holds what each of them adds to the target's work afterwards. Those
    chosen are asked `request` next, in the phase `transfer`, where there is one.
    """

    work: Mapping[str, Work]
    count: int
    request: Message | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all are chosen."""
        return len(self.work) <= self.count


Outline = Generator[Ask | Compute | Choice, Any, tuple[Left, ...]]


@dataclass(frozen=True)
class Known:
    """What is known of a source before its model is here; `sensors` are those that this reads."""

    description: Description
    classes: tuple[str, ...]
    sensors: tuple[str, ...] | None

    def shares(self, task: Task) -> bool:
        """Whether it knows any labelled class."""
        return not set(self.classes).isdisjoint(task.own_class_names)

    def knows_all(self, task: Task) -> bool:
        """Whether it knows every labelled class."""
        return set(self.classes) >= set(task.own_class_names)


def known(task: Task, told: Welcome | EncoderTransfer | ModelTransfer) -> Known:
    """The source that has told this of itself."""
    shape = shape_taken(task.description.shape, task.places(told.sensors))
    return Known(describe(told.architecture, shape, len(told.classes)), told.classes, told.sensors)


def received(task: Task, replies: Replies) -> dict[str, Known]:
    """The sources whose models, or heads, are in these replies."""
    return {name: known(task, it) for name, it in replies.of(ModelTransfer).items()}


def student(task: Task) -> tuple[Left]:
    """What a method leaves that trains the student."""
    return (Left(task.description.name, task.sensor_names),)


def descriptions(sources: Iterable[Known]) -> tuple[Description, ...]:
    return tuple(source.description for source in sources)


def added(with_it: Work, without: Work) -> Work:
    """What something adds to work."""
    models = {model: flop - without.models.get(model, 0) for model, flop in with_it.models.items()}
    return Work(with_it.flop - without.flop, {model: flop for model, flop in models.items() if flop})


def work(phase: Phase, label: str, flop: int) -> Compute:
    """Work whose outcome does not matter."""
    return Compute(phase, label, flop, lambda _: None)
