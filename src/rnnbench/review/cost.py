"""Estimates, from earlier runs, of how long the stages take that run again.

Training is estimated from the step times in `comparisons/`, which were measured while nothing else
ran; other stages from the times that `rnnbench repro` recorded in this checkout.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rnnbench.comparison.findings import Comparison, Finding
from rnnbench.files import read_json
from rnnbench.params import Params
from rnnbench.repro.pipeline import kind
from rnnbench.repro.reproduce import SECONDS_FILE
from rnnbench.review.stages import Stage, Stages

# Keys of a training recipe that determine how long an epoch takes.
TIMED_KEYS = ("batch_size", "optimizer", "precision", "repeated_ids")


@dataclass(frozen=True)
class Cost:
    """The estimated time of the stages that run again, one after another.

    Attributes
    ----------
    training_seconds : float
        The time of the trainings that have a past time.
    untimed : tuple of str
        Experiments that train again and have no past time.
    machine : str
        The machines on which past times were measured; empty if none is known.
    other_seconds : float or None
        The time of the other stages; None if this checkout has no record of any of them.
    unrecorded : int
        How many of the other stages have no record.
    """

    training_seconds: float
    untimed: tuple[str, ...]
    machine: str
    other_seconds: float | None
    unrecorded: int


def estimate_cost(
    run: Collection[str],
    stages: Stages,
    params: Params,
    content: Mapping[str, Any],
    comparisons: Iterable[Comparison],
    root: Path,
) -> Cost:
    """Estimate how long some stages take.

    Parameters
    ----------
    run : collection of str
        The stages that run.
    stages : mapping of Stage
        All stages; their parameters in `dvc.lock` say to which recipes past times belong.
    params : Params
        The parameters with which they run.
    content : mapping
        The content of `params.yaml` without defaults, as in `dvc.lock`.
    comparisons : iterable of Comparison
        The findings with past times.
    root : Path
        The repository.
    """
    compared = list(comparisons)
    past = _past_epoch_seconds(stages, compared)
    trained = [
        stage.partition("@")[2] for stage in stages if stage in run and kind(stage) == "train"
    ]
    known = {name: past[key] for name in trained if (key := _recipe_now(name, content)) in past}
    seconds = sum(
        epoch * params.experiments[name].training.epochs * len(params.experiments[name].seeds)
        for name, epoch in known.items()
    )
    untimed = tuple(name for name in trained if name not in known)
    others = [stage for stage in stages if stage in run and kind(stage) != "train"]
    recorded = _recorded_seconds(root, others)
    return Cost(
        seconds,
        untimed,
        _machine(compared) if known else "",
        sum(recorded.values()) if recorded else None,
        len(others) - len(recorded),
    )


def _past_epoch_seconds(stages: Stages, comparisons: list[Comparison]) -> dict[str, float]:
    """Return the seconds of an epoch by recipe: the median if several experiments were timed."""
    seconds: dict[str, list[float]] = {}
    for comparison in comparisons:
        for finding in comparison.findings:
            stage = stages.get(f"train@{finding.name}")
            recipe = _recorded_recipe(finding.name, stage, stages) if stage else None
            if recipe and (one := _epoch_seconds(finding)) > 0:
                seconds.setdefault(recipe, []).append(one)
    return {recipe: median(values) for recipe, values in seconds.items()}


def _epoch_seconds(finding: Finding) -> float:
    """Return the seconds of an epoch from the step times or, without these, from training."""
    alone = finding.number("compiled_epoch_seconds")
    if alone > 0 or not (finding.seeds and len(finding.curves)):
        return alone
    return finding.number("training_seconds") / finding.trained_epochs


def _recorded_recipe(name: str, stage: Stage, stages: Stages) -> str | None:
    """Return the recipe with which an experiment was trained, from `dvc.lock`; None if unknown."""
    line = stage.parameters.get(f"experiments.{name}")
    if not isinstance(line, Mapping):
        return None
    suite = stage.parameters.get(f"suites.{line.get('suite')}.training", {})
    view = stages.get(f"prepare@{line.get('view')}")
    return _recipe(
        view.parameters.get(f"views.{line.get('view')}") if view else None,
        stage.parameters.get(f"models.{line.get('model')}"),
        {**suite, **line},
        stage.parameters.get("compiled_loops"),
    )


def _recipe_now(name: str, content: Mapping[str, Any]) -> str:
    line = content["experiments"][name]
    return _recipe(
        content["views"][line["view"]],
        content["models"][line["model"]],
        {**content["suites"][line["suite"]]["training"], **line},
        content["compiled_loops"],
    )


def _recipe(view: Any, layers: Any, training: Mapping[str, Any], compiled_loops: Any) -> str:
    """Return the settings that determine how long an epoch takes, as a key for look-ups."""
    timed = {key: training[key] for key in TIMED_KEYS if key in training}
    return json.dumps([view, layers, timed, compiled_loops], sort_keys=True)


def _machine(comparisons: Iterable[Comparison]) -> str:
    """Return the processors of all results, as text."""
    return " and ".join(dict.fromkeys(name for one in comparisons for name in one.processors))


def _recorded_seconds(root: Path, stages: list[str]) -> dict[str, float]:
    """Return how long stages took in this checkout, or the median of their kind."""
    path = root / SECONDS_FILE
    past: dict[str, float] = read_json(path) if path.exists() else {}
    kinds: dict[str, list[float]] = {}
    for stage, seconds in past.items():
        kinds.setdefault(kind(stage), []).append(seconds)
    return {
        stage: past.get(stage, median(kinds[kind(stage)]))
        for stage in stages
        if kind(stage) in kinds
    }
