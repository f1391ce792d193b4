"""Write `docs/speed.md` and its figure from what was measured.

python benchmarks/page.py
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib as mpl
import pandas as pd
from cases import ACCELERATED, CASES, STOCK
from matplotlib.figure import Figure
from scratch_clone import FOR_16_BITS

from results import FOLDER, read_csv
from rnnbench.figures import save_figure
from rnnbench.files import write_text
from rnnbench.models.fast.devices import SMALL_STEP
from rnnbench.models.fast.rules import LARGE_STATE_OF_SIMPLE_RNN, MANY_EXAMPLES, MOST_UNROLLED
from rnnbench.tables import Column, as_text, to_markdown
from rnnbench.training.batches import MOST_IN_MEMORY

DOCS = Path(__file__).parent.parent / "docs"
QUARTILES = (
    Column("lower_quartile", "lower quartile", ".2f"),
    Column("upper_quartile", "upper quartile", ".2f"),
)
COLUMNS = (
    Column("case", "model"),
    Column("stock", "stock Keras", ".1f"),
    Column("stock_in_float32", "stock in float32", ".1f"),
    Column("jit_compile", "jit_compile=True", ".1f"),
    Column("accelerated", "rnnbench", ".1f"),
    Column("jax", "Keras on JAX", ".1f"),
    Column("torch", "PyTorch", ".1f"),
    Column("bound", "products alone", ".1f"),
    Column("ratio", "stock / rnnbench", ".2f"),
    *QUARTILES,
    Column("ratio_to_float32", "stock in float32 / rnnbench in 16 bits", ".2f"),
    Column("distance", "rnnbench / products", ".1f"),
    Column("limit", "stock / products", ".1f"),
)
AXES = {"steps": "steps of a sequence", "units": "units", "batch_size": "examples a step"}
LAYERS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
HEAD = """# How fast

Written by `python benchmarks/page.py` from what `make bench` measures.
"""
LAYERS_TEXT = """\
Medians over rounds in which every way trained in turn, rnnbench with `accelerate` and `share_cores`
as the pipeline does, all others as they are by default; quartiles are those of the ratio within a
round. "Products alone" is what the step's products with the recurrent layers' kernels would take at
the rate of a large float32 matrix product, {rates} billion operations a second as the machine was
when a row was measured. So "stock / products" is how many times as fast as stock Keras a step could
be whose embedding, gates, optimizer and Python took no time at all: nothing that computes the same
in float32 gets further on this machine. PyTorch has no layer for some rows, and XLA is not timed on
convolutions.

{table}
Beside a model with `mixed_bfloat16` stock Keras in float32 takes turns too; "products alone" are
those of float32, and 16 bits can fall below them.
"""
GROWTH = """\
![milliseconds of a step against the steps of a sequence, the units and the batch](speed.png)

