"""Milliseconds of a training step: stock Keras layers against the same with the compiled loop.

Each case is trained by `model.fit` in three ways, in turn, several rounds: as a user writes it
(Keras's default), with `jit_compile=True`, and with `accelerate`. What is compared is the ratio
within a round, so that whatever else the machine does weighs on all alike. Writes
`recurrent_layers.csv` and `recurrent_layers.md` beside this file.

    python benchmarks/recurrent_layers.py [--rounds 9] [CASE ...]
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd

from rnnbench.files import atomic_file, write_text
from rnnbench.models.backend import import_keras
from rnnbench.reporting.tables import Column, as_text, print_table, to_markdown

import_keras()

import keras  # noqa: E402 - after its chatter was held back
import tensorflow as tf  # noqa: E402

from rnnbench.models.fast import accelerate  # noqa: E402

HERE = Path(__file__).parent
BATCH_SIZE = 64
# Timed at once: few, so that whatever disturbs one way soon disturbs the others.
STEPS = 12
MATRIX_SIZE = 1024
Layer = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """A model of the notebooks: its inputs and recurrent layers."""

    inputs: str
    layers: Callable[[], list[Any]]


def _digits(make: Layer) -> Callable[[], list[Any]]:
    return lambda: [make(256, return_sequences=True), make(256)]


L = keras.layers
COLUMNS = (
    Column("case", "layers"),
    Column("stock", "stock, ms/step", ".1f"),
    Column("jit_compile", "jit_compile=True, ms/step", ".1f"),
    Column("accelerated", "accelerated, ms/step", ".1f"),
    Column("ratio", "stock / accelerated", ".2f"),
    Column("lower_quartile", "lower quartile", ".2f"),
    Column("upper_quartile", "upper quartile", ".2f"),
    Column("products", "products alone, ms", ".1f"),
)
CASES: dict[str, Case] = {
    "imdb SimpleRNN(32)": Case("imdb", lambda: [L.SimpleRNN(32)]),
    "imdb LSTM(32)": Case("imdb", lambda: [L.LSTM(32)]),
    "imdb GRU(32)": Case("imdb", lambda: [L.GRU(32)]),
    "imdb GRU(32, reset_after=False)": Case("imdb", lambda: [L.GRU(32, reset_after=False)]),
    "imdb Bidirectional(LSTM(32))": Case("imdb", lambda: [L.Bidirectional(L.LSTM(32))]),
    "imdb LSTM(32), LSTM(32)": Case(
        "imdb", lambda: [L.LSTM(32, return_sequences=True), L.LSTM(32)]
    ),
    "rows 2 x SimpleRNN(256)": Case("rows", _digits(L.SimpleRNN)),
    "rows 2 x LSTM(256)": Case("rows", _digits(L.LSTM)),
    "rows 2 x LSTM(256, relu)": Case(
        "rows", _digits(lambda units, **options: L.LSTM(units, activation="relu", **options))
    ),
    "rows 2 x GRU(256)": Case("rows", _digits(L.GRU)),
    "rows 2 x GRU(256, reset_after=False)": Case(
        "rows", _digits(lambda units, **options: L.GRU(units, reset_after=False, **options))
    ),
}
# What `compile` is told: nothing, as a user writes it, leaves the choice to Keras.
WAYS: dict[str, dict[str, Any]] = {
    "stock": {},
    "jit_compile": {"jit_compile": True},
    "accelerated": {},
}


def build(case: Case, way: str) -> Any:
    """Build and compile a case's model in one of the ways."""
    keras.utils.set_random_seed(1)
    if case.inputs == "imdb":
        head = [keras.Input((200,), dtype="int32"), L.Embedding(20_000, 128)]
        end, loss = L.Dense(1, activation="sigmoid"), "binary_crossentropy"
    else:
        head, end = [keras.Input((28, 28))], L.Dense(10, activation="softmax")
        loss = "sparse_categorical_crossentropy"
    model = keras.Sequential([*head, *case.layers(), end])
    model.compile("adam", loss, **WAYS[way])
    return accelerate(model) if way == "accelerated" else model


