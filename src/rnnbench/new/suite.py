"""The suite that `rnnbench new` writes: its models, its training and their cost."""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from rnnbench.errors import RnnbenchError
from rnnbench.params import Params

# One experiment for each, and how many of the layer its network has. The gates of a minGRU do not
# read its state, so that only a second layer can react to what the first one remembers.
RECURRENT_LAYERS = {"simple_rnn": 1, "gru": 1, "lstm": 1, "min_gru": 2}
# Training steps for data of any size, within the limits of the number of epochs.
TRAINING_STEPS = 1_000
FEWEST_EPOCHS = 3
SMALL = 5_000  # training examples up to which batches are small
BATCH_SIZES = (32, 64)
LARGE = 100_000  # training examples above which the advice says how to use fewer
MOST_MINUTES = 90  # longer durations are given in hours
# Cost of a batch of 64 with 64 units and compiled loops on two cores: per step of a sequence, and
# per weight, most of which belong to the embedding.
MILLISECONDS_PER_STEP = 0.1
MILLISECONDS_PER_WEIGHT = 1e-5
SECONDS_PER_EXPERIMENT = 40.0  # start-up, compilation, evaluation


@dataclass(frozen=True)
class Suite:
    """The experiments to train on a view.

    Attributes
    ----------
    name : str
        Name of the suite and its view; names of models and experiments begin with it.
    title : str
        Title of its table.
    view : str
        The lines of the view, indented.
    before : tuple of str, default ()
        Layers before the recurrent one, as in `params.yaml`.
    units : int
        Units of the recurrent layer.
    sequence_length, weights : int
        Steps of a sequence, and weights outside the recurrent layer, to estimate the cost.
    train_examples, most_epochs : int
        Training examples and largest number of epochs, to choose the number of epochs.
    predict_from : str
        Argument of `rnnbench predict` in the advice.
    """

    name: str
    title: str
    view: str
    units: int
    sequence_length: int
    train_examples: int
    most_epochs: int
    predict_from: str
    weights: int = 0
    before: tuple[str, ...] = field(default=())

    @property
    def members(self) -> dict[str, str]:
        """The type of the recurrent layer by the name of the model and experiment."""
        return {f"{self.name}-{layer.replace('_', '-')}": layer for layer in RECURRENT_LAYERS}

    @property
    def batch_size(self) -> int:
        """Examples per step."""
        return BATCH_SIZES[self.train_examples > SMALL]

    @property
    def epochs(self) -> int:
        """Passes over the training split, fewer for a large one, within limits."""
        wanted = math.ceil(TRAINING_STEPS * self.batch_size / self.train_examples)
        return max(min(wanted, self.most_epochs), FEWEST_EPOCHS)

    def blocks(self, dataset: str, settings: str) -> dict[str, str]:
        """Return the lines to add to each section of `params.yaml`.

        Parameters
        ----------
        dataset, settings : str
            The name of the data set and its lines, indented.
        """
        return {
            "files": f"  {dataset}:\n{settings}",
            "views": f"  {self.name}:\n    dataset: {dataset}\n{self.view}",
            "models": "".join(self._model(name, layer) for name, layer in self.members.items()),
            "suites": self._suite(),
            "experiments": "".join(
                f"  {name}: {{suite: {self.name}, view: {self.name}, model: {name}}}\n"
                for name in self.members
            ),
        }

    def names(self, dataset: str) -> dict[str, list[str]]:
        """Return the names that are added to each section."""
        members = list(self.members)
        return {
            "files": [dataset],
            "views": [self.name],
            "models": members,
            "suites": [self.name],
            "experiments": members,
        }

    def _model(self, name: str, recurrent: str) -> str:
        repeated = [f"{{type: {recurrent}, units: {self.units}}}"] * RECURRENT_LAYERS[recurrent]
        layers = [*self.before, *repeated]
        lines = [f"    layer_{number}: {layer}\n" for number, layer in enumerate(layers, 1)]
        return f"  {name}:\n{''.join(lines)}"

    def _suite(self) -> str:
        return (
            f"  {self.name}:\n"
            f"    title: {quoted(self.title)}\n"
            "    training:\n"
            f"      epochs: {self.epochs}   # passes over the training split; use fewer if"
            " the validation loss rises again\n"
            f"      batch_size: {self.batch_size}   # examples per step\n"
            "      optimizer: adam   # or rmsprop\n"
            "      learning_rate: 0.001   # try 0.003 and 0.0003, too\n"
        )

    def next_steps(self, params: Params) -> str:
        """Return the commands to run next and their approximate cost."""
        experiments = " ".join(f"evaluate@{name}" for name in self.members)
        seeds = params.seeds
        return (
            "Train it, with its baselines, and nothing else:\n"
            f"  dvc repro {experiments} baselines@{self.name}\n"
            "Compare, and write the report (other suites stay as they are):\n"
            f"  dvc repro --single-item members compare@{self.name} report\n"
            f"That trains {len(self.members)} networks with {seeds} seeds each, about"
            f" {_duration(self._minutes(seeds))} on two cores; `dvc repro` alone runs all suites.\n"
            f"{self._advice()}"
            f"Then: comparisons/{self.name}/table.md, report/index.html, and\n"
            f"  rnnbench predict {list(self.members)[-1]} {self.predict_from}\n"
            f"  rnnbench register {list(self.members)[-1]}"
        )

    def _advice(self) -> str:
        if self.train_examples <= LARGE:
            return ""
        return f"To train on fewer examples, set views.{self.name}.train_examples in params.yaml.\n"

    def _minutes(self, seeds: int) -> float:
        steps = self.epochs * math.ceil(self.train_examples / self.batch_size)
        step = self.sequence_length * MILLISECONDS_PER_STEP + self.weights * MILLISECONDS_PER_WEIGHT
        training = len(self.members) * seeds * steps * step / 1000
        return max(1.0, (training + len(self.members) * SECONDS_PER_EXPERIMENT) / 60)


def _duration(minutes: float) -> str:
    return f"{minutes:.0f} minutes" if minutes <= MOST_MINUTES else f"{minutes / 60:.0f} hours"


def quoted(value: str) -> str:
    """Return a string as YAML, in quotation marks if it needs them."""
    is_plain = value.replace("/", "").replace(" ", "").replace(".", "").isidentifier()
    if is_plain and value == value.strip() and YAML(typ="safe").load(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)


def listed(values: Sequence[str]) -> str:
    """Return strings as a YAML list on one line."""
    return f"[{', '.join(map(quoted, values))}]"


def name_for(given: str | None, path: Path) -> str:
    """Return the given name of a suite, or a name derived from the file's.

    Raises
    ------
    RnnbenchError
        If `params.yaml` does not accept the name.
    """
    name = given or re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise RnnbenchError(
            f"{name!r} is not a valid name for a suite; give one of lower-case letters, digits and"
            " hyphens with --name"
        )
    return name


def stored_path(path: Path, root: Path) -> str:
    """Return a path for `params.yaml`: relative if it is in the repository, otherwise absolute."""
    absolute = path.resolve()
    inside = absolute.is_relative_to(root.resolve())
    return str(absolute.relative_to(root.resolve()) if inside else absolute)
