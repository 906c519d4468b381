"""Domains that are made up, with a dialled shift between them."""

from __future__ import annotations

from hat_sim.data.generated.dataset import GeneratedDataset, GeneratedSpec

__all__ = ["GeneratedDataset", "GeneratedSpec"]
