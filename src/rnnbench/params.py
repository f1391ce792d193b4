"""`params.yaml` as typed, validated objects.

The file is the interface: a key that is unknown, misspelt or of the wrong type is an error that
names the key, the file and what is accepted. Nothing here supplies a value that changes a
result: every such value stands in the file, or, left out, is Keras's own default.
"""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from rnnbench.errors import RnnbenchError

PARAMS_FILE = Path("params.yaml")
NAMES_LISTED = 20

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
DatasetName = Literal[
    "imdb", "reuters", "mnist", "moving_mnist", "random_labels", "adding", "copying"
]
RouteName = Literal["upstream", "registry", "local"]
Activation = Literal["tanh", "relu", "sigmoid", "softmax", "linear"]
Side = Literal["pre", "post"]


Value = TypeVar("Value")


class Named(dict[str, Value]):
    """Things by their names; asking for one that is not there says which there are.

    Parameters
    ----------
    kind : str
        What they are, for the message.
    content : mapping
        The things.
    """

    def __init__(self, kind: str, content: Mapping[str, Value]) -> None:
        super().__init__(content)
        self._kind = kind

    def __missing__(self, name: str) -> Value:
        raise RnnbenchError(f"{self._kind} {name!r} does not exist; {_choices(name, list(self))}")


class Section(BaseModel):
    """A part of the file: unknown keys are errors, values are not coerced or changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, values: Any) -> Any:
        accepted = [field.alias or name for name, field in cls.model_fields.items()]
        for key in values if isinstance(values, Mapping) else ():
            if key not in accepted:
                choices = _choices(str(key), accepted) if accepted else "no key is accepted here"
                raise ValueError(f"unknown key {key!r}; {choices}")
        return values


class Download(Section):
    """How files are fetched; it does not change what they hold."""

    routes: Annotated[list[RouteName], Field(min_length=1)]
    connect_timeout_seconds: PositiveFloat
    local_folder: str | None


class DownloadedDataset(Section):
    """A data set without knobs."""


class MovingMnistDataset(Section):
    """What is generated where the published file cannot be had."""

    generated_sequences: PositiveInt
    generated_seed: Annotated[int, Field(ge=0)]


class GeneratedDataset(Section):
    """A synthetic task: drawn by its seed in the shape a view asks for."""

    generated_seed: Annotated[int, Field(ge=0)]


class Datasets(Section):
    """Every data set by its name."""

    imdb: DownloadedDataset
    reuters: DownloadedDataset
    mnist: DownloadedDataset
    moving_mnist: MovingMnistDataset
    random_labels: GeneratedDataset
    adding: GeneratedDataset
    copying: GeneratedDataset


class View(Section):
    """What every view has: how many examples, and how many of them validate."""

    train_examples: PositiveInt | None
    test_examples: PositiveInt | None
    validation_fraction: Fraction


class TextView(View):
    """Token sequences cut and padded to one length."""

    dataset: Literal["imdb", "reuters"]
    vocabulary_size: Annotated[int, Field(ge=4)]
    sequence_length: PositiveInt
    padding: Side
    truncation: Side


class RowsView(View):
    """Images read row by row."""

    dataset: Literal["mnist"]


class FramesView(View):
    """Frame sequences cut into what is seen and what is to be predicted."""

    dataset: Literal["moving_mnist"]
    input_frames: PositiveInt
    target_frames: PositiveInt


class GeneratedView(View):
    """A synthetic task: there are as many examples as are asked for."""

    train_examples: PositiveInt
    test_examples: PositiveInt


class RandomLabelsView(GeneratedView):
    """Noise and labels that have nothing to do with it."""

    dataset: Literal["random_labels"]
    sequence_length: PositiveInt
    features: PositiveInt


class AddingView(GeneratedView):
    """Two marked numbers of a sequence are to be added."""

    dataset: Literal["adding"]
    sequence_length: Annotated[int, Field(ge=2)]


class CopyingView(GeneratedView):
    """Symbols are to be repeated after a delay."""

    dataset: Literal["copying"]
    alphabet_size: Annotated[int, Field(ge=2, le=26)]
    copied_symbols: PositiveInt
    delay: PositiveInt


AnyView = Annotated[
    TextView | RowsView | FramesView | RandomLabelsView | AddingView | CopyingView,
    Field(discriminator="dataset"),
]


class Layer(Section):
    """A layer of a model; an option left out is Keras's default."""


