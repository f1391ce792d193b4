"""Predicting with a trained experiment: text, an image of a digit, frames, or an array."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from rnnbench.data import copying
from rnnbench.data.batches import scaled
from rnnbench.data.images import read_digit, read_frames, write_frames
from rnnbench.errors import RnnbenchError
from rnnbench.layout import MODEL_FILE, RUNS_FOLDER, seed_folder
from rnnbench.models.outputs import probabilities_from_outputs
from rnnbench.models.saved import load_model
from rnnbench.models.text_classifier import TextClassifier
from rnnbench.params import CopyingView, Experiment, FramesView, Params, RowsView, TextView

SHOWN_CHARACTERS = 70


def predict(
    name: str,
    params: Params,
    inputs: Sequence[str],
    text_file: Path | None,
    output: Path,
    seed: int | None = None,
    runs: Path = RUNS_FOLDER,
) -> Iterator[str]:
    """Predict and yield a line an input.

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
    experiment = params.experiments[name]
    run = _run_folder(name, experiment, seed, runs)
    view = params.views[experiment.view]
    if isinstance(view, TextView):
        yield from _predict_texts(run, _texts(inputs, text_file))
        return
    if text_file is not None or not inputs:
        raise RnnbenchError(f"{name} does not read text; give the paths of what it is to look at")
    model = load_model(run / MODEL_FILE)
    for path in map(Path, inputs):
        if isinstance(view, RowsView):
            yield _predict_digit(model, experiment, path)
        elif isinstance(view, FramesView):
            yield _predict_frames(model, view, path, output)
        else:
            tokens = copying.tokens(view) if isinstance(view, CopyingView) else ()
            yield from _predict_array(model, path, tokens)


def _run_folder(name: str, experiment: Experiment, seed: int | None, runs: Path) -> Path:
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


def _predict_texts(run: Path, texts: list[str]) -> Iterator[str]:
    classifier = TextClassifier.load(run)
    probabilities = classifier.probabilities(texts)
    for text, row in zip(texts, probabilities, strict=True):
        known = classifier.encoder.known_words(text)
        remark = "" if known else "  (no word of it is known: this says nothing)"
        yield _answer(classifier.class_names, row, _shown(text)) + remark


def _predict_digit(model: keras.Model, experiment: Experiment, path: Path) -> str:
    outputs = model.predict_on_batch(scaled(read_digit(path)[np.newaxis]))
    row = probabilities_from_outputs(outputs, experiment.training.from_logits)[0]
    return _answer([str(digit) for digit in range(len(row))], row, str(path))


def _predict_frames(model: keras.Model, view: FramesView, path: Path, output: Path) -> str:
    frames = read_frames(path, view.input_frames)
    predicted = model.predict_on_batch(scaled(frames[np.newaxis]))[0]
    write_frames(predicted, output)
    return f"{output}: {len(predicted)} frames that follow the last {len(frames)} of {path}"


def _predict_array(model: keras.Model, path: Path, tokens: Sequence[str]) -> Iterator[str]:
    """Predict sequences of numbers, shape (steps, features) or (sequences, steps, features)."""
    try:
        inputs = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise RnnbenchError(f"{path} is not a .npy file of numbers: {error}") from error
    wanted = model.input_shape[1:]
    inputs = inputs[np.newaxis] if inputs.shape == wanted else inputs
    if inputs.shape[1:] != wanted:
        raise RnnbenchError(
            f"{path} has the shape {inputs.shape}; sequences of {wanted} are wanted"
        )
    for row in model.predict_on_batch(inputs.astype(np.float32)):
        yield _shown_outputs(row, tokens)


def _shown_outputs(row: npt.NDArray[Any], tokens: Sequence[str]) -> str:
    if tokens:
        return " ".join(tokens[index] for index in row.argmax(axis=-1))
    return " ".join(f"{value:.4f}" for value in row)


def _answer(names: Sequence[str], probabilities: npt.NDArray[Any], shown: str) -> str:
    likeliest = int(probabilities.argmax())
    return f"{names[likeliest]}  {probabilities[likeliest]:.4f}  {shown}"


def _shown(text: str) -> str:
    """Return the beginning of a text, without what would move a terminal's cursor."""
    beginning = text[: SHOWN_CHARACTERS + 1]
    printable = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in beginning
    )
    if len(text) > SHOWN_CHARACTERS:
        return printable[: SHOWN_CHARACTERS - 1] + "\N{HORIZONTAL ELLIPSIS}"
    return printable or "(empty)"
