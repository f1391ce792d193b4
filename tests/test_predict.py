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

WORDS = ["the", "movie", "excellent", "dull", "wasn't", "lt"]
TEXTS: dict[str, Any] = {
    "dtype": "int32",
    "parameters": {"sequence_length": 200, "padding": "pre", "truncation": "pre"},
}
FRAMES = (10, 64, 64, 1)
MANIFESTS = {
    "sentiment-gru": make_manifest(
        "classification", (200,), (), classes=2, vocabulary_size=8_000, dataset="imdb", **TEXTS
    ),
    "reuters-lstm": make_manifest(
        "classification", (200,), (), classes=46, vocabulary_size=10_000, dataset="reuters", **TEXTS
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


FILES = {
    "utf-8.txt": "It wasn\u2019t dull\n\u201cexcellent\u201d\n".encode(),
    "marked.txt": "It wasn\u2019t dull\r\n\u201cexcellent\u201d".encode("utf-8-sig"),
    "utf-16.txt": "It wasn\u2019t dull\r\n\u201cexcellent\u201d\r\n".encode("utf-16"),
    "unmarked.txt": "It wasn\u2019t dull\n\u201cexcellent\u201d\n".encode("utf-16-le"),
    "windows.txt": "It wasn\u2019t dull\r\n\u201cexcellent\u201d\r\n".encode("cp1252"),
    "old-mac.txt": b"It wasn't dull\rexcellent\r",
    "excel.csv": "\ufeffid;Text\r\n1;It wasn\u2019t dull\r\n2;\u201cexcellent\u201d\r\n".encode(),
    "quoted.csv": b'text,label\n"It wasn\'t\ndull",0\n<i>excellent</i>,1\n',
    "table.tsv": "text\nIt wasn&rsquo;t dull\n&quot;excellent&quot;\n".encode("utf-16"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_texts_is_read_whatever_saved_it(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(FILES[name])
    answer = predict("sentiment-gru", "--file", str(tmp_path / name))
    plain = predict("sentiment-gru", "it wasn't dull", "excellent")
    assert answer.exit_code == 0, answer.output
    answers = [
        [line.split("  ")[:2] for line in one.output.splitlines()] for one in (answer, plain)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("reviews.csv", b"review,sentiment\nfine,1\n", "'sentiment'; name the column with"),
        ("cut.csv", b"text,label\nfine, really fine,1\n", "row 2 of"),
        ("open.csv", b'text\n"fine\n', "is not a table"),
        ("empty.csv", b"", "has the columns none"),
        ("reviews.pdf", b"%PDF-1.7", "is a PDF; save it as plain text"),
        ("reviews.txt", b"PK\x03\x04", "as office programs write them"),
        ("reviews.rtf", b"{\\rtf1\\ansi fine}", "rich text"),
        ("reviews.json", b'["fine"]', "is a JSON file; write its texts as plain text"),
        ("empty.txt", b"\xef\xbb\xbf", "there is no text"),
        (".", None, "cannot be read; give a file with one text per line"),
    ],
)
def test_files_that_hold_texts_in_another_way_are_refused(
    name: str, content: bytes | None, words: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    answer = predict("sentiment-gru", "--file", str(tmp_path / name))
    assert answer.exit_code == 1
    assert words in answer.output


def test_the_path_of_a_file_is_no_review() -> None:
    answer = predict("sentiment-gru", "params.yaml")
    assert answer.exit_code == 1
    assert "params.yaml is a file: give it with --file params.yaml" in answer.output


def test_an_image_of_a_digit_gets_a_digit(tmp_path: Path) -> None:
    Image.fromarray(np.eye(28, dtype=np.uint8) * 255).save(tmp_path / "digit.png")
    answer = predict("mnist-gru", str(tmp_path / "digit.png"))
    assert answer.exit_code == 0, answer.output
    digit, probability, shown = answer.output.strip().split("  ")
    assert digit in MANIFESTS["mnist-gru"].class_names
    assert 0.1 <= float(probability) <= 1.0
    assert shown.endswith("digit.png")


def test_a_folder_and_the_pages_of_a_scan_get_a_digit_each(tmp_path: Path) -> None:
    page = Image.fromarray(np.eye(28, dtype=np.uint8) * 255)
    for name, more in (("10.tif", [page, page]), ("9.tif", [])):
        page.save(tmp_path / name, save_all=True, append_images=more)
    answer = predict("mnist-gru", str(tmp_path))
    assert answer.exit_code == 0, answer.output
    names = [Path(line.split("  ")[2]).name for line in answer.output.splitlines()]
    assert names == ["9.tif", "10.tif", "10.tif", "10.tif"]


def test_each_sequence_of_frames_is_continued_in_a_file_of_its_own(tmp_path: Path) -> None:
    for name, shade in (("dark.npy", 0), ("light.npy", 200)):
        np.save(tmp_path / name, np.full((10, 64, 64), shade, np.uint8))
    given = [str(tmp_path / name) for name in ("dark.npy", "light.npy")]
    answer = predict("moving-mnist-conv-lstm", *given, "--output", str(tmp_path / "next.npy"))
    assert answer.exit_code == 0, answer.output
    first, second = (np.load(tmp_path / f"next-{number}.npy") for number in (1, 2))
    assert (first != second).any()
    assert not (tmp_path / "next.npy").exists()
    again = predict("moving-mnist-conv-lstm", given[1], "--output", str(tmp_path / "next.npy"))
    assert again.exit_code == 0, again.output
    np.testing.assert_array_equal(np.load(tmp_path / "next.npy"), second)


def test_one_input_that_cannot_be_read_stops_before_anything_is_written(tmp_path: Path) -> None:
    np.save(tmp_path / "seen.npy", np.zeros((10, 64, 64), np.uint8))
    given = (str(tmp_path / "seen.npy"), str(tmp_path / "missing.npy"))
    output = tmp_path / "next.npy"
    answer = predict("moving-mnist-conv-lstm", *given, "--output", str(output))
    assert answer.exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["seen.npy"]


def test_what_to_predict_from_is_not_overwritten(tmp_path: Path) -> None:
    seen = tmp_path / "seen.npy"
    np.save(seen, np.zeros((10, 64, 64), np.uint8))
    before = seen.read_bytes()
    answer = predict("moving-mnist-conv-lstm", str(seen), "--output", str(seen))
    assert answer.exit_code == 1
    assert "choose another name with --output" in answer.output
    assert seen.read_bytes() == before


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
    np.savez(tmp_path / "one.npz", np.ones(shape))
    assert predict(name, str(tmp_path / "one.npz")).output == one.output


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.ones((0, 20, 2)), "is empty: its shape is (0, 20, 2)"),
        (np.array(1.0), "has the shape (); sequences of (20, 2) are needed"),
        (np.full((20, 2), "0.5"), "holds <U3, expected numbers"),
        (np.full((20, 2), np.nan), "not finite"),
        (np.full((20, 2), 1e300), "numbers above 3.4e+38"),
    ],
)
def test_arrays_that_are_no_sequences_of_numbers_are_refused(
    array: Any, words: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "odd.npy", array)
    answer = predict("adding-20-gru", str(tmp_path / "odd.npy"))
    assert answer.exit_code == 1
    assert words in answer.output


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
