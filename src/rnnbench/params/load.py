"""`params.yaml` as typed, validated objects.

The file is the user interface: a key that is unknown, misspelt or of the wrong type raises an error
that names the key, the file and the accepted values.
"""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent

from rnnbench.errors import RnnbenchError
from rnnbench.params.schema import (
    DatasetSettings,
    Download,
    Experiment,
    ExperimentLine,
    Layers,
    LayerTable,
    Name,
    Section,
    Seed,
    Suite,
    Target,
    Training,
    View,
    ViewField,
)
from rnnbench.registry import Registry, choices

PARAMS_FILE = Path("params.yaml")
DEEPEST = 50  # nested mappings and lists

Part = TypeVar("Part", bound=Section)


def _datasets(content: Any) -> dict[str, DatasetSettings]:
    """Validate the parameters of downloaded and generated data sets."""
    return _settings(content, of_files=False)


def _files(content: Any) -> dict[str, DatasetSettings]:
    """Validate the parameters of data sets from users' own files."""
    return _settings(content, of_files=True)


def _settings(content: Any, of_files: bool) -> dict[str, DatasetSettings]:
    """Validate each data set's parameters with the class that its module registers."""
    from rnnbench.data.dataset import DATASETS

    if not isinstance(content, Mapping):
        raise ValueError("a mapping of data sets is needed")
    for name in content:
        TypeAdapter(Name).validate_python(name)
        _require_known("data set", name, DATASETS)
        if DATASETS[name].of_file != of_files:
            needed = "files" if DATASETS[name].of_file else "datasets"
            raise ValueError(f"{name!r} belongs in the section {needed}; move it there")
    faults: list[str] = []
    settings = {}
    for name, values in content.items():
        try:
            settings[name] = DATASETS[name].settings.model_validate(values)
        except ValidationError as error:
            faults += [f"{name}.{_describe(fault)}" for fault in error.errors()]
    if faults:
        raise ValueError("; ".join(faults))
    return settings


class Params(Section):
    """The content of `params.yaml`."""

    seeds: PositiveInt
    first_seed: Seed
    margin: PositiveFloat
    deterministic: bool
    compiled_loops: bool
    download: Download
    layer_table: LayerTable
    datasets: Annotated[
        dict[str, DatasetSettings],
        PlainValidator(_datasets),
        AfterValidator(Registry.named("data set")),
    ]
    files: Annotated[
        dict[str, DatasetSettings], PlainValidator(_files), AfterValidator(Registry.named("file"))
    ] = Field(default={})
    views: Annotated[dict[Name, ViewField], AfterValidator(Registry.named("view"))]
    models: Annotated[dict[Name, Layers], AfterValidator(Registry.named("model"))]
    lines: Annotated[dict[Name, ExperimentLine], Field(min_length=1, alias="experiments")]
    suites: Annotated[dict[Name, Suite], AfterValidator(Registry.named("suite"))]

    @model_validator(mode="after")
    def _parts_fit_each_other(self) -> "Params":
        for name, view in self.views.items():
            _require_known(f"views.{name}.dataset", view.dataset, [*self.datasets, *self.files])
        for name, line in self.lines.items():
            for key, known in (
                ("suite", self.suites),
                ("view", self.views),
                ("model", self.models),
            ):
                _require_known(f"experiments.{name}.{key}", getattr(line, key), known)
        for name in self.suites:
            if not self.experiment_names(name):
                raise ValueError(f"suites.{name} has no experiment; give it one or leave it out")
        for experiment in self.experiments.values():
            view = self.views[experiment.view]
            _require_layers_fit_view(experiment, view)
            _require_logits_are_taken(experiment, view)
            _require_clipping_of_sums(experiment)
            _require_best_is_measured(experiment, view)
            _require_target_is_measured(experiment, view, self.suites[experiment.suite].target)
        return self

    @cached_property
    def experiments(self) -> Mapping[str, Experiment]:
        """Every experiment by name, with its layers and its training."""
        found: Registry[Experiment] = Registry("experiment")
        found.update({name: self._experiment(name, line) for name, line in self.lines.items()})
        return found

    def settings_of(self, dataset: str) -> DatasetSettings:
        """Return the parameters of a data set of the section `datasets` or `files`."""
        return (self.files if dataset in self.files else self.datasets)[dataset]

    def experiment_names(self, suite: str) -> list[str]:
        """Return the experiments of a suite, in the order of the file."""
        return [name for name, line in self.lines.items() if line.suite == suite]

    def _experiment(self, name: str, line: ExperimentLine) -> Experiment:
        recipe = self.suites[line.suite].training
        training = _with_overrides(name, recipe, line.overrides)
        count = self.seeds if training.seeds is None else training.seeds
        if recipe.seeds == 0:  # switches off the whole suite, whatever a line says
            count = 0
        return Experiment(
            name,
            line.suite,
            line.view,
            line.model,
            self.models[line.model],
            training,
            list(range(self.first_seed, self.first_seed + count)),
        )


def _with_overrides(name: str, training: Training, overrides: Mapping[str, Any]) -> Training:
    try:
        return Training.model_validate({**training.model_dump(), **overrides})
    except ValidationError as error:
        faults = [f"experiments.{name}.{_describe(fault)}" for fault in error.errors()]
        raise ValueError("; ".join(faults)) from error


def _require_known(where: str, name: str, known: Iterable[str]) -> None:
    if name not in known:
        raise ValueError(f"{where}: {name!r} does not exist; {choices(name, known)}")


