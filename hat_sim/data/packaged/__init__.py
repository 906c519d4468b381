"""The real datasets that ship inside of public packages."""
