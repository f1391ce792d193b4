"""Write `docs/speed.md` and its figure from the measurements.

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
AXES = {"steps": "steps of a sequence", "units": "units", "batch_size": "examples per step"}
LAYERS = {"simple_rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU"}
HEAD = """# How fast

Written by `python benchmarks/page.py` from what `make bench` measures.
"""
LAYERS_TEXT = """\
The times are medians over rounds in which all implementations trained in turn: rnnbench with
`accelerate` and `share_cores`, as in the pipeline, and the others with their defaults. The
quartiles are those of the ratio within a round. "Products alone" is the time of the step's
products with the kernels of the recurrent layers at the rate of a large float32 matrix product,
{rates} billion operations per second when the row was measured. "Stock / products" is therefore
the largest possible speedup over stock Keras in float32 on this machine, if embedding, gates,
optimizer and Python took no time. PyTorch has no layer for some rows, and XLA is not timed on
convolutions.

{table}
In rows with `mixed_bfloat16`, stock Keras in float32 is measured too. "Products alone" is the time
in float32, and 16 bits can take less.
"""
GROWTH = """\
![milliseconds of a step against the steps of a sequence, the units and the batch](speed.png)

The model is one layer of 64 units on batches of 64 sequences of 100 steps of 28 numbers; each
panel changes the quantity on its axis. Up to parameters · examples · steps = {small:,} XLA
compiles the whole training step. For large batches Keras's own loop is as fast, and `accelerate`
keeps it: for SimpleRNN from {simple:,} examples and examples · units = {numbers:,} on, for LSTM
from {lstm:,} and for GRU from {gru:,} examples. Keras's loop is unrolled up to {unrolled} steps.
The sequences here are longer. For large batches the lines differ because rnnbench gives each
operation half of the cores (`share_cores`), since two operations run at once.
"""


@dataclass(frozen=True)
class Section:
    """A section of the page: a file of `results/` as a table, with a title and a text."""

    title: str
    text: str
    columns: tuple[Column, ...]

    def written(self, table: pd.DataFrame) -> str:
        """Return the text and the table."""
        return f"{self.text}\n\n{to_markdown(as_text(table, self.columns))}"


SECTIONS = {
    "jobs": Section(
        "Trainings side by side",
        "Examples per second of all trainings together, each of LSTM(32) on reviews of 200 words:",
        (
            Column("jobs", "trainings at a time", "d"),
            Column("examples_per_second", "examples/s", ",.0f"),
        ),
    ),
    "seeds": Section(
        "Three seeds",
        "Time of the complete `train` stage with one seed and with three seeds. The second and\n"
        "third seed reuse everything that was imported, traced and compiled for the first.",
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
        "Milliseconds per step of a model that computes next to nothing, on arrays of the real\n"
        "shapes, and the time of the whole epoch divided by its steps. The pipeline reads arrays\n"
        f"of up to {MOST_IN_MEMORY // 2**20} MiB into memory; from larger arrays it reads only\n"
        "the rows of a batch. Keras reads a `PyDataset` through a pipeline that tunes itself;\n"
        "epochs as short as these do not have to wait for the tuning.",
        (
            Column("data", "data"),
            Column("way", "batches from"),
            Column("milliseconds", "ms/step", ".2f"),
            Column("of_epoch", "epoch, ms per step", ".2f"),
        ),
    ),
    "overhead": Section(
        "What a run costs beside its training",
        "The rest is the complete `train` stage minus its epochs and validations: starting\n"
        "Python, building, compiling, logging to MLflow, saving, DVC. It is measured with\n"
        "`rnnbench repro`, whose stages share one import of TensorFlow.",
        (
            Column("experiment", "experiment"),
            Column("runs", "runs", "d"),
            Column("stage", "complete stage, s", ".1f"),
            Column("training", "training, s", ".1f"),
            Column("overhead", "the rest, s per run", ".1f"),
            Column("memory", "peak memory, MB", ",.0f"),
        ),
    ),
    "dvc": Section(
        "What DVC costs by itself",
        "`dvc status` and `dvc repro` with every stage up to date, and the additional time of\n"
        "`dvc repro --force --single-item STAGE` compared with the stage's command alone. The\n"
        "times are medians of three.",
        (Column("what", "command"), Column("seconds", "s", ".1f")),
    ),
    "measuring": Section(
        "What measuring costs",
        "The share of a training's time that `TimingCallback`, `DeviceUsage` and `MachineLoad`\n"
        "take by their own clocks, and how much longer a training with them took than one without\n"
        "them: the median over pairs with its 95 % confidence interval, which is wide because the\n"
        "machine is noisy. The first model has short steps, for which the cost is highest.",
        (
            Column("case", "model"),
            Column("milliseconds", "ms/step without measuring", ".2f"),
            Column("own", "own time, %", ".2f"),
            Column("pairs", "pairs", "d"),
            Column("percent", "longer by, %", "+.2f"),
            Column("lower", "from", "+.2f"),
            Column("upper", "to", "+.2f"),
        ),
    ),
    "cluster": Section(
        "What an experiment costs on a cluster",
        "Experiments that sleep, and small real trainings of one epoch, on one machine that is\n"
        "driver and node. Sleeping takes no core: the overhead is how much longer a sleeping\n"
        "experiment occupies its worker than it sleeps. Real trainings share the cores and do\n"
        "not represent several machines.",
        (
            Column("kind", "experiments"),
            Column("way", "run with"),
            Column("workers", "workers", "d"),
            Column("experiments", "number", "d"),
            Column("seconds", "all, s", ".1f"),
            Column("seconds_to_first", "to the first training, s", ".1f"),
            Column("occupied_seconds", "per experiment on its worker, s", ".1f"),
            Column("overhead_seconds", "overhead per experiment, s", ".1f"),
            Column("driver_seconds", "driver's processor time, s", ".1f"),
            Column("driver_megabytes", "driver's memory, MB", ".0f"),
        ),
    ),
    "precision": Section(
        "Scores in 16 bits",
        "Scores on the test split after training for all epochs on a part of the data, with the\n"
        "same three seeds in both precisions.",
        (
            Column("experiment", "experiment"),
            Column("precision", "precision"),
            Column("share", "data divided by", "d"),
            Column("measure", "score"),
            Column("lowest", "lowest", ".4f"),
            Column("mean", "mean", ".4f"),
            Column("highest", "highest", ".4f"),
        ),
    ),
    "agreement": Section(
        "The same results",
        "LSTM(32) trained on the first reviews with Keras's own loop, with the compiled loop, and\n"
        "with Keras's own loop again from weights that are one millionth larger. As long as\n"
        "training is not sensitive to rounding, the losses agree to the last digits; later the\n"
        "compiled loop changes them about as much as the larger weights do.",
        (
            Column("step", "step", "d"),
            Column("loss", "stock loss", ".4f"),
            Column("accelerated", "rnnbench, relative difference", "+.1e"),
            Column("changed", "stock from weights 1e-6 larger", "+.1e"),
        ),
    ),
}
DRIVER = (
    Column("stages", "stages in the pipeline", "d"),
    Column("status_seconds", "finding stages that are out of date, s", ".2f"),
    Column("pack_seconds", "packing the sources, s", ".2f"),
    Column("send_seconds", "sending an output, s", ".3f"),
    Column("take_in_seconds", "taking in a result, s", ".3f"),
    Column("receive_seconds", "receiving, as a part of it, s", ".3f"),
    Column("lock_seconds", "dvc.lock, s", ".3f"),
)
ON_PAPER = (1_000, 100)  # experiments and nodes
DRIVER_TEXT = """\
The driver of `rnnbench repro --cluster ADDRESS` takes these times, with an exchange in a folder of
this machine. It finds the stages that are out of date and packs the sources once; the other work is
done for each experiment in turn. Over a network, sending models takes additional time.

