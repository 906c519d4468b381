"""What an outline of a method is: the same messages and the same work as its protocol's, without torch.

An outline stands beside a method's protocol, takes the same task and options, and yields the same `Ask` and
`Compute` in the same order, for answers that have the right kinds, names and shapes and numbers that mean
nothing. Where the protocol chooses by such numbers, it yields a `Choice`, and is sent any of the possible
ones. It returns the architectures of which the model may be that the method leaves, none for a model that is
no classifier of the catalogue.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hat_sim.learning.architectures import Description, describe
from hat_sim.methods.base import Task
from hat_sim.protocol.effects import Ask, Compute, Phase, Replies
from hat_sim.protocol.messages import Message, ModelTransfer


@dataclass(frozen=True)
class Choice:
    """`count` of the sources in `work`, or all where they are fewer; which ones only trained models tell.

    `work` holds what each of them adds to the target's work afterwards, in floating-point operations. Those
    chosen are asked `request` next, in the phase `transfer`, where there is one.
    """

    work: Mapping[str, int]
    count: int
    request: Message | None = None

    @property
    def is_settled(self) -> bool:
        """Whether all are chosen."""
        return len(self.work) <= self.count


Outline = Generator[Ask | Compute | Choice, Any, tuple[str, ...]]


@dataclass(frozen=True)
class Known:
    """What is known of a source before its model is here."""

    description: Description
    classes: tuple[str, ...]

    def shares(self, task: Task) -> bool:
        """Whether it knows any labelled class."""
        return not set(self.classes).isdisjoint(task.own_class_names)

    def knows_all(self, task: Task) -> bool:
        """Whether it knows every labelled class."""
        return set(self.classes) >= set(task.own_class_names)


def known(task: Task, architecture: str, classes: tuple[str, ...]) -> Known:
    """A source of this architecture that knows these classes."""
    return Known(describe(architecture, task.description.shape, len(classes)), classes)


def received(task: Task, replies: Replies) -> dict[str, Known]:
    """The sources whose models, or heads, are in these replies."""
    models = replies.of(ModelTransfer)
    return {name: known(task, it.architecture, it.classes) for name, it in models.items()}


def descriptions(sources: Iterable[Known]) -> tuple[Description, ...]:
    return tuple(source.description for source in sources)


def work(phase: Phase, label: str, flop: int) -> Compute:
    """Work whose outcome does not matter."""
    return Compute(phase, label, flop, lambda _: None)
