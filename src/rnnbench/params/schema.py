"""The sections of `params.yaml`, one class for each.

The options of a layer, a cell, a view or a data set are defined with its variant or data set and
looked up by name, so that a new one needs no change here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    SerializeAsAny,
    model_validator,
)

from rnnbench.registry import choices

Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
ValidationMetric = Literal["validation_accuracy", "validation_loss"]


class Section(BaseModel):
    """A part of the file: unknown keys are errors, values are not coerced or changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @classmethod
    def accepted_keys(cls) -> list[str]:
        """Return the keys that the section accepts."""
        return [field.alias or name for name, field in cls.model_fields.items()]

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, values: Any) -> Any:
        accepted = cls.accepted_keys()
        for key in values if isinstance(values, Mapping) else ():
            if key not in accepted:
                known = choices(str(key), accepted) if accepted else "no key is accepted here"
                raise ValueError(f"unknown key {key!r}; {known}")
        return values


class Layer(Section):
    """A layer or a cell of a model; an absent option has Keras's default."""

    type: str

    @model_validator(mode="after")
    def _softmax_has_something_to_share(self) -> "Layer":
        for size in ("units", "filters"):
            if getattr(self, size, None) == 1 and getattr(self, "activation", None) == "softmax":
                raise ValueError(
                    f"activation is softmax and {size} is 1: a softmax over one output is always 1"
                    " and learns nothing; choose another activation, such as sigmoid"
                )
        return self


class View(Section):
    """The keys of every view; an absent limit means all examples."""

    dataset: str
    train_examples: PositiveInt | None = None
    test_examples: PositiveInt | None = None
    validation_fraction: Fraction = 0.0


class DatasetSettings(Section):
    """The parameters of a data set."""


class FileSettings(DatasetSettings):
    """The parameters of a data set that is read from a user's own file or folder."""

    path: Annotated[str, Field(min_length=1)]


def _layers() -> Mapping[str, Any]:
    from rnnbench.models.variant import VARIANTS

    return VARIANTS


def _cells() -> Mapping[str, Any]:
    from rnnbench.models.variant import CELLS

    return CELLS


def _datasets() -> Mapping[str, Any]:
    from rnnbench.data.dataset import DATASETS

    return DATASETS


def _chosen_by(
    key: str, registry: Callable[[], Mapping[str, Any]], attribute: str
) -> Callable[[Any], Section]:
    """Return a validator that finds the section's class by the registered name under `key`."""

    def parse(content: Any) -> Section:
        if isinstance(content, Section):
            return content
        known = registry()
        if not isinstance(content, Mapping) or key not in content:
            raise ValueError(f"the key {key!r} is missing; {choices('', known)}")
        name = content[key]
        if name not in known:
            raise ValueError(f"{key} {name!r} does not exist; {choices(str(name), known)}")
        section: type[Section] = getattr(known[name], attribute)
        return section.model_validate(content)

    return parse


LayerField = Annotated[
    SerializeAsAny[Layer], PlainValidator(_chosen_by("type", _layers, "options"))
]
CellField = Annotated[SerializeAsAny[Layer], PlainValidator(_chosen_by("type", _cells, "options"))]
ViewField = Annotated[
    SerializeAsAny[View], PlainValidator(_chosen_by("dataset", _datasets, "view"))
]


