"""Write the reference pages that follow from the code: `parameters.md` and `command-line.md`.

    python -m docs.reference [--check]

Keys, types and defaults are those of the schema and the registries, commands those of `rnnbench`.
What a key means is described here; a key without a description is an error.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import click
from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema
from pydantic.fields import FieldInfo

from rnnbench.cli import main as rnnbench
from rnnbench.data.dataset import DATASETS
from rnnbench.errors import RnnbenchError
from rnnbench.files import write_text
from rnnbench.models.variant import CELLS, VARIANTS, Component
from rnnbench.params import Download, LayerTable, Params, Section, Suite, Target, Training
from rnnbench.params.schema import ExperimentLine

FOLDER = Path(__file__).parent
WRITTEN = "<!-- Written by `python -m docs.reference`. -->"
WIDTH = 90  # characters of a line of help

# Meanings of keys by name, or by section and name where a name means different things.
MEANINGS = {
    "seeds": "runs of every experiment, unless its suite or its own line has another number",
    "first_seed": "seed of the first run, the next run has the next number; decides initial"
    " weights, order of examples and dropout",
    "margin": "differences between scores that are smaller than it have no practical importance",
    "deterministic": "refuse operations whose result depends on the timing of threads",
    "compiled_loops": "let XLA compile the loop over the steps, or the training step, where that"
    " is faster",
    "connect_timeout_seconds": "how long to wait for a host that does not answer",
    "local_folder": "a folder that is searched for data files before a download;"
    " `RNNBENCH_LOCAL_DATA` overrides it",
    "layer_table.sequence_length": "steps",
    "layer_table.features": "x, inputs per step",
    "layer_table.units": "h, units of every layer",
    "route": "the source of the data: [data](../data/README.md)",
    "generated_seed": "seed of the random numbers from which the data are generated",
    "generated_sequences": "number of sequences to generate, of 20 frames each",
    "path": "the file or folder: an absolute path, or one relative to the repository's root",
    "text": "the column with the texts; if `text` and `label` are absent, `path` is a folder with a"
    " folder for each class",
    "label": "the column with the classes of the texts",
    "time": "the column with the times, dates or numbers",
    "values": "the columns with the series",
    "gaps": "treatment of missing times or values: `refuse` is an error, `fill` repeats the last"
    " value, `ignore` (for times only) treats each row as the next step",
    "test_fraction": "share of the test split: of each class of texts, or of the steps of series,"
    " at their end",
    "split_seed": "decides which texts are in the test split",
    "repeated_texts": "treatment of texts that repeat another one, or occur with different labels",
    "rare_classes": "treatment of classes with fewer than 10 texts",
    "horizon": "steps to forecast",
    "season": "steps after which the series repeat; 1 means that there is no season",
    "train_stride": "rows from one training or validation window to the next",
    "test_stride": "rows from one test window to the next",
    "dataset": "the data set",
    "train_examples": "number of examples from the beginning of the training split",
    "test_examples": "number of examples from the beginning of the test split",
    "validation_fraction": "share at the end of the training split that is held out for validation",
    "vocabulary_size": "token ids below it are kept; rarer words get the id of unknown words",
    "sequence_length": "steps; for text, tokens after padding and truncation",
    "padding": "the side on which short sequences are padded",
    "truncation": "where long sequences are cut; `middle` leaves the first quarter and the end",
    "alphabet_size": "number of different symbols",
    "copied_symbols": "number of symbols to remember",
    "delay": "blank steps between reading and repeating",
    "features": "numbers per step",
    "input_frames": "frames that the model reads",
    "target_frames": "frames after these that the model predicts",
    "title": "title of the suite's table",
    "training": "the training recipe of its experiments",
    "target": "the validation metric to reach; tables have the number of epochs until then",
    "metric": "the metric",
    "value": "the value to reach: an accuracy from below, a loss from above",
    "epochs": "passes over the training split",
    "batch_size": "examples per step",
    "optimizer": "the optimizer",
    "learning_rate": "learning rate at the first step",
    "learning_rate_decay": "learning rate = initial / (1 + decay · step)",
    "learning_rate_schedule": "`cosine`: the learning rate falls to 0 over all steps of all epochs,"
    " along half a cosine; not together with `learning_rate_decay`",
    "gradient_clipping": "largest norm of the gradient of all weights together; a larger gradient"
    " is scaled down to it; an embedding then needs `repeated_ids: summed`",
    "keep_best": "keep the weights of the epoch with the best value of this metric (the first one"
    " if several are equal); if absent, the weights of the last epoch",
    "patience": "epochs without a better value of the metric of `keep_best` after which training"
    " ends; if absent, all epochs are trained",
    "repeated_ids": "treatment of the gradients of an id that occurs several times in a batch:"
    " [optimizers](optimizers.md)",
    "epsilon": "keeps the optimizer from dividing by 0",
    "epsilon_place": "where RMSprop adds epsilon; if absent, where Keras adds it:"
    " [optimizers](optimizers.md)",
    "precision": "number format of the layers' computations",
    "from_logits": "whether the loss takes logits instead of probabilities",
    "training.seeds": "runs; if absent, the `seeds` of all experiments",
    "suite": "the suite that the experiment belongs to",
    "view": "the view for training and testing",
    "model": "the model, an entry of `models`",
}
INTRODUCTION = """\
`params.yaml` holds everything that decides a result. An unknown key, a misspelt name or a value of
another type is an error that names the key and what is accepted; `rnnbench check` reports all of
them at once. [Change an experiment](change.md) explains how to change a value and what runs again.
"""
FILES = """\
Your own files, which the commands `new text` and `new series` add: [texts](own-texts.md),
[series](own-series.md). The name of such a data set begins with its kind.
"""
MODELS = """\
The layers of a model from input to output, numbered `layer_1`, `layer_2`, …. The task of the view
adds the output layer. An option is Keras's argument of that name (`units` of an embedding:
`output_dim`); an option that is absent has Keras's default.
"""
OWN_LAYERS = """\
Keras does not have `min_gru`, `min_lstm`, `lru_block`, `rg_lru_block`, `ind_rnn`, `janet`,
`layer_norm_lstm` and `qrnn`; their files in `src/rnnbench/models/variants/` begin with their source
and their equations. Keras also does not have `pair_embedding`, `global_pooling_1d` and `repeat`,
described below.
Each of the two blocks contains a linear recurrence with normalisation, a gate and a residual
connection. Its outputs are as wide as its inputs, whatever its `units`; to set the width of a stack
of blocks, put a `dense` layer before it.

