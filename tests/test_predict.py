"""`rnnbench predict`: an answer for every input, or an error that says what is wanted."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from rnnbench.cli import main
from rnnbench.data.prepared import write_manifest
from rnnbench.files import write_json
from rnnbench.models.build import build_model
from rnnbench.models.saved import save_model
from rnnbench.params import Params
from tests.tasks.manifests import make_manifest

WORDS = ["the", "movie", "excellent", "dull"]
TEXTS: dict[str, Any] = {
    "dtype": "int32",
    "parameters": {"sequence_length": 200, "padding": "pre", "truncation": "pre"},
}
FRAMES = (10, 64, 64, 1)
MANIFESTS = {
    "sentiment-gru": make_manifest(
        "classification", (200,), (), classes=2, vocabulary_size=8_000, **TEXTS
    ),
    "reuters-lstm": make_manifest(
        "classification", (200,), (), classes=46, vocabulary_size=10_000, **TEXTS
    ),
    "mnist-gru": make_manifest("classification", (28, 28), (), classes=10, dtype="uint8"),
    "moving-mnist-conv-lstm": make_manifest("video", FRAMES, FRAMES, dtype="uint8"),
    "random-gru": make_manifest("classification", (10, 1), (), classes=2),
    "adding-20-gru": make_manifest("regression", (20, 2), (1,)),
    "copying-5-gru": make_manifest(
        "sequence_labelling",
        (15, 6),
        (15,),
        classes=6,
        class_names=list("_abcd!"),
        facts={"alphabet_size": 4, "copied_symbols": 5, "delay": 5},
    ),
}


@pytest.fixture(scope="module")
def workspace(root: Path, params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with params.yaml and runs whose weights are those they began with."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "params.yaml").write_bytes((root / "params.yaml").read_bytes())
    for name, manifest in MANIFESTS.items():
        experiment = params.experiments[name]
        run = folder / "runs" / experiment.suite / name / "seed-42"
        run.mkdir(parents=True)
        keras.utils.set_random_seed(0)
        model = build_model(experiment.layers, experiment.training, manifest)
        save_model(model, run / "model.keras")
        write_manifest(run, manifest)
        training = experiment.training.model_dump(exclude_none=True)
        write_json(run / "run.json", {"parameters": {"training": training}})
        if manifest.vocabulary_size is not None:
            write_json(run / "vocabulary.json", WORDS)
    return folder


@pytest.fixture(autouse=True)
def inside(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)


def predict(*arguments: str, stdin: Any = None) -> Result:
    return CliRunner().invoke(main, ["predict", *arguments], input=stdin)


def test_each_text_gets_a_label_and_its_probability() -> None:
    answer = predict("sentiment-gru", "An excellent movie!", "dull, dull")
    assert answer.exit_code == 0, answer.output
    for line, text in zip(
        answer.output.splitlines(), ("An excellent movie!", "dull, dull"), strict=True
    ):
        label, probability, shown = line.split("  ")
        assert label in ("class 0", "class 1")
        assert 0.5 <= float(probability) <= 1.0
        assert shown == text


def test_arguments_a_file_and_standard_input_give_the_same(tmp_path: Path) -> None:
    texts = ["The excellent movie", "a dull movie"]
    file = tmp_path / "reviews.txt"
    file.write_text("\r\n".join(texts) + "\n")
    answers = [
        predict("reuters-lstm", *texts),
        predict("reuters-lstm", "--file", str(file)),
        predict("reuters-lstm", stdin="\n".join(texts)),
    ]
    assert len({answer.output for answer in answers}) == 1
    assert len(answers[0].output.splitlines()) == 2


def test_odd_texts_get_an_answer_each() -> None:
    odd = b"\n\0 null \x1b[31m\nnothing known\n\xff\xfe no UTF-8\n\xe7\xb4\xa0\xe6\x99\xb4\n"
    odd += b"movie " * 100_000
    answer = predict("sentiment-gru", stdin=odd)
    assert answer.exit_code == 0, answer.output
    lines = answer.output.splitlines()
    assert len(lines) == 6
    assert "(empty)  (none of its words is known" in lines[0]
    assert "\0" not in answer.output
    assert "\x1b" not in answer.output
    assert all("none of its words is known" in line for line in lines[:5])
    assert "none of its words" not in lines[5]


def test_an_image_of_a_digit_gets_a_digit(tmp_path: Path) -> None:
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / "digit.png")
    answer = predict("mnist-gru", str(tmp_path / "digit.png"))
    assert answer.exit_code == 0, answer.output
    digit, probability, shown = answer.output.strip().split("  ")
    assert digit in MANIFESTS["mnist-gru"].class_names
    assert 0.1 <= float(probability) <= 1.0
    assert shown.endswith("digit.png")


def test_frames_are_continued_in_the_named_file(tmp_path: Path) -> None:
    np.save(tmp_path / "seen.npy", np.zeros((20, 64, 64), np.uint8))
    output = tmp_path / "next.npy"
    answer = predict("moving-mnist-conv-lstm", str(tmp_path / "seen.npy"), "--output", str(output))
    assert answer.exit_code == 0, answer.output
    assert np.load(output).shape == (10, 64, 64)
    assert "10 frames that follow the last 10" in answer.output


@pytest.mark.parametrize(
    ("name", "shape", "words"), [("adding-20-gru", (20, 2), 1), ("copying-5-gru", (15, 6), 15)]
)
def test_sequences_of_numbers_are_read_from_an_array(
    name: str, shape: tuple[int, int], words: int, tmp_path: Path
) -> None:
    np.save(tmp_path / "one.npy", np.ones(shape))
    np.save(tmp_path / "three.npy", np.ones((3, *shape)))
    np.save(tmp_path / "wrong.npy", np.ones((7, 7)))
    one, three = (predict(name, str(tmp_path / file)) for file in ("one.npy", "three.npy"))
    assert len(one.output.split()) == words
    assert three.output == 3 * one.output
    assert f"sequences of {shape} are needed" in predict(name, str(tmp_path / "wrong.npy")).output


def test_a_class_of_a_sequence_of_numbers_has_its_name_and_probability(tmp_path: Path) -> None:
    np.save(tmp_path / "three.npy", np.ones((3, 10, 1)))
    answer = predict("random-gru", str(tmp_path / "three.npy"))
    assert answer.exit_code == 0, answer.output
    for line in answer.output.splitlines():
        label, probability, shown = line.split("  ")
        assert label in ("class 0", "class 1")
        assert 0.5 <= float(probability) <= 1.0
        assert shown.endswith("three.npy")


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (("sentiment-gru",), "", "there is no text; give it as an argument"),
        (("sentiment-gru", "a", "--file", "b"), None, "choose one"),
        (("sentiment-gru", "--file", "nowhere.txt"), None, "nowhere.txt does not exist"),
        (("sentiment-gru", "a", "--seed", "7"), None, "no trained model with seed 7"),
        (("imdb-lstm", "a"), None, "`dvc repro train@imdb-lstm` trains it"),
        (("imdb-lstn", "a"), None, "did you mean 'imdb-lstm'"),
        (("mnist-gru",), None, "give the paths"),
        (("mnist-gru", "nowhere.png"), None, "nowhere.png does not exist"),
        (("moving-mnist-conv-lstm", "params.yaml"), None, "is not an image"),
        (("adding-20-gru", "params.yaml"), None, "not a .npy file of numbers"),
    ],
)
def test_what_cannot_be_used_is_said_without_a_traceback(
    arguments: tuple[str, ...], stdin: str | None, words: str
) -> None:
    answer = predict(*arguments, stdin=stdin)
    assert answer.exit_code == 1
    assert words in answer.output
    assert "Traceback" not in answer.output