class Recurrent(Layer):
    """What the recurrent layers of vectors share."""

    units: PositiveInt
    activation: Activation | None = None
    return_sequences: bool | None = None


class SimpleRNN(Recurrent):
    """Elman's recurrent layer."""

    type: Literal["simple_rnn"]


class LSTM(Recurrent):
    """Long short-term memory."""

    type: Literal["lstm"]


class GRU(Recurrent):
    """Gated recurrent unit."""

    type: Literal["gru"]
    reset_after: bool | None = None


class Cell(Section):
    """One step of a recurrent layer."""

    units: PositiveInt
    activation: Activation | None = None


class SimpleRNNCell(Cell):
    """One step of `SimpleRNN`."""

    type: Literal["simple_rnn_cell"]


class LSTMCell(Cell):
    """One step of `LSTM`."""

    type: Literal["lstm_cell"]


class GRUCell(Cell):
    """One step of `GRU`."""

    type: Literal["gru_cell"]
    reset_after: bool | None = None


class StackedRNNCells(Section):
    """Cells on top of each other, stepped together."""

    type: Literal["stacked_rnn_cells"]
    cells: Annotated[
        dict[str, Annotated[SimpleRNNCell | LSTMCell | GRUCell, Field(discriminator="type")]],
        Field(min_length=1),
        AfterValidator(lambda cells: _numbered("cell", cells)),
    ]


class RNN(Layer):
    """The loop that turns a cell into a layer."""

    type: Literal["rnn"]
    cell: Annotated[
        SimpleRNNCell | LSTMCell | GRUCell | StackedRNNCells, Field(discriminator="type")
    ]
    return_sequences: bool | None = None


class Bidirectional(Layer):
    """A recurrent layer that reads forwards and a second one that reads backwards."""

    type: Literal["bidirectional"]
    layer: Annotated[SimpleRNN | LSTM | GRU, Field(discriminator="type")]
    merge_mode: Literal["concat", "sum", "mul", "ave"] | None = None


class ConvLSTM2D(Layer):
    """Convolutional long short-term memory over frames."""

    type: Literal["conv_lstm_2d"]
    filters: PositiveInt
    kernel_size: PositiveInt
    padding: Literal["same", "valid"] | None = None
    activation: Activation | None = None
    return_sequences: bool | None = None


class Embedding(Layer):
    """A vector a word; the number of words is the view's."""

    type: Literal["embedding"]
    units: PositiveInt
    mask_zero: bool | None = None


class Dense(Layer):
    """A fully connected layer."""

    type: Literal["dense"]
    units: PositiveInt
    activation: Activation | None = None


class TimeDistributed(Layer):
    """The same layer applied to every step."""

    type: Literal["time_distributed"]
    layer: Dense


class Dropout(Layer):
    """Inputs dropped at random while training."""

    type: Literal["dropout"]
    rate: Fraction


class SpatialDropout1D(Layer):
    """Whole features of a sequence dropped at random while training."""

    type: Literal["spatial_dropout_1d"]
    rate: Fraction


class BatchNormalization(Layer):
    """Inputs normalised over the batch."""

    type: Literal["batch_normalization"]


class Conv3D(Layer):
    """A convolution over time and space."""

    type: Literal["conv_3d"]
    filters: PositiveInt
    kernel_size: PositiveInt
    padding: Literal["same", "valid"] | None = None
    activation: Activation | None = None


AnyLayer = Annotated[
    SimpleRNN
    | LSTM
    | GRU
    | RNN
    | Bidirectional
    | ConvLSTM2D
    | Embedding
    | Dense
    | TimeDistributed
    | Dropout
    | SpatialDropout1D
    | BatchNormalization
    | Conv3D,
    Field(discriminator="type"),
]


class Training(Section):
    """The recipe: optimizer, loss and budget."""

    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: PositiveFloat
    learning_rate_decay: Annotated[float, Field(ge=0.0)]
    precision: Literal["float32", "mixed_bfloat16"]
    loss: Literal["binary_crossentropy", "sparse_categorical_crossentropy", "mean_squared_error"]
    from_logits: bool

    @model_validator(mode="after")
    def _logits_have_a_loss(self) -> "Training":
        if self.from_logits and self.loss == "mean_squared_error":
            raise ValueError("mean_squared_error knows no logits: set from_logits to false")
        return self


def _different(seeds: list[int]) -> list[int]:
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"a seed is given twice: {seeds}")
    return seeds


