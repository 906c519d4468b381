"""What can be wrong with a frame: an event of the simulated world, recorded and never fatal."""

from __future__ import annotations

from enum import StrEnum

from hat_sim.errors import HatSimError


class Fault(StrEnum):
    """Why a frame was refused."""

    MALFORMED = "malformed"
    VERSION = "version"
    CHECKSUM = "checksum"
    OVERSIZED = "oversized"
    UNKNOWN_KIND = "unknown_kind"
    FIELD = "field"
    TENSOR = "tensor"
    NON_FINITE = "non_finite"
    SHAPE = "shape"
    UNEXPECTED = "unexpected"
    NOT_ELIGIBLE = "not_eligible"
    REFUSED = "refused"
    NO_ANSWER = "no_answer"


class ProtocolError(HatSimError):
    """A frame that its receiver refuses; `fault` is the typed reason."""

    def __init__(self, fault: Fault, detail: str) -> None:
        self.fault = fault
        self.detail = detail
        super().__init__(f"{fault}: {detail}")

    def __reduce__(self) -> tuple[type[ProtocolError], tuple[Fault, str]]:
        return type(self), (self.fault, self.detail)
