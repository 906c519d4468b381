"""The target: the device that joins. It runs a method's protocol, one effect at a time.

`start` and `advance` give the next step: frames to send, work to declare, or the end. The work itself is
done in the `advance` that follows its declaration, so that the world may go on meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hat_sim.errors import InternalError
from hat_sim.methods.base import Fitted
from hat_sim.protocol.effects import Ask, Compute, Progress, Protocol, Replies
from hat_sim.protocol.steps import AskStep, ComputeStep, Done, Received, Step
from hat_sim.protocol.work import Work
from hat_sim.scenario.faults import ProtocolOptions
from nodes.conversation import Conversation
from nodes.replay import History, NoOutcomes, Outcomes, remembered


class Target:
    """The target device under one method.

    `origin` names all that the protocol is a function of besides the frames it is sent, and `outcomes` may
    hold what it has computed before. `options` say what it does about silence; without them it waits.
    """

    def __init__(
        self,
        protocol: Protocol[Fitted],
        origin: str = "",
        outcomes: Outcomes | None = None,
        options: ProtocolOptions | None = None,
    ) -> None:
        self._protocol = protocol
        self._history = History(origin)
        self._outcomes = NoOutcomes() if outcomes is None else outcomes
        self._effect: Ask | Compute | None = None
        self._fitted: Fitted | None = None
        self._options = options
        self._conversation: Conversation | None = None
        self._remarks: dict[str, None] = {}

    @property
    def fitted(self) -> Fitted:
        """What the method left; only after `Done`."""
        if self._fitted is None:
            raise InternalError("the protocol has not ended")
        return self._fitted

    @property
    def history(self) -> History:
        """The digest of all that has led here."""
        return self._history

    def start(self) -> Step:
        """The first step."""
        return Step(self._resume(None))

    def advance(self, frames: Mapping[str, Received], progress: Progress) -> Step:
        """The next step, after `frames` have answered an `AskStep` or the time of a `ComputeStep` is up."""
        match self._effect:
            case Ask():
                return self._listen(frames)
            case Compute() as work:
                return Step(self._resume(self._outcome(work, progress)))
            case None:
                raise InternalError("the protocol does not wait for anything")

    def _listen(self, frames: Mapping[str, Received]) -> Step:
        """Ask again, or go on with the replies; those that turn out not to fit are refused as well."""
        assert self._conversation is not None
        conversation = self._conversation
        again = conversation.heard(frames)
        if again is not None:
            return Step(again, conversation.refused)
        self._history.answered(conversation.frames)
        replies, remark = conversation.replies()
        if remark is not None:
            self._remarks[remark] = None
        following = self._resume(replies)
        failed = replies.failures
        unfit = {name: failed[name].fault for name in replies.messages if name in failed}
        return Step(following, conversation.refused | unfit)

    def _outcome(self, work: Compute, progress: Progress) -> Any:
        """The outcome of a computation, done now if it is not remembered."""
        key = self._history.key(work.label)
        outcome = remembered(self._outcomes, key, lambda: work.run(progress))
        self._history.computed(work.label)
        return outcome

    def _resume(self, value: Any) -> AskStep | ComputeStep | Done:
        """Run the protocol up to its next effect; an `Ask` of nobody is answered at once."""
        while True:
            try:
                self._effect = self._protocol.send(value)
            except StopIteration as end:
                self._effect, self._fitted = None, end.value
                if self._remarks:
                    self._fitted = replace(end.value, notes=(*end.value.notes, *self._remarks))
                return Done()
            match self._effect:
                case Ask(_, requests) as ask if requests:
                    self._conversation = Conversation(ask, self._options)
                    return self._conversation.first()
                case Ask():
                    value = Replies()
                case Compute(phase, label, flop):
                    work = Work.of(flop)
                    if work.flop <= 0:
                        raise InternalError(f"{label!r} declares no work")
                    return ComputeStep(phase, label, work.flop, work.models)
                case other:
                    raise InternalError(f"a protocol yields Ask or Compute, not a {type(other).__name__}")