class Atlas(Section):
    """For which sizes the table of layers gives shapes and numbers of parameters."""

    sequence_length: PositiveInt
    features: PositiveInt
    units: PositiveInt


class Placement(Section):
    """Where an experiment belongs, the view it trains on and how often it is run."""

    suite: Name
    view: Name
    seeds: Annotated[
        list[Annotated[int, Field(ge=0, lt=2**32)]],
        Field(min_length=1),
        AfterValidator(_different),
    ]


class Recipe(Section):
    """A model and how it is trained."""

    model: Annotated[
        dict[str, AnyLayer],
        Field(min_length=1),
        AfterValidator(lambda layers: _numbered("layer", layers)),
    ]
    training: Training


@dataclass(frozen=True)
class Experiment:
    """A view, a model and a training recipe.

    Attributes
    ----------
    suite, view : str
        Names in `params.yaml`.
    seeds : list of int
        One run for each.
    model : dict of layers
        From input to output, keyed `layer_1`, `layer_2`, ….
    training : Training
        Optimizer, loss and budget.
    """

    suite: str
    view: str
    seeds: list[int]
    model: dict[str, AnyLayer]
    training: Training

    @property
    def layers(self) -> list[AnyLayer]:
        """The layers from input to output."""
        return list(self.model.values())


class EpochValue(Section):
    """A number of one epoch of training."""

    epoch: PositiveInt
    value: PositiveFloat


class Reported(Section):
    """What the literature prints for an experiment; only what it prints."""

    accuracy: Fraction | None = None
    summary_accuracy: Fraction | None = None
    loss: PositiveFloat | None = None
    training_loss: PositiveFloat | None = None
    training_accuracy: EpochValue | None = None
    validation_loss: PositiveFloat | None = None
    validation_accuracy: Fraction | None = None
    layer_parameters: dict[str, PositiveInt] | None = None
    total_parameters: PositiveInt | None = None
    step_milliseconds: str | None = None
    epoch_seconds: PositiveFloat | None = None
    remark: str | None = None
    explanation: str | None = None


class Target(Section):
    """A validation metric to reach: an accuracy from below, a loss from above."""

    metric: Literal["validation_accuracy", "validation_loss"]
    value: PositiveFloat

    def is_reached_by(self, value: float) -> bool:
        """Whether a value of the metric is as good as the target."""
        return value >= self.value if self.metric.endswith("accuracy") else value <= self.value

    def __str__(self) -> str:
        sign = ">=" if self.metric.endswith("accuracy") else "<="
        return f"{self.metric.replace('_', ' ')} {sign} {self.value:g}"


class Suite(Section):
    """What a table is called, where its recipes stand and what is reported for them."""

    title: str
    source: str
    targets: dict[Name, Target]
    reported: dict[Name, Reported]


class Params(Section):
    """The whole file."""

    templates: dict[str, Any]
    deterministic: bool
    compiled_loops: bool
    download: Download
    atlas: Atlas
    datasets: Datasets
    views: Annotated[
        dict[Name, AnyView],
        Field(min_length=1),
        AfterValidator(lambda views: Named("view", views)),
    ]
    placements: Annotated[dict[Name, Placement], Field(min_length=1, alias="experiments")]
    recipes: dict[Name, dict[Name, Recipe]]
    suites: Annotated[
        dict[Name, Suite],
        Field(min_length=1),
        AfterValidator(lambda suites: Named("suite", suites)),
    ]

    @model_validator(mode="after")
    def _names_refer_to_something(self) -> "Params":
        for name, placement in self.placements.items():
            _require_known(f"experiments.{name}.view", placement.view, self.views)
            _require_known(f"experiments.{name}.suite", placement.suite, self.suites)
        for suite in {**self.recipes, **self.suites}:
            _require_known(f"recipes.{suite}", suite, self.suites)
            _require_recipes_match(suite, self.recipes.get(suite, {}), self.placements)
            for view in self.suites[suite].targets:
                _require_known(f"suites.{suite}.targets", view, self.views)
            for reported in self.suites[suite].reported:
                _require_known(f"suites.{suite}.reported", reported, self.recipes[suite])
        for name, experiment in self.experiments.items():
            _require_layers_fit_view(name, experiment, self.views[experiment.view])
        return self

    @cached_property
    def experiments(self) -> dict[str, Experiment]:
        """Every experiment by name: its placement and its recipe together."""
        found = {}
        for name, place in self.placements.items():
            recipe = self.recipes[place.suite][name]
            found[name] = Experiment(
                place.suite, place.view, place.seeds, recipe.model, recipe.training
            )
        return Named("experiment", found)

    def experiment_names(self, suite: str) -> list[str]:
        """Return the experiments of a suite, in the order of its table."""
        return list(self.recipes[suite])


