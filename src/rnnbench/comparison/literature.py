"""`literature.yaml`: the results reported for the experiments, and claims about them."""

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from rnnbench.errors import RnnbenchError
from rnnbench.layout import LITERATURE_FILE
from rnnbench.params import Name, Params, Section, Share, read_yaml, validate
from rnnbench.registry import choices

STEP_TIME = "step_time"
BEST_BASELINE = "best_baseline"

# Reported numbers that tables show beside the measured ones.
SHOWN_IN_TABLES = {
    "accuracy",
    "loss",
    "training_loss",
    "validation_loss",
    "step_milliseconds",
    "epoch_seconds",
}


class EpochAccuracy(Section):
    """The accuracy of one epoch of training."""

    epoch: PositiveInt
    value: Share


class Reported(Section):
    """The numbers that the literature reports for an experiment; each may be absent."""

    accuracy: Share | None = None
    summary_accuracy: Share | None = None
    loss: NonNegativeFloat | None = None
    training_loss: NonNegativeFloat | None = None
    training_accuracy: EpochAccuracy | None = None
    validation_loss: NonNegativeFloat | None = None
    validation_accuracy: Share | None = None
    layer_parameters: dict[str, PositiveInt] = Field(default={})
    total_parameters: PositiveInt | None = None
    step_milliseconds: str | None = None
    epoch_seconds: PositiveFloat | None = None
    remark: str | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """The numbers that tables show, by their columns."""
        values = self.model_dump(include=SHOWN_IN_TABLES, exclude_none=True)
        return {f"reported_{name}": value for name, value in values.items()}


class Explanation(Section):
    """A reason why results of some experiments differ from the reported ones."""

    experiments: list[Name]
    text: str


class SuiteLiterature(Section):
    """The source of a suite's recipes, and the results reported for its experiments."""

    source: str = ""
    reported: dict[Name, Reported] = Field(default={})
    explanations: list[Explanation] = Field(default=[])

    def reported_of(self, experiment: str) -> Reported:
        """Return the results reported for an experiment; empty if there are none."""
        return self.reported.get(experiment, Reported())


class Claim(Section):
    """A claim, and the comparisons that decide it.

    Attributes
    ----------
    text, source : str
        The claim, and where it is made.
    measure : str
        `score`, the task's score on the test split, with a minus sign for a loss; or `step_time`,
        the time of a training step of stock Keras per example.
    relation : str
        The claimed relation of the first of two to the second: `higher`, `lower`, `different`,
        `equal` (within the margin) or `as_good` (not worse by the margin); or `visible`: a
        difference of the size of the margin is larger than half the width of the interval.
    margin : float, optional
        The largest difference without practical importance; by default that of `params.yaml`.
    pairs : dict
        Experiments, each with the experiment that it is compared with.
    experiments : list of str
        Experiments that are compared with `against`.
    against : float or str, optional
        A number, or `best_baseline`: the best baseline of each experiment's view.
    """

    text: str
    source: str
    measure: Literal["score", "step_time"] = "score"
    relation: Literal["higher", "lower", "different", "equal", "as_good", "visible"]
    margin: PositiveFloat | None = None
    pairs: dict[Name, Name] = Field(default={})
    experiments: list[Name] = Field(default=[])
    against: float | Literal["best_baseline"] | None = None

    @model_validator(mode="after")
    def _says_what_is_compared(self) -> "Claim":
        if bool(self.pairs) == bool(self.experiments):
            raise ValueError("a claim has either `pairs` or `experiments`")
        if bool(self.experiments) != (self.against is not None):
            raise ValueError("`experiments`, and only they, need `against`")
        if self.measure == STEP_TIME and self.experiments:
            raise ValueError("times are compared in `pairs`; `experiments` have none to compare")
        return self

    @property
    def comparisons(self) -> list[tuple[str, str]]:
        """The first and the second of each comparison."""
        alone = [(name, str(self.against).replace("_", " ")) for name in self.experiments]
        return [*self.pairs.items(), *alone]

    @property
    def needs(self) -> list[str]:
        """The experiments that are compared."""
        return list(dict.fromkeys([*self.pairs, *self.pairs.values(), *self.experiments]))


class Literature(Section):
    """The content of `literature.yaml`."""

    suites: dict[Name, SuiteLiterature] = Field(default={})
    claims: dict[Name, Claim] = Field(default={})

    def suite(self, name: str) -> SuiteLiterature:
        """Return the results reported for a suite; empty if there are none."""
        return self.suites.get(name, SuiteLiterature())

    def about(self, experiments: Collection[str]) -> "Literature":
        """Return a copy without claims on other experiments, for a smaller `params.yaml`."""
        claims = {
            name: claim
            for name, claim in self.claims.items()
            if set(claim.needs) <= set(experiments)
        }
        return self.model_copy(update={"claims": claims})


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
        If the file is missing or has entries that are not accepted; every error is reported.
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
