"""HaT (arXiv 2412.04060), a file for each part of the method."""
