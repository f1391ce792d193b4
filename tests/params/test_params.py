"""params.yaml: what is accepted, and what a person reads when something is not."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from rnnbench.errors import RnnbenchError
from rnnbench.params import Experiment, Params, load_params, parse_params


def test_the_real_file_is_accepted(params: Params) -> None:
    experiment = params.experiments["imdb-lstm"]
    assert isinstance(experiment, Experiment)
    assert [layer.type for layer in experiment.layers.values()] == ["embedding", "lstm"]
    assert experiment.training.epochs == 3
    assert experiment.seeds == [42, 43, 44, 45, 46]


def test_an_experiment_has_its_suite_s_training_but_for_its_own_keys(params: Params) -> None:
    own, suite = params.experiments["mnist-gru"].training, params.suites["digit-rows"].training
    assert own.learning_rate_decay == 1e-05
    assert suite.learning_rate_decay == 0.0
    assert own.model_copy(update={"learning_rate_decay": 0.0}) == suite


def test_0_seeds_switch_off_every_experiment_of_a_suite(changed: Callable[..., Params]) -> None:
    changed("experiments", "imdb-lstm", seeds=2)
    params = changed("suites", "imdb", "training", seeds=0)
    off = {name for name, experiment in params.experiments.items() if not experiment.seeds}
    assert off == set(params.experiment_names("imdb"))


def test_an_experiment_may_have_another_number_of_seeds(changed: Callable[..., Params]) -> None:
    params = changed("experiments", "imdb-lstm", seeds=2)
    assert params.experiments["imdb-lstm"].seeds == [42, 43]
    assert params.experiments["imdb-gru"].seeds == [42, 43, 44, 45, 46]


@pytest.mark.parametrize(
    ("path", "key", "value", "words"),
    [
        (
            ("suites", "imdb", "training"),
            "lerning_rate",
            0.1,
            ["suites.imdb.training", "'lerning_rate'", "did you mean 'learning_rate'"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "lerning_rate",
            0.1,
            ["experiments.imdb-lstm", "'lerning_rate'", "did you mean 'learning_rate'"],
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
            "imbd",
            ["experiments.imdb-lstm.suite", "'imbd' does not exist", "did you mean 'imdb'"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "model",
            "text-lstn",
            ["experiments.imdb-lstm.model", "did you mean 'text-lstm'"],
        ),
        (
            ("models", "text-lstm", "layer_2"),
            "units",
            0,
            ["models.text-lstm.layer_2.units", "greater than 0", "given: 0"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "epochs",
            -1,
            ["experiments.imdb-lstm.epochs", "greater than 0", "given: -1"],
        ),
        (
            ("models", "text-lstm", "layer_2"),
            "type",
            "lstmm",
            ["models.text-lstm.layer_2", "'lstmm' does not exist", "did you mean 'lstm'"],
        ),
        (("views", "mnist-rows"), "validation_fraction", 1.0, ["less than 1", "given: 1.0"]),
        (("views", "mnist-rows"), "dataset", "cifar", ["dataset", "'cifar'", "mnist, moving_"]),
        ((), "viewes", {}, ["unknown key 'viewes'", "did you mean 'views'?"]),
        ((), "margin", 0.0, ["margin", "greater than 0", "given: 0.0"]),
        (
            ("suites", "moving-mnist"),
            "target",
            {"metric": "validation_accuracy", "value": 0.9},
            ["suites.moving-mnist.target", "measures no accuracy", "choose validation_loss"],
        ),
        (
            ("suites", "adding", "target"),
            "metric",
            "validation_accuracy",
            ["suites.adding.target", "measures no accuracy", "adding-20-simple-rnn"],
        ),
        (
            ("suites", "random-labels"),
            "target",
            {"metric": "validation_loss", "value": 0.5},
            ["suites.random-labels.target", "random-labels-10x1", "no validation_fraction"],
        ),
        ((), "seeds", 0, ["seeds", "greater than 0", "given: 0"]),
        (("experiments", "imdb-lstm"), "seeds", [1], ["imdb-lstm.seeds", "given: [1]"]),
        (("datasets", "imdb"), "route", "upstraem", ["datasets", "imdb.route", "'upstraem'"]),
        (("datasets",), "cifar", {}, ["'cifar' does not exist"]),
        (
            ("models", "digits-gru", "layer_1"),
            "activation",
            None,
            ["layer_1.activation", "'tanh', 'relu'", "given: None"],
        ),
        (
            ("models", "sentiment-bidirectional-lstm", "layer_3"),
            "merge_mode",
            None,
            ["layer_3.merge_mode", "'concat', 'sum'", "given: None"],
        ),
        (
            ("models", "text-lstm"),
            "layer_3",
            {"type": "embedding", "units": 4},
            ["imdb-lstm", "'text-lstm'", "need one embedding", "has layer_1, layer_3"],
        ),
        (
            ("models", "text-lstm"),
            "layer_2",
            {"type": "dense", "units": 4},
            ["imdb-lstm", "'text-lstm'", "no recurrent layer; add one of", "gru, ind_rnn, janet"],
        ),
        (
            ("models", "gru"),
            "layer_2",
            {"type": "dense", "units": 1, "activation": "softmax"},
            ["models.gru.layer_2", "units is 1", "always 1", "choose another activation"],
        ),
        (
            ("suites", "imdb", "target"),
            "value",
            80.0,
            ["suites.imdb.target", "80", "at most 1", "0.8 for 80 percent"],
        ),
        (
            ("suites", "adding", "training"),
            "from_logits",
            True,
            ["adding-20-simple-rnn", "from_logits", "takes no logits", "leave it out"],
        ),
        (
            ("suites", "imdb", "training"),
            "learning_rate",
            math.inf,
            ["training.learning_rate", "finite", "given: inf"],
        ),
        ((), "margin", math.nan, ["margin", "finite", "given: nan"]),
        (
            ("experiments", "mnist-gru"),
            "learning_rate_schedule",
            "cosine",
            ["mnist-gru", "in one way only", "set learning_rate_decay: 0.0"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "learning_rate_schedule",
            "linear",
            ["imdb-lstm.learning_rate_schedule", "'cosine'", "given: 'linear'"],
        ),
        (
            ("experiments", "imdb-lstm"),
            "gradient_clipping",
            1.0,
            ["imdb-lstm", "gradient_clipping is 1", "set repeated_ids: summed"],
        ),
        (("suites", "imdb", "training"), "patience", 2, ["patience is 2", "keep_best is absent"]),
        (
            ("experiments", "mnist-gru"),
            "keep_best",
            "validation_loss",
            ["mnist-gru", "'mnist-rows' has no validation_fraction", "leave keep_best"],
        ),
        (
            ("experiments", "moving-mnist-conv-lstm"),
            "keep_best",
            "validation_accuracy",
            ["moving-mnist-conv-lstm", "measures no accuracy", "choose validation_loss"],
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
    layers = params_content["models"]["digits-lstm"]
    params_content["models"]["digits-lstm"] = {
        "layer_2": layers["layer_2"],
        "layer_1": layers["layer_1"],
    }
    with pytest.raises(RnnbenchError, match="layers are numbered in their order"):
        parse_params(params_content, "params.yaml")


def test_a_text_view_needs_an_embedding(params_content: dict[str, Any]) -> None:
    params_content["experiments"]["mnist-gru"]["view"] = "imdb-20k-200"
    with pytest.raises(RnnbenchError, match="token ids, which need one embedding, as the first"):
        parse_params(params_content, "params.yaml")


def test_an_accuracy_of_one_may_be_a_target(changed: Callable[..., Params]) -> None:
    assert changed("suites", "imdb", "target", value=1.0).suites["imdb"].target is not None


def test_a_suite_without_experiments_is_refused(params_content: dict[str, Any]) -> None:
    params_content["suites"]["empty"] = params_content["suites"]["imdb"]
    with pytest.raises(RnnbenchError, match=r"suites\.empty has no experiment"):
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


BILLION_LAUGHS = b"a: &a [ha, ha]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b", ".join([b"*%c" % (letter - 1)] * 9))
    for letter in range(ord("b"), ord("z"))
)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (BILLION_LAUGHS, r"params\.yaml, line 2: the alias \*a is not accepted, .* share a name"),
        (b"a: &a {x: 1}\nb: {<<: *a, y: 2}\n", r"line 2: the alias \*a is not accepted"),
        (b"[" * 100_000, "line 1: more than 50 nested levels are not accepted"),
        (b"a: !!python/object/apply:os.system [exit]", "is not valid YAML.*python/object"),
        (b"a: 1\na: 2\n", 'duplicate key "a"'),
        (b"a: \xff", "is not valid YAML in UTF-8"),
    ],
    ids=["billion laughs", "merge key", "deep", "object", "twice", "not UTF-8"],
)
def test_a_hostile_or_ambiguous_file_is_refused_in_words(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(RnnbenchError, match=words):
        load_params(path)


def test_numbers_are_read_as_dvc_reads_them(root: Path, tmp_path: Path) -> None:
    text = (root / "params.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1e-3")
    path = tmp_path / "params.yaml"
    path.write_text(text)
    assert load_params(path).experiments["imdb-lstm"].training.learning_rate == 0.001
    assert YAML(typ="safe").load(text)["suites"]["imdb"]["training"]["learning_rate"] == 0.001
