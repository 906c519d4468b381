"""Everything that can be checked before Ray starts, and the plan that a sound scenario leads to."""

from hat_sim.preflight.catalogue import catalogue_problems, load_checked, vary_checked
from hat_sim.preflight.facts import Facts, facts_of, known_facts
from hat_sim.preflight.fitting import Fitting
from hat_sim.preflight.plan import Plan, Preparation, prepare
from hat_sim.preflight.recipes import source_recipe, student_recipe

__all__ = [
    "Facts",
    "Fitting",
    "Plan",
    "Preparation",
    "catalogue_problems",
    "facts_of",
    "known_facts",
    "load_checked",
    "prepare",
    "source_recipe",
    "student_recipe",
    "vary_checked",
]