- `chrono_steps` of `janet` and `lstm`: the biases of forget gates are initialised for dependencies
  of up to this number of steps (Tallec & Ollivier 2018), and the biases of the input gates of
  `lstm` with the negative values. If absent, forget gates have an initial bias of 1, as in Keras.
- `memory_steps` of `ind_rnn`: the length T of the sequences to remember; recurrent weights are
  initialised between 2^(-1/T) and 2^(1/T) and stay within ±2^(1/T). If absent, they are initialised
  between 0 and 1 and stay within ±1.
- `r_min`, `r_max` and `max_phase` of `lru_block`: the part of the unit disc from which the factors
  of its recurrence are initialised. If absent, 0, 1 and 2π: the complete disc.
- `whole_steps` of `dropout`: drop all numbers of a step together (behind an embedding, a word)
  instead of single numbers.
- `pairs` of `pair_embedding`: to the vector of a word is added that of the word together with the
  word before it. All pairs share this number of vectors, by a hash (Joulin et al. 2017).
- `features` of `reshape`: numbers in each of the new steps; with 1, images are read by pixel.
- `statistic` of `global_pooling_1d`: the maximum of each feature over the steps, its average, or
  both concatenated. Steps that an embedding with `mask_zero` masks are left out.
- `steps` of `repeat`: an encoder's last output becomes the input of each of this number of steps of
  a forecaster, as with Keras's `RepeatVector`; frames can be repeated too.
- `conv_2d` and `conv_2d_transpose` take each frame separately, in a `TimeDistributed`; their
  `strides` are those in both directions of a frame, in pixels. If absent, 1.
