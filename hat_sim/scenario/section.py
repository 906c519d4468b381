"""The base of every section of a scenario: frozen, and closed to keys that it does not know."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of a scenario file as a frozen record; an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