One layer of 64 units on batches of 64 sequences of 100 steps of 28 numbers, but for what the axis
says. Up to parameters · examples · steps = {small:,} XLA compiles the whole step. Where a batch
is large Keras's own loop is as fast, and `accelerate` leaves it: SimpleRNN from {simple:,}
examples and examples · units = {numbers:,} on, LSTM from {lstm:,} and GRU from {gru:,} examples.
Up to {unrolled} steps it is unrolled; here there are more, and what the lines differ by is that
rnnbench lets an operation have half of the cores (`share_cores`), as two run at once.
"""


@dataclass(frozen=True)
class Section:
    """A measurement as the page shows it: a file of `results/` in a few words and a table."""

    title: str
    words: str
    columns: tuple[Column, ...]

    def written(self, table: pd.DataFrame) -> str:
        """Return the words and the table."""
        return f"{self.words}\n\n{to_markdown(as_text(table, self.columns))}"


SECTIONS = {
    "jobs": Section(
        "Trainings side by side",
        "All examples a second added up, LSTM(32) on reviews of 200 words:",
        (
            Column("jobs", "trainings at a time", "d"),
            Column("examples_per_second", "examples/s", ",.0f"),
        ),
    ),
    "seeds": Section(
        "Three seeds",
        "The whole `train` stage with one seed and with three: the second and the third use what\n"
        "is imported, traced and compiled for the first.",
        (
            Column("experiment", "experiment"),
            Column("one", "one seed, s", ".1f"),
            Column("three", "three seeds, s", ".1f"),
            Column("ratio", "three / one", ".2f"),
            *QUARTILES,
        ),
    ),
    "input": Section(
        "Fetching batches",
        "Milliseconds of a step of a model that computes next to nothing, on arrays of the real\n"
        "shapes; and the whole epoch divided by its steps. The pipeline reads arrays of up to\n"
        f"{MOST_IN_MEMORY // 2**20} MiB into memory, of larger ones only the rows of a batch. A\n"
        "`PyDataset` Keras reads by a pipeline that tunes itself, for which epochs as short as\n"
        "these do not have to wait.",
        (
            Column("data", "data"),
            Column("way", "batches from"),
            Column("milliseconds", "ms/step", ".2f"),
            Column("of_epoch", "ms of the epoch a step", ".2f"),
        ),
    ),
    "overhead": Section(
        "What a run costs beside its training",
        "The whole `train` stage less its epochs and validations: starting Python, building,\n"
        "compiling, logging to MLflow, saving, DVC. Measured by `rnnbench repro`, whose stages\n"
        "share one import of TensorFlow.",
        (
            Column("experiment", "experiment"),
            Column("runs", "runs", "d"),
            Column("stage", "whole stage, s", ".1f"),
            Column("training", "training, s", ".1f"),
            Column("overhead", "the rest, a run, s", ".1f"),
            Column("memory", "peak memory, MB", ",.0f"),
        ),
    ),
    "dvc": Section(
        "What DVC costs by itself",
        "`dvc status` and `dvc repro` with every stage up to date; and by how much\n"
        "`dvc repro --force --single-item STAGE` takes longer than the stage's command alone.\n"
        "Medians of three.",
        (Column("what", "what"), Column("seconds", "s", ".1f")),
    ),
    "measuring": Section(
        "What measuring costs",
        "The share of a training's time in which what measures it (`TimingCallback`,\n"
        "`DeviceUsage`, `MachineLoad`) works itself; and how much longer a training with it took\n"
        "than one without beside it, as a median over pairs with its 95 % confidence interval,\n"
        "which is as wide as the machine is unquiet. The first case has steps as short as any\n"
        "here.",
        (
            Column("case", "model"),
            Column("milliseconds", "ms/step without", ".2f"),
            Column("own", "works itself, %", ".2f"),
            Column("pairs", "pairs", "d"),
            Column("percent", "takes longer, %", "+.2f"),
            Column("lower", "from", "+.2f"),
            Column("upper", "to", "+.2f"),
        ),
    ),
    "precision": Section(
        "Scores in 16 bits",
        "On the test split after training on part of the data, all epochs, over the same three\n"
        "seeds in either precision. A score in 16 bits is as good where its mean is no worse than\n"
        "what float32 reaches with one seed or another.",
        (
            Column("experiment", "experiment"),
            Column("precision", "precision"),
            Column("share", "one part of the data in", "d"),
            Column("measure", "score"),
            Column("lowest", "lowest", ".4f"),
            Column("mean", "mean", ".4f"),
            Column("highest", "highest", ".4f"),
        ),
    ),
    "agreement": Section(
        "The same results",
        "LSTM(32) trained on the first reviews, once with Keras's own loop, once with the\n"
        "compiled one, and once more with Keras's own from weights one millionth larger.\n"
        "Where training is not sensitive to rounding the losses agree to the last digits;\n"
        "where it is, the compiled loop does what that millionth does.",
        (
            Column("step", "step", "d"),
            Column("loss", "stock loss", ".4f"),
            Column("accelerated", "rnnbench, relative difference", "+.1e"),
            Column("changed", "stock from weights 1e-6 larger", "+.1e"),
        ),
    ),
}
END_TO_END = (
    Column("experiment", "experiment"),
    Column("measure", "on the test split"),
    Column("notebook", "plain Keras script", ".4f"),
    Column("rnnbench", "rnnbench", ".4f"),
    Column("mixed", "rnnbench, 16 bits", ".4f"),
    Column("notebook_training", "training, s: script", ".1f"),
    Column("rnnbench_training", "rnnbench", ".1f"),
    Column("mixed_training", "16 bits", ".1f"),
    Column("products", "products alone", ".1f"),
)
END_TO_END_TEXT = """\
The five notebooks as plain Keras scripts (`benchmarks/notebooks/`), one after the other, against
`rnnbench repro --jobs {jobs}` of the same models on the same arrays: one part in {share} of the
data, all epochs, one seed. The scripts took **{notebooks:.0f} s**, rnnbench **{rnnbench:.0f} s**
with its logging, saving, figures and report: **{ratio:.2f} times as fast**. With `precision:
mixed_bfloat16` for {mixed_names} it took **{mixed:.0f} s**: {mixed_ratio:.2f} times.
All train with seed 42, scripts on batches in another order: scores differ as between two seeds.