def numbered(kind: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return a validator of mappings whose keys are `kind_1`, `kind_2`, ….

    DVC compares mappings without regard to order. With numbered keys, it sees that two layers have
    changed places.
    """

    def check(parts: dict[str, Any]) -> dict[str, Any]:
        expected = [f"{kind}_{number}" for number in range(1, len(parts) + 1)]
        if list(parts) != expected:
            raise ValueError(
                f"{kind}s are numbered in their order: {', '.join(expected)};"
                f" given: {', '.join(parts)}"
            )
        return parts

    return check


Layers = Annotated[dict[str, LayerField], Field(min_length=1), AfterValidator(numbered("layer"))]


class Training(Section):
    """A training recipe: optimizer, epochs and precision.

    The task of the view decides the loss.
    """

    epochs: PositiveInt
    batch_size: PositiveInt
    optimizer: Literal["adam", "rmsprop"]
    learning_rate: PositiveFloat
    learning_rate_decay: Annotated[float, Field(ge=0.0)] = 0.0
    learning_rate_schedule: Literal["cosine"] | None = None
    gradient_clipping: PositiveFloat | None = None
    repeated_ids: Literal["separate", "summed"] = "separate"
    epsilon: PositiveFloat = 1e-07
    epsilon_place: Literal["inside_root", "outside_root"] | None = None
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    from_logits: bool = False
    keep_best: ValidationMetric | None = None
    patience: PositiveInt | None = None
    seeds: NonNegativeInt | None = None

    @model_validator(mode="after")
    def _adam_adds_epsilon_outside_the_root(self) -> "Training":
        if self.optimizer == "adam" and self.epsilon_place == "inside_root":
            raise ValueError(
                "epsilon_place is inside_root, which only rmsprop has: Adam adds epsilon outside"
                " the root; leave epsilon_place out"
            )
        return self

    @model_validator(mode="after")
    def _learning_rate_falls_in_one_way(self) -> "Training":
        if self.learning_rate_schedule and self.learning_rate_decay:
            raise ValueError(
                f"learning_rate_schedule is {self.learning_rate_schedule} and learning_rate_decay"
                f" is {self.learning_rate_decay:g}: the learning rate can fall in one way only;"
                " leave one of them out, or set learning_rate_decay: 0.0"
            )
        return self

    @model_validator(mode="after")
    def _patience_is_for_the_best_epoch(self) -> "Training":
        if self.patience and not self.keep_best:
            raise ValueError(
                f"patience is {self.patience} and keep_best is absent: training ends early where"
                " the metric named by keep_best no longer improves; set keep_best:"
                " validation_accuracy or validation_loss, or leave patience out"
            )
        return self


class ExperimentLine(Section):
    """The suite, view and model of an experiment, and overrides of the suite's training."""

    model_config = ConfigDict(extra="allow")

    suite: Name
    view: Name
    model: Name

    @classmethod
    def accepted_keys(cls) -> list[str]:
        """Return the section's own keys and those of a training."""
        return [*super().accepted_keys(), *Training.model_fields]

    @property
    def overrides(self) -> dict[str, Any]:
        """The keys of the suite's training that this experiment overrides."""
        return dict(self.model_extra or {})


class Target(Section):
    """A value of a validation metric to reach: at least an accuracy, or at most a loss."""

    metric: ValidationMetric
    value: PositiveFloat

    @model_validator(mode="after")
    def _accuracy_is_a_share(self) -> "Target":
        if self.metric == "validation_accuracy" and self.value > 1:
            raise ValueError(
                f"value is {self.value:g}, and an accuracy is at most 1: write a share, such as"
                " 0.8 for 80 percent"
            )
        return self

    def is_reached_by(self, value: float) -> bool:
        """Whether a value of the metric is as good as the target."""
        return value >= self.value if self.metric.endswith("accuracy") else value <= self.value

    def __str__(self) -> str:
        sign = ">=" if self.metric.endswith("accuracy") else "<="
        return f"{self.metric.replace('_', ' ')} {sign} {self.value:g}"


class Suite(Section):
    """Experiments that belong in one table: its title, their training and a target for them."""

    title: str
    training: Training
    target: Target | None = None


class Download(Section):
    """How files are downloaded; it does not change their content."""

    connect_timeout_seconds: PositiveFloat
    local_folder: str | None = None


class LayerTable(Section):
    """The sizes for which the layer table gives shapes and numbers of parameters."""

    sequence_length: PositiveInt
    features: PositiveInt
    units: PositiveInt


@dataclass(frozen=True)
class Experiment:
    """A view, a model and a training recipe.

    Attributes
    ----------
    name, suite, view, model : str
        Names in `params.yaml`.
    layers : dict of Layer
        The model's layers from input to output, keyed `layer_1`, `layer_2`, …; the task adds the
        output layer.
    training : Training
        The training of the suite, with the overrides of the experiment.
    seeds : list of int
        The experiment has one run per seed; without seeds it is switched off.
    """

    name: str
    suite: str
    view: str
    model: str
    layers: dict[str, Layer]
    training: Training
    seeds: list[int]