"""
TRAINING = """\
An experiment may override these keys in its own entry.
"""
NAMES = {
    "integer": "whole number",
    "number": "number",
    "boolean": "`true` or `false`",
    "string": "text",
    "object": "mapping",
    "array": "list of text",
}
LIMITS = {
    "exclusiveMinimum": ">",
    "minimum": "≥",
    "exclusiveMaximum": "<",
    "maximum": "≤",
}


def parameters_page() -> str:
    """Return the page on `params.yaml`."""
    scalars = {
        name: field
        for name, field in Params.model_fields.items()
        if field.annotation in (int, float, bool)
    }
    known = sorted(DATASETS.items())
    settings = {name: one.settings for name, one in known if not one.of_file}
    files = {f"{name}-NAME": one.settings for name, one in known if one.of_file}
    views = {f"{name}-NAME" if one.of_file else name: one.view for name, one in known}
    parts = [
        f"# Parameters\n\n{WRITTEN}\n\n{INTRODUCTION}",
        f"## Of all experiments\n\n{_keys(scalars, 'all')}",
        f"## download\n\n{_keys(Download.model_fields, 'download')}",
        f"## layer_table\n\n{_keys(LayerTable.model_fields, 'layer_table')}",
        "## datasets.NAME\n",
        *_shared_tables(settings, "datasets", "none"),
        f"## files.NAME\n\n{FILES}",
        *_shared_tables(files, "files", "none"),
        "## views.NAME\n",
        *_shared_tables(views, "views", "all"),
        f"## models.NAME\n\n{MODELS}",
        f"Layers:\n\n{_components(VARIANTS)}\n{OWN_LAYERS}",
        f"Cells, for the layer `rnn` and within `stacked_rnn_cells`:\n\n{_components(CELLS)}",
        f"## suites.NAME\n\n{_keys(Suite.model_fields, 'suites')}",
        f"## suites.NAME.training\n\n{TRAINING}\n{_keys(Training.model_fields, 'training')}",
        f"## suites.NAME.target\n\n{_keys(Target.model_fields, 'target')}",
        f"## experiments.NAME\n\n{_keys(ExperimentLine.model_fields, 'experiments')}",
    ]
    return "\n".join(parts)


def command_line_page() -> str:
    """Return the page on the command `rnnbench`."""
    sections = [
        f"## {path}\n\n```text\n{_help(command, path)}\n```\n"
        for path, command in _commands(rnnbench, "rnnbench")
    ]
    return "\n".join([f"# Command line\n\n{WRITTEN}\n", *sections])


PAGES: dict[str, Callable[[], str]] = {
    "parameters.md": parameters_page,
    "command-line.md": command_line_page,
}


def _keys(fields: Mapping[str, FieldInfo], section: str, absent: str = "-") -> str:
    """Return a table of the keys of a section, one row per key."""
    rows = [
        (f"`{key}`", _value(field), _default(field, absent), _meaning(section, key))
        for key, field in fields.items()
    ]
    return _table(("key", "value", "if absent", "meaning"), rows)


def _shared_tables(sections: Mapping[str, type[Section]], path: str, absent: str) -> Iterator[str]:
    """Yield a table for each section, below the names of the data sets that share it."""
    for section in dict.fromkeys(sections.values()):
        names = ", ".join(f"`{name}`" for name, one in sections.items() if one is section)
        yield f"{names}:\n\n{_keys(section.model_fields, path, absent)}"


def _components(components: Mapping[str, Component]) -> str:
    """Return a table of layers or cells and their options, one row per component."""
    rows = []
    for name, component in sorted(components.items()):
        options = [
            f"`{option}`{'' if field.is_required() else ' (optional)'}: {_value(field)}"
            for option, field in component.options.model_fields.items()
            if option != "type"
        ]
        rows.append((f"`{name}`", component.options.__name__, "<br>".join(options) or "-"))
    return _table(("type", "Keras class", "options"), rows)


def _value(field: FieldInfo) -> str:
    """Return what values a field accepts, in words."""
    try:
        schema = TypeAdapter[Any](_annotation(field)).json_schema()
    except PydanticInvalidForJsonSchema:  # a section whose class one of its keys decides
        return NAMES["object"]
    alternatives = schema.get("anyOf", [schema])
    return " or ".join(_in_words(one) for one in alternatives if one.get("type") != "null")


def _annotation(field: FieldInfo) -> Any:
    return Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation


def _in_words(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    # 0 and 0.0 are the same limit to Pydantic: which of them a schema has depends on what was read
    # before it.
    limits = ", ".join(
        f"{sign} {schema[key]:.10g}" for key, sign in LIMITS.items() if key in schema
    )
    return f"{NAMES[schema.get('type', 'object')]} {limits}".strip()


def _default(field: FieldInfo, absent: str) -> str:
    if field.is_required():
        return "required"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    return absent if field.default is None else f"`{field.default}`"


def _meaning(section: str, key: str) -> str:
    meaning = MEANINGS.get(f"{section}.{key}") or MEANINGS.get(key)
    if meaning is None:
        raise RnnbenchError(f"docs/reference.py does not say what {section}.{key} means: add it")
    return meaning


def _table(titles: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [titles, ("---",) * len(titles), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _help(command: click.Command, path: str) -> str:
    context = click.Context(
        command, info_name=path, terminal_width=WIDTH, **rnnbench.context_settings
    )
    return command.get_help(context)


def _commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        for name, part in command.commands.items():
            yield from _commands(part, f"{path} {name}")


@click.command()
@click.option("--check", is_flag=True, help="Write nothing; fail if a page is out of date.")
def main(check: bool) -> None:
    """Write the pages that follow from the code."""
    texts = {FOLDER / name: page() for name, page in PAGES.items()}
    stale = [
        path
        for path, text in texts.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if check and stale:
        names = ", ".join(f"docs/{path.name}" for path in stale)
        sys.exit(f"{names} out of date; run `python -m docs.reference`")
    for path in stale:
        write_text(path, texts[path])


if __name__ == "__main__":
    main()