def _numbered(kind: str, parts: dict[str, Value]) -> dict[str, Value]:
    # Numbers, because DVC compares mappings without regard to their order: two layers that
    # change places must change their keys.
    expected = [f"{kind}_{number}" for number in range(1, len(parts) + 1)]
    if list(parts) != expected:
        raise ValueError(
            f"{kind}s are numbered in their order: {', '.join(expected)}; given: {', '.join(parts)}"
        )
    return parts


def _require_known(where: str, name: str, known: Iterable[str]) -> None:
    names = list(known)
    if name not in names:
        raise ValueError(f"{where}: {name!r} does not exist; {_choices(name, names)}")


def _require_recipes_match(
    suite: str, recipes: Mapping[str, Recipe], placements: Mapping[str, Placement]
) -> None:
    members = [name for name, placement in placements.items() if placement.suite == suite]
    if sorted(recipes) != sorted(members):
        raise ValueError(
            f"recipes.{suite} has {', '.join(recipes) or 'no recipe'}; the experiments that name"
            f" this suite are {', '.join(members) or 'none'}; make the two agree"
        )


def _require_layers_fit_view(name: str, experiment: Experiment, view: AnyView) -> None:
    first = experiment.layers[0]
    if isinstance(first, Embedding) != isinstance(view, TextView):
        wanted = "an embedding" if isinstance(view, TextView) else "no embedding"
        raise ValueError(
            f"recipes.{experiment.suite}.{name}.model: view {experiment.view!r} of {view.dataset}"
            f" needs {wanted} as its first layer; given: {first.type}"
        )


def _choices(given: str, names: list[str]) -> str:
    close = difflib.get_close_matches(given, names, n=1)
    if close and len(names) > NAMES_LISTED:
        return f"did you mean {close[0]!r}? params.yaml has all {len(names)}"
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    return f"there are: {', '.join(sorted(names))}{hint}"


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate `params.yaml`.

    Parameters
    ----------
    path : Path, default "params.yaml"
        The file, read as DVC reads it (YAML 1.2).

    Returns
    -------
    Params
        The whole file as typed objects.

    Raises
    ------
    RnnbenchError
        If the file is missing, is not YAML or says something that is not accepted. Every
        fault is named at once.
    """
    if not path.exists():
        raise RnnbenchError(f"{path} does not exist; run the command in the project's root folder")
    try:
        content = YAML(typ="safe").load(path.read_text(encoding="utf-8"))
    except YAMLError as error:
        raise RnnbenchError(f"{path} is not valid YAML: {error}") from error
    return parse_params(content, str(path))


def parse_params(content: Any, source: str) -> Params:
    """Validate parameters that were read already.

    Parameters
    ----------
    content : Any
        What a YAML file holds.
    source : str
        What to call the file in an error.

    Raises
    ------
    RnnbenchError
        If something is not accepted.
    """
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        faults = "\n".join(f"  {_describe(fault, content)}" for fault in error.errors())
        raise RnnbenchError(f"{source} cannot be used:\n{faults}") from error


def _describe(fault: ErrorDetails, content: Any) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    where = ".".join(_path_in_file(fault["loc"], content))
    if fault["type"] == "union_tag_invalid":
        context = fault["ctx"]
        known = [tag.strip().strip("'") for tag in context["expected_tags"].split(",")]
        discriminator = context["discriminator"].strip("'")
        where = f"{where}.{discriminator}"
        message = f"{context['tag']!r} does not exist; {_choices(context['tag'], known)}"
    elif fault["type"] not in ("value_error", "missing", "union_tag_not_found"):
        message += f"; given: {fault['input']!r}"
    return f"{where}: {message}" if where else message


def _path_in_file(location: tuple[int | str, ...], content: Any) -> list[str]:
    """Drop from `location` what is pydantic's own: the names of union members and "[key]"."""
    path = []
    for position, part in enumerate(location):
        is_last = position == len(location) - 1
        inside = isinstance(content, list) or (isinstance(content, Mapping) and part in content)
        if inside:
            content = content[part]
            path.append(str(part))
        elif is_last and isinstance(content, Mapping) and part != "[key]":
            path.append(str(part))
    return path
