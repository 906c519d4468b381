"""Models, their training, and what both cost in work and memory."""
