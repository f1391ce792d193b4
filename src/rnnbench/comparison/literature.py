"""`literature.yaml`: what is reported of the experiments, and what is claimed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt

from rnnbench.errors import RnnbenchError
from rnnbench.layout import LITERATURE_FILE
from rnnbench.params import Fraction, Name, Params, Section, read_yaml, validate
from rnnbench.registry import choices

# Printed numbers that stand beside ours in a table.
BESIDE_OURS = {
    "accuracy",
    "loss",
    "training_loss",
    "validation_loss",
    "step_milliseconds",
    "epoch_seconds",
}


class EpochValue(Section):
    """A number of one epoch of training."""

    epoch: PositiveInt
    value: PositiveFloat


class Reported(Section):
    """The numbers that are printed for an experiment; each may be absent."""

    accuracy: Fraction | None = None
    summary_accuracy: Fraction | None = None
    loss: PositiveFloat | None = None
    training_loss: PositiveFloat | None = None
    training_accuracy: EpochValue | None = None
    validation_loss: PositiveFloat | None = None
    validation_accuracy: Fraction | None = None
    layer_parameters: dict[str, PositiveInt] = Field(default={})
    total_parameters: PositiveInt | None = None
    step_milliseconds: str | None = None
    epoch_seconds: PositiveFloat | None = None
    remark: str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The numbers that stand in a table, by its columns."""
        values = self.model_dump(include=BESIDE_OURS, exclude_none=True)
        return {f"reported_{name}": value for name, value in values.items()}


class Explanation(Section):
    """A reason why results of some experiments differ from what is reported."""

    experiments: list[Name]
    text: str


class SuiteLiterature(Section):
    """Where a suite's recipes are printed, and what is reported for its experiments."""

    source: str = ""
    reported: dict[Name, Reported] = Field(default={})
    explanations: list[Explanation] = Field(default=[])

    def reported_of(self, experiment: str) -> Reported:
        """Return what is reported for an experiment, which may be nothing."""
        return self.reported.get(experiment, Reported())


class Claim(Section):
    """A claim, and the experiments that decide it.

    Attributes
    ----------
    text, source : str
        What is claimed, and where.
    judge : str
        A function of `rnnbench.comparison.claims.JUDGES`.
    pairs : dict
        Experiments, each with the one that it is compared with.
    experiments : list of str
        Experiments that are judged by themselves.
    """

    text: str
    source: str
    judge: str
    pairs: dict[Name, Name] = Field(default={})
    experiments: list[Name] = Field(default=[])

    @property
    def needs(self) -> list[str]:
        """The experiments without which there is no verdict."""
        return list(dict.fromkeys([*self.pairs, *self.pairs.values(), *self.experiments]))


class Literature(Section):
    """The whole file."""

    suites: dict[Name, SuiteLiterature] = Field(default={})
    claims: dict[Name, Claim] = Field(default={})

    def suite(self, name: str) -> SuiteLiterature:
        """Return what is reported for a suite, which may be nothing."""
        return self.suites.get(name, SuiteLiterature())


def load_literature(path: Path = LITERATURE_FILE, params: Params | None = None) -> Literature:
    """Read and validate `literature.yaml`.

    Parameters
    ----------
    path : Path, default "literature.yaml"
        The file.
    params : Params, optional
        If given, every suite and experiment that the file names must be among them.

    Raises
    ------
    RnnbenchError
        If the file is missing or holds something that is not accepted; every fault is named.
    """
    literature = validate(Literature, read_yaml(path), str(path))
    faults = _unknown_names(literature, params) if params else []
    if faults:
        raise RnnbenchError("\n  ".join([f"{path} cannot be used:", *faults]))
    return literature


def _unknown_names(literature: Literature, params: Params) -> list[str]:
    faults = _unknown("suites", literature.suites, params.suites)
    for suite, facts in literature.suites.items():
        explained = [name for part in facts.explanations for name in part.experiments]
        members = params.experiment_names(suite) if suite in params.suites else explained
        faults += _unknown(f"suites.{suite}.reported", facts.reported, members)
        faults += _unknown(f"suites.{suite}.explanations", explained, members)
    for name, claim in literature.claims.items():
        faults += _unknown(f"claims.{name}", claim.needs, params.experiments)
    return faults


def _unknown(where: str, names: Iterable[str], known: Iterable[str]) -> list[str]:
    listed = list(known)
    return [
        f"{where}: {name!r} does not exist; {choices(name, listed)}"
        for name in names
        if name not in listed
    ]
