"""Predicting with a trained experiment: text, images of digits, frames, or arrays."""

import sys
from collections.abc import Iterator, Sequence
from itertools import repeat
from pathlib import Path

import numpy as np

from rnnbench.data.arrays import read_array
from rnnbench.data.digits import read_digits
from rnnbench.data.images import images_in, read_frames
from rnnbench.data.prepared import Array, Manifest, read_manifest
from rnnbench.data.table_files import TABLE_SUFFIXES
from rnnbench.data.text_encoder import TextEncoder
from rnnbench.data.text_files import lines, read_texts
from rnnbench.data.time_series import Scaling, read_series
from rnnbench.errors import RnnbenchError
from rnnbench.evaluation.trained import load_encoder, load_trained
from rnnbench.layout import MODEL_FILE, RUNS_FOLDER, seed_folder
from rnnbench.params import Experiment, Params
from rnnbench.tasks.task import TASKS

SHOWN_CHARACTERS = 70
TEXTS_AT_ONCE = 64
IMAGE_AXES = 2


def predict(
    name: str,
    params: Params,
    inputs: Sequence[str],
    text_file: Path | None,
    output: Path,
    seed: int | None = None,
    runs: Path = RUNS_FOLDER,
) -> Iterator[str]:
    """Predict and yield a line for each example.

    Parameters
    ----------
    name : str
        An experiment of `params.yaml` that was trained.
    params : Params
        The parameters.
    inputs : sequence of str
        Texts, or paths of images, frames, arrays or folders; see docs/predict.md.
    text_file : Path or None
        For text, a file with one text per line or a table with a column `text`; without it and
        without `inputs`, standard input with one text per line.
    output : Path
        The file for predicted frames. For several sequences its name is numbered: `next.gif`
        becomes `next-1.gif`, `next-2.gif` and so on.
    seed : int or None
        The seed of the run; by default the experiment's first seed.
    runs : Path, default runs
        The folder of the runs.

    Raises
    ------
    RnnbenchError
        If the experiment was not trained or an input cannot be used.
    """
    run = _find_run(params.experiments[name], seed, runs)
    manifest = read_manifest(run)
    output_names: Iterator[Path] = repeat(output)
    if manifest.vocabulary_size is not None:
        batches = _encode(load_encoder(run), _texts(inputs, text_file))
    elif text_file is not None or not inputs:
        raise RnnbenchError(f"{name} does not read text; give the paths of its inputs")
    else:
        # All inputs are read before the first prediction, so that an unreadable one stops it all.
        read = [batch for path in inputs for batch in _read(Path(path), manifest)]
        output_names = _numbered(output, sum(len(examples) for _, examples in read))
        batches = iter(read)
    model, task = load_trained(run), TASKS[manifest.task]
    for given, examples in batches:
        stored = task.as_stored(examples, model)
        for shown, outputs in zip(given, model.predict_all(stored), strict=True):
            yield task.answer(outputs, model, shown, next(output_names))


def _find_run(experiment: Experiment, seed: int | None, runs: Path) -> Path:
    name = experiment.name
    if seed is None and not experiment.seeds:
        raise RnnbenchError(
            f"{name} has no trained model: it has 0 seeds in params.yaml; set `seeds` of the suite"
            f" {experiment.suite} or of the experiment, then `dvc repro train@{name}` trains it"
        )
    chosen = experiment.seeds[0] if seed is None else seed
    folder = runs / experiment.suite / name / seed_folder(chosen)
    if not (folder / MODEL_FILE).exists():
        seeds = ", ".join(map(str, experiment.seeds))
        raise RnnbenchError(
            f"{name} has no trained model with seed {chosen} (seeds in params.yaml: {seeds});"
            f" `dvc pull train@{name}` brings it from a remote, `dvc repro train@{name}` trains it"
        )
    return folder


def _texts(inputs: Sequence[str], file: Path | None) -> list[str]:
    if inputs and file:
        raise RnnbenchError("texts are given on the command line and in a file: choose one")
    for given in inputs:
        if _is_file(given):
            raise RnnbenchError(f"{given} is a file: give it with --file {given}")
    if inputs:
        return list(inputs)
    texts = read_texts(file) if file else lines(sys.stdin.buffer.read())
    if not texts:
        raise RnnbenchError("there is no text; give it as an argument, a file or standard input")
    return texts


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except (OSError, ValueError):  # longer than a path may be, or with a NUL
        return False


def _encode(encoder: TextEncoder, texts: list[str]) -> Iterator[tuple[list[str], Array]]:
    """Yield batches of texts: the texts as they are shown, and their ids."""
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        batch = texts[begin : begin + TEXTS_AT_ONCE]
        unknown = "  (none of its words is known, so the prediction is meaningless)"
        remarks = ["" if encoder.known_words(text) else unknown for text in batch]
        shown = [_shown(text) + remark for text, remark in zip(batch, remarks, strict=True)]
        yield shown, encoder(batch)


def _read(path: Path, manifest: Manifest) -> Iterator[tuple[list[str], Array]]:
    """Yield the examples of a path in the shape and type of the view's inputs, each with its name.

    An image may have several pages, an array several sequences, and a folder several images.
    """
    wanted = manifest.input_shape
    if path.suffix.lower() in TABLE_SUFFIXES and "series" in manifest.facts:
        examples = _read_last_window(path, manifest)
    elif manifest.splits["train"]["inputs"]["dtype"] != "uint8":
        examples = _read_numbers(path, wanted)
    elif len(wanted) != IMAGE_AXES:
        examples = read_frames(path, wanted[0])[np.newaxis]
    elif path.is_dir():
        for file in images_in(path):
            yield from _read(file, manifest)
        return
    else:
        examples = read_digits(path)
    yield [str(path)] * len(examples), examples


def _read_last_window(path: Path, manifest: Manifest) -> Array:
    """Read the last steps of the series in a table, shape (1, steps, series)."""
    scaling, steps = Scaling.from_facts(manifest.facts), manifest.input_shape[0]
    series = read_series(path, scaling.time, scaling.series, scaling.gaps)
    if len(series.values) < steps:
        raise RnnbenchError(
            f"{path} has {len(series.values)} steps; the model reads the last {steps}"
        )
    return series.values[np.newaxis, -steps:]


def _read_numbers(path: Path, wanted: tuple[int, ...]) -> Array:
    """Read sequences of numbers, shape (steps, features) or (sequences, steps, features)."""
    numbers = read_array(path)
    if numbers.shape not in (wanted, (len(numbers) if numbers.ndim else 0, *wanted)):
        raise RnnbenchError(
            f"{path} has the shape {numbers.shape}; sequences of {wanted} are needed"
        )
    largest = float(np.finfo(np.float32).max)
    if np.abs(numbers.astype(np.float64)).max() > largest:
        raise RnnbenchError(f"{path} holds numbers above {largest:.2g}, the largest float32 number")
    return numbers.astype(np.float32).reshape(-1, *wanted)


def _numbered(output: Path, count: int) -> Iterator[Path]:
    """Yield a file name for each of `count` predictions: `output`, or numbered from 1."""
    if count == 1:
        return repeat(output)
    return (output.with_stem(f"{output.stem}-{number}") for number in range(1, count + 1))


def _shown(text: str) -> str:
    """Return the beginning of a text, its control characters replaced."""
    beginning = text[: SHOWN_CHARACTERS + 1]
    printable = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in beginning
    )
    if len(text) > SHOWN_CHARACTERS:
        return printable[: SHOWN_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return printable or "(empty)"