{table}
An estimate for {experiments:,} experiments on {nodes} nodes, from the row of {stages:,} stages: the
driver spends {once:.1f} s once and {total:.0f} s on all experiments, {each:.2f} s each. It can keep
{nodes} nodes busy if an experiment takes **{least:.0f} s** or longer. With shorter experiments the
driver is the bottleneck, and {largest} takes most of its time ({share:.0%}).
"""
END_TO_END = (
    Column("experiment", "experiment"),
    Column("measure", "test score"),
    Column("notebook", "plain Keras script", ".4f"),
    Column("rnnbench", "rnnbench", ".4f"),
    Column("mixed", "rnnbench, 16 bits", ".4f"),
    Column("notebook_training", "training, s: script", ".1f"),
    Column("rnnbench_training", "training, s: rnnbench", ".1f"),
    Column("mixed_training", "training, s: 16 bits", ".1f"),
    Column("products", "products alone, s", ".1f"),
)
END_TO_END_TEXT = """\
The five notebooks as plain Keras scripts (`benchmarks/notebooks/`), one after the other, against
`rnnbench repro --jobs {jobs}` of the same models on the same arrays: one part in {share} of the
data, all epochs, one seed. The scripts took **{notebooks:.0f} s**, and rnnbench took
**{rnnbench:.0f} s** with its logging, saving, figures and report: **{ratio:.2f} times as fast**.
With `precision: mixed_bfloat16` for {mixed_names} it took **{mixed:.0f} s**: {mixed_ratio:.2f}
times as fast. All train with seed 42, but the scripts have another order of examples, so that
scores differ as between two seeds.