def data(case: Case) -> tuple[Any, Any]:
    """Make random inputs and targets of the real shapes."""
    generator = np.random.default_rng(1)
    examples = BATCH_SIZE * STEPS
    if case.inputs == "imdb":
        words = generator.integers(0, 20_000, (examples, 200), dtype=np.int32)
        return words, generator.integers(0, 2, examples)
    return generator.random((examples, 28, 28), dtype=np.float32), generator.integers(
        0, 10, examples
    )


def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Return the milliseconds of a step in each round, by way; the first losses must agree."""
    inputs, targets = data(case)
    models, losses, milliseconds = {}, {}, {way: [] for way in WAYS}
    fit = {"batch_size": BATCH_SIZE, "shuffle": False, "verbose": 0}
    for way in WAYS:
        models[way] = build(case, way)
        losses[way] = models[way].fit(inputs, targets, **fit).history["loss"][0]
        models[way].fit(inputs, targets, **fit)  # the first call after compiling is slow too
    np.testing.assert_allclose(losses["accelerated"], losses["stock"], rtol=1e-3)
    for _ in range(rounds):
        for way, model in models.items():
            begin = time.perf_counter()
            model.fit(inputs, targets, **fit)
            milliseconds[way].append(1000 * (time.perf_counter() - begin) / STEPS)
    return milliseconds


def products_milliseconds(model: Any, rate: float) -> float:
    """Return what the recurrent layers' matrix products of a step take at a rate.

    Every kernel is multiplied with the inputs or the state of every time step, once forward and
    twice backward; a multiplication and an addition are two operations.
    """
    operations = 0
    for layer in model._flatten_layers():
        if isinstance(layer, L.RNN):
            kernels = [weight for weight in layer.weights if "kernel" in weight.name]
            entries = sum(int(np.prod(kernel.shape)) for kernel in kernels)
            operations += 6 * entries * BATCH_SIZE * model.input_shape[1]
    return 1000 * operations / rate


def matrix_rate() -> float:
    """Measure the operations a second of a float32 matrix product on this machine."""
    matrix = tf.random.normal((MATRIX_SIZE, MATRIX_SIZE))
    seconds = []
    for _ in range(20):
        begin = time.perf_counter()
        tf.matmul(matrix, matrix).numpy()
        seconds.append(time.perf_counter() - begin)
    return 2 * MATRIX_SIZE**3 / float(np.median(seconds))


def row(name: str, rounds: int, rate: float) -> dict[str, Any]:
    """Measure a case and summarise it."""
    milliseconds = measure(CASES[name], rounds)
    ratios = np.array(milliseconds["stock"]) / np.array(milliseconds["accelerated"])
    return {
        "case": name,
        **{way: float(np.median(values)) for way, values in milliseconds.items()},
        "ratio": float(np.median(ratios)),
        "lower_quartile": float(np.quantile(ratios, 0.25)),
        "upper_quartile": float(np.quantile(ratios, 0.75)),
        "products": products_milliseconds(build(CASES[name], "stock"), rate),
    }


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--rounds", default=9, show_default=True, help="How often each way is timed.")
def main(cases: tuple[str, ...], rounds: int) -> None:
    """Measure CASES, by default all, and print them; with all of them the files are written."""
    rate = matrix_rate()
    print(f"matrix products: {rate / 1e9:.0f} billion operations a second", flush=True)
    rows = []
    for name in cases or CASES:
        rows.append(row(name, rounds, rate))
        print(f"{name}: {rows[-1]['ratio']:.2f} times", flush=True)
    table = pd.DataFrame(rows)
    shown = as_text(table, COLUMNS)
    print_table(shown, "A training step of `fit`")
    if not cases:
        with atomic_file(HERE / "recurrent_layers.csv") as temporary:
            table.to_csv(temporary, index=False, float_format="%.3f")
        write_text(HERE / "recurrent_layers.md", to_markdown(shown))


if __name__ == "__main__":
    main()
