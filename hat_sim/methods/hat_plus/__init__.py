"""HaT-plus: HaT's selection with a teacher of several experts, spread over the target's own samples."""