The seconds of a training include validation and compiling; a training of rnnbench shares the
machine with another one. "Products alone" is, as above, the time of the products with the kernels
of the recurrent layers at the rate of a large float32 product, {rate:.0f} billion operations per
second: **{products:.0f} s** in all. If everything else took no time, a program with the same
computations in float32 would be **{limit:.2f} times** as fast as the scripts here.

{table}
"""


def draw_growth(table: pd.DataFrame) -> Figure:
    """Draw one panel per axis: colours distinguish layers, dashed lines are stock Keras."""
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots(1, len(AXES))
    colours = mpl.color_sequences["tab10"]
    for panel, (axis, label) in zip(axes, AXES.items(), strict=True):
        rows = table[table["axis"] == axis]
        for colour, (layer, name) in zip(colours, LAYERS.items(), strict=False):
            for way, line in ((STOCK, "--"), (ACCELERATED, "-")):
                chosen = rows[(rows["layer"] == layer) & (rows["way"] == way)]
                title = f"{name}, {'stock Keras' if way == STOCK else 'rnnbench'}"
                panel.plot(chosen["value"], chosen["median"], line, color=colour, label=title)
        panel.set(xscale="log", yscale="log", xlabel=label)
        panel.set_xticks(sorted(rows["value"].unique()))
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    axes[0].set_ylabel("milliseconds per step")
    lines, titles = axes[0].get_legend_handles_labels()
    figure.legend(lines, titles, loc="outside lower center", ncols=len(LAYERS), fontsize="small")
    return figure


def write_page(folder: Path = DOCS) -> None:
    """Write the page and its figure from the measurements that exist."""
    written: dict[str, tuple[str, Callable[[pd.DataFrame], str]]] = {
        "recurrent_layers": ("A training step of `fit`, in milliseconds", layers),
        "end_to_end": ("End to end", end_to_end),
        "growth": ("How it grows", growth),
        **{name: (section.title, section.written) for name, section in SECTIONS.items()},
        "cluster_driver": ("What the driver of a cluster does", driver),
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
    """Return the text on training steps."""
    table = table.sort_values("case", key=lambda names: names.map(list(CASES).index))
    table["distance"] = table["accelerated"] / table["bound"]
    table["limit"] = table["stock"] / table["bound"]
    columns = tuple(column for column in COLUMNS if column.name in table)
    extremes = sorted({table["matrix_rate"].min(), table["matrix_rate"].max()})
    rates = " to ".join(f"{rate / 1e9:.0f}" for rate in extremes)
    return LAYERS_TEXT.format(rates=rates, table=to_markdown(as_text(table, columns)))


def growth(_: pd.DataFrame) -> str:
    """Return the text on the figure of growth."""
    return GROWTH.format(
        small=SMALL_STEP,
        numbers=LARGE_STATE_OF_SIMPLE_RNN,
        simple=MANY_EXAMPLES[keras.layers.SimpleRNNCell],
        unrolled=MOST_UNROLLED,
        lstm=MANY_EXAMPLES[keras.layers.LSTMCell],
        gru=MANY_EXAMPLES[keras.layers.GRUCell],
    )


def driver(table: pd.DataFrame) -> str:
    """Return the text on the driver of a cluster and on its limits with many experiments."""
    experiments, nodes = ON_PAPER
    row = table.sort_values("stages").iloc[-1]
    each = row["send_seconds"] + row["take_in_seconds"]
    parts = {
        "the exchange": row["send_seconds"] + row["receive_seconds"],
        "reading and writing dvc.lock": row["lock_seconds"],
    }
    parts["DVC's comparison of hashes and its run cache"] = each - sum(parts.values())
    largest = max(parts, key=lambda name: parts[name])
    return DRIVER_TEXT.format(
        experiments=experiments,
        nodes=nodes,
        stages=int(row["stages"]),
        once=row["status_seconds"] + row["pack_seconds"],
        each=each,
        total=experiments * each,
        least=nodes * each,
        largest=largest,
        share=parts[largest] / each,
        table=to_markdown(as_text(table, DRIVER)),
    )


def end_to_end(table: pd.DataFrame) -> str:
    """Return the text on the comparison with the notebooks."""
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
