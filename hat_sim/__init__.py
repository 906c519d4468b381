"""Simulate how a new edge device learns from a fleet of heterogeneous ones (HaT, arXiv 2412.04060)."""

__version__ = "0.1.0"
