"""The plan that a sound scenario leads to: its data are at hand, every architecture is chosen, all fits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby

from pydantic import BaseModel

from hat_sim.data.domain import Dataset
from hat_sim.errors import Problem, UserError
from hat_sim.learning.recipes import SourceRecipe, StudentRecipe
from hat_sim.methods.registry import Method, find_method
from hat_sim.network.loss import KNOWN_LOSS
from hat_sim.preflight.catalogue import fleet_problems
from hat_sim.preflight.facts import facts_of, sensors_of, spec_of
from hat_sim.preflight.fitting import Fitting
from hat_sim.preflight.label_spaces import absent_classes, with_classes
from hat_sim.preflight.recipes import source_recipe, student_recipe
from hat_sim.preflight.sensors import with_sensors
from hat_sim.scenario.data import Data
from hat_sim.scenario.fleet import Fleet, build_fleets, target_domains
from hat_sim.scenario.load import ScenarioDocument
from hat_sim.scenario.resolved import scenario_sha256
from hat_sim.scenario.schema import Scenario


@dataclass(frozen=True)
class Plan:
    """A scenario that can be run: its data are at hand, every architecture is chosen, everything fits."""

    scenario: Scenario
    sha256: str
    dataset: Dataset
    fleets: tuple[Fleet, ...]
    method: Method
    options: BaseModel
    notes: tuple[str, ...]

    @property
    def rounds(self) -> tuple[tuple[Fleet, ...], ...]:
        """The fleets by the round of their targets: all together, where the scenario has no rounds."""
        return tuple(tuple(them) for _, them in groupby(self.fleets, lambda fleet: fleet.target.round))

    @property
    def source_recipe(self) -> SourceRecipe:
        return source_recipe(self.scenario)

    @property
    def student_recipe(self) -> StudentRecipe:
        return student_recipe(self.scenario)


def prepare(document: ScenarioDocument) -> Plan:
    """Check a scenario against its data as well, and plan the run; packaged data are fetched if need be.

    Raises UserError with every problem of data, labels and memory, each with its place in the file.
    """
    return Preparation().plan(document)


class Preparation:
    """Plans many scenarios, and looks into data that they share once."""

    def __init__(self) -> None:
        self._dataset = cache(_open)
        self._occurring = cache(self._occurring_in)
        self._label_problems = cache(self._label_problems_of)

    def plan(self, document: ScenarioDocument) -> Plan:
        """As `prepare` does."""
        try:
            return self._plan(document.scenario)
        except UserError as error:
            raise UserError(document.placed(error.problems)) from None

    def _plan(self, scenario: Scenario) -> Plan:
        dataset = self._dataset(scenario.data)
        facts = facts_of(dataset)
        problems = [*fleet_problems(scenario, facts)]
        occurring = partial(self._occurring, scenario.data)
        if not problems:
            problems += absent_classes(scenario, facts.domains, occurring)
        for domain in target_domains(scenario, dataset.domains):
            if domain in dataset.domains:
                asked, classes = scenario.target.labels_per_class, scenario.target.classes
                problems += self._label_problems(scenario.data, domain, asked, classes, scenario.seed)
        if problems:
            raise UserError(problems)
        fitting_of = Fitting(scenario, facts)
        fleets = tuple(
            with_classes(scenario, fitting_of.resolved(fleet), occurring)
            for fleet in with_sensors(build_fleets(scenario, facts.domains), facts.sensors)
        )
        method = find_method(scenario.method.name)
        return Plan(
            scenario=scenario,
            sha256=scenario_sha256(scenario, dataset.digest),
            dataset=dataset,
            fleets=fleets,
            method=method,
            options=method.options.model_validate(dict(scenario.method.options)),
            notes=tuple(_notes(fleets)),
        )

    def _occurring_in(self, data: Data, domain: str) -> tuple[str, ...]:
        """The classes that a domain has samples of."""
        dataset = self._dataset(data)
        labels = set(dataset.load(domain).y.tolist())
        return tuple(name for label, name in enumerate(dataset.classes) if label in labels)

    def _label_problems_of(
        self, data: Data, domain: str, asked: int, classes: tuple[str, ...] | None, seed: int
    ) -> tuple[Problem, ...]:
        """Every class of a target that has fewer samples than labels are asked for."""
        from hat_sim.data.splits import split_target

        dataset = self._dataset(data)
        names = tuple(dataset.classes)
        labels = None if classes is None else [names.index(name) for name in classes if name in names]
        try:
            split_target(dataset.load(domain), asked, seed, labels)
        except UserError as error:
            return error.problems
        return ()


def _open(data: Data) -> Dataset:
    """The dataset that a scenario names; packaged data are at hand afterwards."""
    from hat_sim.data.open import open_folder, open_generated, open_packaged

    if data.folder is not None:
        if not data.folder.is_dir():
            hint = "one <domain>.npz a domain; a relative path starts at the scenario file's folder"
            raise UserError(Problem(f"there is no folder {data.folder}", path="data.folder", hint=hint))
        return open_folder(data.folder)
    if data.generated is not None:
        return open_generated(spec_of(data.generated), sensors_of(data.generated))
    packaged = open_packaged(str(data.dataset))
    packaged.prepare()
    return packaged


def _notes(fleets: Iterable[Fleet]) -> Iterator[str]:
    """What a user should know before trusting the figures of a run."""
    rough = {
        device.link.name: device.link.loss
        for fleet in fleets
        for device in (fleet.target, *fleet.sources)
        if device.link.loss > KNOWN_LOSS
    }
    if rough:
        links = ", ".join(f"{name} ({loss:.1%})" for name, loss in sorted(rough.items()))
        yield f"more loss than {KNOWN_LOSS:.0%} makes real TCP slower than it is simulated: {links}"
