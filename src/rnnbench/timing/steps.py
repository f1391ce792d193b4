"""The process that trains an experiment in one way: `python -m rnnbench.timing.steps WAY`.

The first question names the folders of the experiment's runs and of its view. Each further question
asks for a round of a number of `batches` or, if it is empty, for a report on all rounds.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras

import_keras()  # before the imports below, to hide its start-up messages

from rnnbench.data.prepared import TrainingData, read_training_data  # noqa: E402
from rnnbench.models.build import build_model  # noqa: E402
from rnnbench.models.fast import accelerate, share_cores  # noqa: E402
from rnnbench.runs import read_first_record  # noqa: E402
from rnnbench.timing.losses import COMPARED_STEPS  # noqa: E402
from rnnbench.timing.multiply_adds import multiply_adds  # noqa: E402
from rnnbench.timing.subject import COMPILED, Subject  # noqa: E402
from rnnbench.timing.training import (  # noqa: E402
    Round,
    first_batches,
    fit_arguments,
    timing_warnings,
    train_round,
)
from rnnbench.timing.worker import questions  # noqa: E402
from rnnbench.training.determinism import seed_everything  # noqa: E402
from rnnbench.training.devices import (  # noqa: E402
    DeviceUsage,
    environment,
    has_gpu,
    peak_gpu_memory_bytes,
    peak_memory_bytes,
)
from rnnbench.training.timing import TimingCallback  # noqa: E402


class Steps:
    """An experiment's model, trained in one way and in rounds.

    Both ways start from the same weights. The compiled way is the pipeline's: compiled loops, the
    pipeline's batches, and deterministic operations if the experiment asks for them. Stock Keras
    gets arrays and no further settings, as in a notebook.

    Parameters
    ----------
    subject : Subject
        The model and its training recipe.
    data : TrainingData
        The view's data, of which the first examples are used.
    usage : DeviceUsage
        Measures the energy of a GPU.
    compiled : bool
        Whether to train in the compiled way.
    """

    def __init__(
        self, subject: Subject, data: TrainingData, usage: DeviceUsage, *, compiled: bool
    ) -> None:
        self._train = data.train
        self._batch_size = subject.training.batch_size
        self._usage = usage
        self._compiled = compiled
        self._rounds: list[Round] = []
        self._joules: list[float] = []  # per step, one value per round
        seed_everything(subject.seed, deterministic=compiled and subject.deterministic)
        self._model = build_model(subject.layers, subject.training, data.manifest)
        if compiled:
            accelerate(self._model, self._batch_size)

    def begin(self) -> dict[str, Any]:
        """Train the first steps, which compile; return their times and facts about the model."""
        timing = TimingCallback()
        trained = self._train_round(COMPARED_STEPS, timing)
        summary = timing.summary(COMPARED_STEPS * self._batch_size)
        return {
            "early_loss": trained.early_loss,
            "step_milliseconds": summary["step_milliseconds"]["p50"],
            "compile_seconds": summary["compile_seconds"],
            "multiply_adds": multiply_adds(self._model),
            "environment": environment(),
        }

    def round(self, batches: int) -> dict[str, Any]:
        """Train on a number of batches; return the median time of their steps."""
        timing = TimingCallback(self._usage.joules)
        self._rounds.append(self._train_round(batches, timing))
        self._joules += [joules / batches for joules in timing.epoch_joules]
        return {"step_milliseconds": float(np.median(self._rounds[-1].milliseconds))}

    def report(self) -> dict[str, Any]:
        """Return the memory and energy that the rounds needed, and warnings about their times."""
        needed: dict[str, Any] = {"peak_memory_bytes": peak_memory_bytes()}
        if has_gpu():
            needed["gpu_peak_memory_bytes"] = peak_gpu_memory_bytes()
        if self._joules:
            needed["joules_per_step"] = float(np.median(self._joules))
        return {"needed": needed, "timing_warnings": timing_warnings(self._rounds)}

    def _train_round(self, batches: int, timing: TimingCallback) -> Round:
        split = first_batches(self._train, self._batch_size, batches)
        arguments = fit_arguments(split, self._batch_size, compiled=self._compiled)
        return train_round(self._model, arguments, timing)


@reports_errors
def main(way: str) -> None:
    """Answer questions until the standard input ends."""
    compiled = way == COMPILED
    if compiled:
        share_cores()  # before anything is computed
    asked, answer = questions()
    begin = next(asked)
    subject = Subject.of_record(read_first_record(Path(begin["runs"])))
    data = read_training_data(Path(begin["view"]))
    with DeviceUsage() as usage:
        steps = Steps(subject, data, usage, compiled=compiled)
        answer(steps.begin())
        for question in asked:
            answer(steps.round(question["batches"]) if question else steps.report())


if __name__ == "__main__":
    main(sys.argv[1])