def _require_layers_fit_view(experiment: Experiment, view: View) -> None:
    from rnnbench.models.architecture import require_layers_fit_inputs

    reads_ids = "vocabulary_size" in type(view).model_fields
    try:
        require_layers_fit_inputs(experiment.layers, experiment.view, reads_ids)
    except RnnbenchError as error:
        raise ValueError(
            f"experiments.{experiment.name}, model {experiment.model!r}: {error}"
        ) from error


def _require_logits_are_taken(experiment: Experiment, view: View) -> None:
    from rnnbench.data.dataset import DATASETS
    from rnnbench.models.heads import HEADS

    task = DATASETS[view.dataset].task
    if experiment.training.from_logits and not HEADS[task].takes_logits:
        raise ValueError(
            f"experiments.{experiment.name}: from_logits is true, and the loss of view"
            f" {experiment.view!r} ({task}) takes no logits; leave it out, or give the experiment"
            " from_logits: false"
        )


def _require_clipping_of_sums(experiment: Experiment) -> None:
    """Refuse clipping of gradients that are not summed, where a model has an embedding.

    With TensorFlow Keras measures the norm of each occurrence of an id by itself, and then sums the
    occurrences: neither the norm nor the optimizer's arithmetic is what the recipe says.
    """
    from rnnbench.models.variant import VARIANTS

    training = experiment.training
    has_ids = any(VARIANTS[layer.type].takes_ids for layer in experiment.layers.values())
    if training.gradient_clipping and has_ids and training.repeated_ids == "separate":
        raise ValueError(
            f"experiments.{experiment.name}: gradient_clipping is {training.gradient_clipping:g},"
            " and the gradients of repeated ids of the embedding are separate, which have no norm"
            " to clip; set repeated_ids: summed, or leave gradient_clipping out"
        )


def _require_target_is_measured(experiment: Experiment, view: View, target: Target | None) -> None:
    if target is None:
        return
    if fault := _why_not_measured(target.metric, view):
        raise ValueError(
            f"suites.{experiment.suite}.target: {target.metric} is not measured by experiment"
            f" {experiment.name!r}: view {experiment.view!r} {fault}, or leave the target out"
        )


def _require_best_is_measured(experiment: Experiment, view: View) -> None:
    metric = experiment.training.keep_best
    if metric and (fault := _why_not_measured(metric, view)):
        raise ValueError(
            f"experiments.{experiment.name}: keep_best is {metric}, which is not measured: view"
            f" {experiment.view!r} {fault}, or leave keep_best and patience out"
        )


def _why_not_measured(metric: str, view: View) -> str | None:
    """Return why training does not measure a validation metric on a view; None if it does."""
    from rnnbench.data.dataset import DATASETS
    from rnnbench.models.heads import HEADS, Head

    if not view.validation_fraction:
        return "has no validation_fraction; give it one"
    # A kind of task without metrics of its own measures the loss alone.
    if (
        metric == "validation_accuracy"
        and type(HEADS[DATASETS[view.dataset].task]).metrics is Head.metrics
    ):
        return f"measures no accuracy on {view.dataset}; choose validation_loss"
    return None


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate `params.yaml`.

    Parameters
    ----------
    path : Path, default "params.yaml"
        The file, read as DVC reads it (YAML 1.2).

    Returns
    -------
    Params
        The content of the file as typed objects.

    Raises
    ------
    RnnbenchError
        If the file is missing, is not YAML or has a value that is not accepted. The error lists
        every fault.
    """
    return parse_params(read_yaml(path), str(path))


def read_yaml(path: Path) -> Any:
    """Read a YAML file as DVC reads it.

    Raises
    ------
    RnnbenchError
        If the file is missing, is not YAML, has an alias or is nested too deeply. Aliases of
        aliases can expand a few lines to more than fits in memory.
    """
    if not path.exists():
        raise RnnbenchError(f"{path} does not exist; run the command in the project's root folder")
    try:
        text = path.read_text(encoding="utf-8")
        _require_plain(path, text)
        return YAML(typ="safe").load(text)
    except (YAMLError, UnicodeDecodeError) as error:
        raise RnnbenchError(f"{path} is not valid YAML in UTF-8: {error}") from error


def _require_plain(path: Path, text: str) -> None:
    depth = 0
    for event in YAML(typ="safe").parse(text):
        if isinstance(event, AliasEvent):
            raise RnnbenchError(
                f"{path}, line {event.start_mark.line + 1}: the alias *{event.anchor} is not"
                " accepted, as DVC expands aliases when it changes a value; give what several"
                " entries share a name in models, views or suites"
            )
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise RnnbenchError(
                f"{path}, line {event.start_mark.line + 1}: more than {DEEPEST} nested levels are"
                " not accepted"
            )


def parse_params(content: Any, source: str) -> Params:
    """Validate parameters that were read already.

    Parameters
    ----------
    content : Any
        Content of a YAML file.
    source : str
        Name of the file for errors.

    Raises
    ------
    RnnbenchError
        If a value is not accepted.
    """
    return validate(Params, content, source)


def validate(section: type[Part], content: Any, source: str) -> Part:
    """Validate the content of a file; one error lists every fault.

    Raises
    ------
    RnnbenchError
        If a value is not accepted.
    """
    try:
        return section.model_validate(content)
    except ValidationError as error:
        faults = "\n".join(f"  {_describe(fault)}" for fault in error.errors())
        raise RnnbenchError(f"{source} cannot be used:\n{faults}") from error


def _describe(fault: ErrorDetails) -> str:
    message = fault["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    if fault["type"] not in ("value_error", "missing"):
        message += f"; given: {fault['input']!r}"
    return f"{where}: {message}" if where else message
