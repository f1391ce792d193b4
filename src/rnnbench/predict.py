"""Predicting with a trained experiment: text, an image of a digit, frames, or an array."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rnnbench.data.images import read_digit, read_frames
from rnnbench.data.prepared import Array, Manifest, read_manifest
from rnnbench.data.text_encoder import TextEncoder
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
        Texts; or paths of images, of frames, of arrays.
    text_file : Path or None
        For text, a file with one text a line; without it and without `inputs`, standard input.
    output : Path
        Where predicted frames go.
    seed : int or None
        Which run; by default that of the first seed.
    runs : Path, default runs
        Where runs are.

    Raises
    ------
    RnnbenchError
        If the experiment was not trained or an input cannot be used.
    """
    run = _find_run(params.experiments[name], seed, runs)
    manifest = read_manifest(run)
    if manifest.vocabulary_size is not None:
        batches = _encode(load_encoder(run), _texts(inputs, text_file))
    elif text_file is not None or not inputs:
        raise RnnbenchError(f"{name} does not read text; give the paths of its inputs")
    else:
        batches = _read_files(inputs, manifest)
    model, task = load_trained(run), TASKS[manifest.task]
    for given, examples in batches:
        for shown, outputs in zip(given, model.predict(examples), strict=True):
            yield task.answer(outputs, model, shown, output)


def _find_run(experiment: Experiment, seed: int | None, runs: Path) -> Path:
    name, chosen = experiment.name, experiment.seeds[0] if seed is None else seed
    folder = runs / experiment.suite / name / seed_folder(chosen)
    if not (folder / MODEL_FILE).exists():
        seeds = ", ".join(map(str, experiment.seeds))
        raise RnnbenchError(
            f"{name} has no trained model with seed {chosen} (seeds in params.yaml: {seeds});"
            f" `dvc pull train@{name}` brings it from a remote, `dvc repro train@{name}` trains it"
        )
    return folder


def _texts(inputs: Sequence[str], file: Path | None) -> list[str]:
    """Return the texts that were given; what is not UTF-8 in a file is replaced, not refused."""
    if inputs and file:
        raise RnnbenchError("texts are given on the command line and in a file: choose one")
    if inputs:
        return list(inputs)
    if file is not None and not file.is_file():
        raise RnnbenchError(f"{file} does not exist; give a file with one text a line")
    content = file.read_bytes() if file else sys.stdin.buffer.read()
    lines = content.decode("utf-8", errors="replace").removesuffix("\n").split("\n")
    if lines == [""]:
        raise RnnbenchError("there is no text; give it as an argument, a file or standard input")
    return [line.removesuffix("\r") for line in lines]


def _encode(encoder: TextEncoder, texts: list[str]) -> Iterator[tuple[list[str], Array]]:
    """Yield batches of texts: how each is shown, and its ids."""
    for begin in range(0, len(texts), TEXTS_AT_ONCE):
        batch = texts[begin : begin + TEXTS_AT_ONCE]
        unknown = "  (none of its words is known: the answer means nothing)"
        remarks = ["" if encoder.known_words(text) else unknown for text in batch]
        shown = [_shown(text) + remark for text, remark in zip(batch, remarks, strict=True)]
        yield shown, encoder(batch)


def _read_files(paths: Sequence[str], manifest: Manifest) -> Iterator[tuple[list[str], Array]]:
    """Yield the examples of each file, all under its name."""
    for path in paths:
        examples = _read(Path(path), manifest)
        yield [path] * len(examples), examples


def _read(path: Path, manifest: Manifest) -> Array:
    """Read examples in the shape and type of the view's inputs: an image, frames or an array."""
    wanted = manifest.input_shape
    if manifest.splits["train"]["inputs"]["dtype"] != "uint8":
        examples = _read_array(path)
    elif len(wanted) == IMAGE_AXES:
        examples = read_digit(path)
    else:
        examples = read_frames(path, wanted[0])
    examples = examples[np.newaxis] if examples.shape == wanted else examples
    if examples.shape[1:] != wanted:
        raise RnnbenchError(
            f"{path} has the shape {examples.shape}; sequences of {wanted} are needed"
        )
    return examples


def _read_array(path: Path) -> Array:
    """Read numbers, shape (steps, features) or (sequences, steps, features)."""
    try:
        numbers: Array = np.load(path, allow_pickle=False).astype(np.float32)
    except (OSError, ValueError) as error:
        raise RnnbenchError(f"{path} is not a .npy file of numbers: {error}") from error
    return numbers


def _shown(text: str) -> str:
    """Return the beginning of a text, without what would move a terminal's cursor."""
    beginning = text[: SHOWN_CHARACTERS + 1]
    printable = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in beginning
    )
    if len(text) > SHOWN_CHARACTERS:
        return printable[: SHOWN_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return printable or "(empty)"
