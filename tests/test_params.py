"""params.yaml: what is accepted, and what a person reads when something is not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rnnbench.errors import RnnbenchError
from rnnbench.params import Experiment, Params, Section, load_params, parse_params


def every_section(section: type[Section] = Section) -> list[type[Section]]:
    return [
        found
        for subclass in section.__subclasses__()
        for found in (subclass, *every_section(subclass))
    ]


def test_the_real_file_is_accepted(params: Params) -> None:
    assert isinstance(params.experiments["imdb-lstm"], Experiment)


def test_no_section_supplies_a_value_that_changes_a_result() -> None:
    for section in every_section():
        for name, field in section.model_fields.items():
            assert field.is_required() or field.default is None, f"{section.__name__}.{name}"


@pytest.mark.parametrize(
    ("path", "key", "value", "words"),
    [
        (
            ("recipes", "first-look", "imdb-lstm", "training"),
            "lerning_rate",
            0.1,
            ["recipes.first-look.imdb-lstm.training", "'lerning_rate'", "did you mean 'learning_"],
        ),
        (("views", "imdb-20k-200"), "sequence_length", "200", ["sequence_length", "'200'"]),
        (
            ("experiments", "imdb-lstm"),
            "view",
            "imdb-20k-20",
            ["experiments.imdb-lstm.view", "'imdb-20k-20' does not exist", "did you mean"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "suite",
            "frist-look",
            ["experiments.imdb-lstm.suite", "'frist-look' does not exist"],
        ),
        (
            ("recipes", "first-look", "imdb-lstm", "model", "layer_2"),
            "units",
            0,
            ["recipes.first-look.imdb-lstm.model.layer_2.units", "greater than 0", "given: 0"],
        ),
        (
            ("recipes", "first-look", "imdb-lstm", "training"),
            "epochs",
            -1,
            ["recipes.first-look.imdb-lstm.training.epochs", "greater than 0", "given: -1"],
        ),
        (
            ("recipes", "first-look", "imdb-lstm", "model", "layer_2"),
            "type",
            "lstmm",
            ["layer_2.type", "'lstmm' does not exist", "gru, lstm, simple_rnn"],
        ),
        (("views", "mnist-rows"), "validation_fraction", 1.0, ["less than 1", "given: 1.0"]),
        (("views", "mnist-rows"), "dataset", "cifar", ["dataset", "'cifar'", "mnist, moving_"]),
        ((), "viewes", {}, ["unknown key 'viewes'", "did you mean 'views'?"]),
        (("experiments", "mnist-gru"), "seeds", [], ["mnist-gru.seeds", "at least 1 item"]),
        (("experiments", "mnist-gru"), "seeds", [1, 1], ["seed is given twice"]),
        (
            ("download",),
            "routes",
            ["upstraem"],
            ["download.routes.0", "'upstream', 'registry' or 'local'"],
        ),
    ],
)
def test_a_fault_is_named_with_its_place_and_what_is_accepted(
    changed: Callable[..., Params], path: tuple[str, ...], key: str, value: Any, words: list[str]
) -> None:
    with pytest.raises(RnnbenchError) as error:
        changed(*path, **{key: value})
    for word in ["params.yaml", *words]:
        assert word in str(error.value)


def test_layers_that_change_places_without_changing_numbers_are_refused(
    params_content: dict[str, Any],
) -> None:
    recipe = params_content["recipes"]["digit-rows"]["mnist-lstm"]
    layers = recipe["model"]
    recipe["model"] = {"layer_2": layers["layer_2"], "layer_1": layers["layer_1"]}
    with pytest.raises(RnnbenchError, match="layers are numbered in their order"):
        parse_params(params_content, "params.yaml")


def test_a_text_view_needs_an_embedding(params_content: dict[str, Any]) -> None:
    params_content["experiments"]["mnist-gru"]["view"] = "imdb-20k-200"
    with pytest.raises(RnnbenchError, match="needs an embedding as its first layer; given: gru"):
        parse_params(params_content, "params.yaml")


def test_an_experiment_without_a_recipe_is_refused(params_content: dict[str, Any]) -> None:
    params_content["experiments"]["extra"] = params_content["experiments"]["mnist-gru"]
    with pytest.raises(RnnbenchError, match=r"recipes\.digit-rows has .* make the two agree"):
        parse_params(params_content, "params.yaml")


def test_every_fault_is_named_at_once(params_content: dict[str, Any]) -> None:
    del params_content["deterministic"]
    params_content["views"]["mnist-rows"]["validation_fraction"] = "none"
    with pytest.raises(RnnbenchError) as error:
        parse_params(params_content, "params.yaml")
    assert "deterministic: Field required" in str(error.value)
    assert "views.mnist-rows.validation_fraction" in str(error.value)


def test_a_name_that_does_not_exist_is_answered_with_those_that_do(params: Params) -> None:
    with pytest.raises(RnnbenchError, match=r"experiment 'imdb-lstn' .*did you mean 'imdb-lstm'"):
        _ = params.experiments["imdb-lstn"]
    with pytest.raises(RnnbenchError, match=r"view 'mnist' does not exist; there are: adding-100"):
        _ = params.views["mnist"]
    with pytest.raises(RnnbenchError, match=r"suite 'a' does not exist; there are: adding"):
        _ = params.suites["a"]


def test_a_missing_file_says_where_to_run(tmp_path: Path) -> None:
    with pytest.raises(RnnbenchError, match="root folder"):
        load_params(tmp_path / "params.yaml")


def test_what_is_not_yaml_says_so(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("views: [1\nsuites: {")
    with pytest.raises(RnnbenchError, match="not valid YAML"):
        load_params(path)


def test_numbers_are_read_as_dvc_reads_them(root: Path, tmp_path: Path) -> None:
    text = (root / "params.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e-3")
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert load_params(path).experiments["imdb-lstm"].training.learning_rate == 0.001
    assert YAML(typ="safe").load(text)["templates"]["imdb_training"]["learning_rate"] == 0.001