The seconds of a training include its validations and what it compiles; one of rnnbench shares the
machine with another. "Products alone" are, as above, what its products with the recurrent layers'
kernels would take at the rate of a large float32 product, {rate:.0f} billion operations a second:
**{products:.0f} s** in all. A program that computes the same in float32 is at most
**{limit:.2f} times** as fast as the scripts here, if all else took no time.

{table}
"""


def draw_growth(table: pd.DataFrame) -> Figure:
    """Draw a panel an axis: colours are layers, dashes stock Keras."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots(1, len(AXES))
    colours = mpl.color_sequences["tab10"]
    for panel, (axis, label) in zip(axes, AXES.items(), strict=True):
        of_axis = table[table["axis"] == axis]
        for colour, (layer, name) in zip(colours, LAYERS.items(), strict=False):
            for way, line in ((STOCK, "--"), (ACCELERATED, "-")):
                chosen = of_axis[(of_axis["layer"] == layer) & (of_axis["way"] == way)]
                title = f"{name}, {'stock Keras' if way == STOCK else 'rnnbench'}"
                panel.plot(chosen["value"], chosen["median"], line, color=colour, label=title)
        panel.set(xscale="log", yscale="log", xlabel=label)
        panel.set_xticks(sorted(of_axis["value"].unique()))
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds a step")
    lines, titles = axes[0].get_legend_handles_labels()
    figure.legend(lines, titles, loc="outside lower center", ncols=len(LAYERS), fontsize="small")
    return figure


def write_page(folder: Path = DOCS) -> None:
    """Write the page, of what was measured, and the figure."""
    written: dict[str, tuple[str, Callable[[pd.DataFrame], str]]] = {
        "recurrent_layers": ("A training step of `fit`, in milliseconds", layers),
        "end_to_end": ("From end to end", end_to_end),
        "growth": ("How it grows", growth),
        **{name: (section.title, section.written) for name, section in SECTIONS.items()},
    }
    page = HEAD
    for name, (title, write) in written.items():
        if (FOLDER / f"{name}.csv").exists():
            table = read_csv(name)
            machine = f"*{table['processor'][0]}, {table['cores'][0]} cores.*"
            page += f"\n## {title}\n\n{machine}\n\n{write(table)}"
            if name == "growth":
                save_figure(draw_growth(table), folder / "speed.png")
    write_text(folder / "speed.md", page)


def layers(table: pd.DataFrame) -> str:
    """Return what is said of training steps."""
    table = table.sort_values("case", key=lambda names: names.map(list(CASES).index))
    table["distance"] = table["accelerated"] / table["bound"]
    table["limit"] = table["stock"] / table["bound"]
    columns = tuple(column for column in COLUMNS if column.name in table)
    extremes = sorted({table["matrix_rate"].min(), table["matrix_rate"].max()})
    rates = " to ".join(f"{rate / 1e9:.0f}" for rate in extremes)
    return LAYERS_TEXT.format(rates=rates, table=to_markdown(as_text(table, columns)))


def growth(_: pd.DataFrame) -> str:
    """Return what is said of the figure."""
    return GROWTH.format(
        small=SMALL_STEP,
        numbers=LARGE_STATE_OF_SIMPLE_RNN,
        simple=MANY_EXAMPLES[keras.layers.SimpleRNNCell],
        unrolled=MOST_UNROLLED,
        lstm=MANY_EXAMPLES[keras.layers.LSTMCell],
        gru=MANY_EXAMPLES[keras.layers.GRUCell],
    )


def end_to_end(table: pd.DataFrame) -> str:
    """Return what is said of the notebooks."""
    facts = table.iloc[0]
    return END_TO_END_TEXT.format(
        jobs=facts["jobs"],
        share=facts["share"],
        notebooks=facts["notebooks_seconds"],
        rnnbench=facts["rnnbench_seconds"],
        ratio=facts["notebooks_seconds"] / facts["rnnbench_seconds"],
        mixed_names=", ".join(FOR_16_BITS),
        mixed=facts["mixed_seconds"],
        mixed_ratio=facts["notebooks_seconds"] / facts["mixed_seconds"],
        rate=facts["matrix_rate"] / 1e9,
        products=table["products"].sum(),
        limit=facts["notebooks_seconds"] / table["products"].sum(),
        table=to_markdown(as_text(table, END_TO_END)),
    )


if __name__ == "__main__":
    write_page()
