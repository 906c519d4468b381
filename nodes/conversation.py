"""One `Ask` of a target from its first attempt to its replies: whom to ask again, and for which chunks.

Asked again are those that did not answer in time and those whose frame, or whose request, arrived broken.
What has arrived of a model stays, so a transfer goes on where it broke. All other failures are answers: a
source would answer the same again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import ceil

from hat_sim.protocol.codec import decode, encode
from hat_sim.protocol.effects import Ask, Replies
from hat_sim.protocol.errors import Fault, ProtocolError
from hat_sim.protocol.messages import (
    Chunk,
    ChunkRequest,
    EncoderRequest,
    ErrorReply,
    Message,
    ModelRequest,
)
from hat_sim.protocol.steps import AskStep, Parcel, Received
from hat_sim.scenario.faults import ProtocolOptions

_BROKEN = frozenset({Fault.CHECKSUM, Fault.MALFORMED})
_MOST_CHUNKS = 100_000


@dataclass
class _Source:
    """What one source has said; `tries` are those since something new came of it."""

    request: Message
    chunks: dict[int, bytes] = field(default_factory=dict)
    count: int = 0
    tries: int = 0
    is_heard: bool = False


class Conversation:
    """An `Ask` under way. Without `options` there is one attempt, and whole frames alone.

    `frames` holds the frame of each source that has answered, `refused` why those of the latest attempt were
    refused that were.
    """

    def __init__(self, ask: Ask, options: ProtocolOptions | None) -> None:
        self._ask = ask
        self._options = options
        self._sources = {name: _Source(request) for name, request in ask.requests.items()}
        self._decode = cache(decode)
        self._messages: dict[str, Message] = {}
        self._failures: dict[str, ProtocolError] = {}
        self._attempt = 1
        self.frames: dict[str, bytes] = {}
        self.refused: dict[str, Fault] = {}

    def first(self) -> AskStep:
        """The requests of the first attempt; those of one message are one frame."""
        return self._step(tuple(self._sources), 0)

    def heard(self, arrived: Mapping[str, Received]) -> AskStep | None:
        """The next attempt, given what has arrived on this one; None where the conversation has ended."""
        self.refused = {}
        for name, source in self._sources.items():
            if source.is_heard:
                continue
            source.tries += 1
            if name in arrived:
                self._hear(name, source, arrived[name])
            elif name not in self._failures:
                self._failures[name] = ProtocolError(Fault.NO_ANSWER, "no answer came in time")
        options = self._options
        if options is None:
            return None
        missing = [
            name for name, it in self._sources.items() if not it.is_heard and it.tries <= options.retries
        ]
        if not missing or self._enough() == 0:
            return None
        self._attempt += 1
        fewest = min(self._sources[name].tries for name in missing)
        return self._step(missing, options.backoff * 2 ** max(0, fewest - 1))

    def replies(self) -> tuple[Replies, str | None]:
        """What the protocol is told, in the order of its requests, and what the user should know of it.

        Where too few have answered nobody has: the protocol goes on as without sources.
        """
        messages = {name: self._messages[name] for name in self._sources if name in self._messages}
        failures = {name: self._failures[name] for name in self._sources if name not in messages}
        asked = len(self._sources)
        least = 0 if self._options is None else min(self._options.least, asked)
        if len(messages) >= least:
            return Replies(messages, failures), None
        phase, few = self._ask.phase, ProtocolError(Fault.NO_ANSWER, "too few others answered")
        remark = f"{len(messages)} of {asked} asked in phase {phase} answered, protocol.least is {least}"
        none = Replies({}, dict.fromkeys(messages, few) | failures)
        return none, remark if asked > 1 else None

    def _hear(self, name: str, source: _Source, received: Received) -> None:
        for frame in received if isinstance(received, tuple) else (received,):
            self._read(name, source, frame)
        if source.count and len(source.chunks) == source.count:
            whole = b"".join(source.chunks[index] for index in range(source.count))
            source.count = 0
            self._read(name, source, whole)

    def _read(self, name: str, source: _Source, frame: bytes) -> None:
        try:
            message = self._decode(frame)
        except ProtocolError as error:
            self._failures[name], self.refused[name] = error, error.fault
            source.is_heard = self._options is None or error.fault not in _BROKEN
            if source.is_heard:
                self.frames[name] = frame
            return
        if isinstance(message, Chunk) and self._is_chunked(source.request):
            if message.count <= _MOST_CHUNKS and message.index < message.count:
                source.count = message.count
                source.chunks[message.index] = message.content
                source.tries = 1
            return
        broken = isinstance(message, ErrorReply) and message.fault in _BROKEN
        source.is_heard = self._options is None or not broken
        self.frames[name] = frame
        if isinstance(message, ErrorReply):
            self._failures[name] = ProtocolError(Fault.REFUSED, f"{message.fault}: {message.detail}")
        else:
            self._messages[name] = message

    def _step(self, names: tuple[str, ...] | list[str], wait_ns: int) -> AskStep:
        encoded: dict[tuple[int, tuple[int, ...]], Parcel] = {}
        parcels = {}
        for name in names:
            source = self._sources[name]
            wanted = tuple(index for index in range(source.count) if index not in source.chunks)
            key = (id(source.request), wanted)
            if key not in encoded:
                encoded[key] = self._parcel(source.request, wanted)
            parcels[name] = encoded[key]
        enough = self._enough()
        is_all = enough is None or enough >= len(names)
        return AskStep(
            phase=self._ask.phase,
            parcels=parcels,
            deadline_ns=self._ask.deadline_ns,
            attempt=self._attempt,
            wait_ns=wait_ns,
            enough=None if is_all else enough,
            patience_ns=None if self._options is None else self._options.deadline,
        )

    def _parcel(self, request: Message, wanted: tuple[int, ...]) -> Parcel:
        frame = encode(request)
        if not self._is_chunked(request):
            return Parcel.of(frame)
        assert self._options is not None
        chunked = ChunkRequest(request=frame, size=self._options.chunk, wanted=wanted)
        return Parcel.of(encode(chunked), request.kind)

    def _is_chunked(self, request: Message) -> bool:
        return self._options is not None and isinstance(request, ModelRequest | EncoderRequest)

    def _enough(self) -> int | None:
        """How many more answers are enough; None where all are wanted."""
        if self._options is None or self._options.quorum == 1:
            return None
        heard = sum(source.is_heard for source in self._sources.values())
        return max(0, ceil(round(self._options.quorum * len(self._sources), 9)) - heard)
