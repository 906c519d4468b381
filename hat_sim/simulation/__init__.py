"""The simulated world: its clock, its conductor, and the record of what happened."""
