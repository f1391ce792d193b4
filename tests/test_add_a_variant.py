"""The page "Add a variant in one file" does what it says."""

import re
from collections.abc import Iterator

import pytest
from ruamel.yaml import YAML

from docs.reference import FOLDER
from rnnbench.models.build import build_model
from rnnbench.models.layer_table import tabulate_layers
from rnnbench.models.variant import VARIANTS, Variant
from rnnbench.params import Params, parse_params
from tests.models.contract import UNITS, checks_of
from tests.models.manifests import manifest_of

PAGE = (FOLDER / "add-a-variant.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def leaky() -> Iterator[Variant]:
    """The page's file, run as a module."""
    exec(compile(block("python"), "leaky_rnn.py", "exec"), {"__name__": "leaky_rnn"})  # noqa: S102
    yield VARIANTS["leaky_rnn"]
    del VARIANTS["leaky_rnn"]


def test_the_page_s_variant_and_both_its_directions_keep_the_contract(leaky: Variant) -> None:
    for variant in (leaky, VARIANTS["bidirectional"]):
        (form,) = [form for form in variant.forms(UNITS) if "LeakyRNN" in form.name]
        for check in checks_of(variant, form):
            check(variant, form)
    assert {"LeakyRNN", "Bidirectional(LeakyRNN)"} <= set(tabulate_layers(5, 2, 3)["layer"])


@pytest.mark.usefixtures("leaky")
def test_the_page_s_experiment_is_one_of_params_yaml(
    params_content: dict[str, dict[str, object]],
) -> None:
    for section, entries in YAML(typ="safe").load(block("yaml")).items():
        params_content[section].update(entries)
    params: Params = parse_params(params_content, "params.yaml")
    experiment = params.experiments["adding-50-leaky-rnn"]
    model = build_model(experiment.layers, experiment.training, manifest_of(experiment.view))
    assert model.layers[0].cell.leak == 0.9
