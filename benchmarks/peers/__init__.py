"""Other simulators on work of the same kind, each in a virtual environment of its own."""
