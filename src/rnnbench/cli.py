"""The `rnnbench` command."""

import sys
from contextlib import nullcontext
from pathlib import Path

import click

from rnnbench.errors import reports_errors
from rnnbench.params import load_params
from rnnbench.repro.cluster.options import takes_cluster
from rnnbench.sweep.command import sweep

WORSE = 3  # the exit code of `rnnbench review --fail-if-worse` where a score is worse


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rnnbench")
def main() -> None:
    """Compare recurrent networks reproducibly."""


@main.command()
@reports_errors
def check() -> None:
    """Check params.yaml and literature.yaml, and report the errors in them."""
    from rnnbench.comparison.literature import load_literature

    params = load_params()
    load_literature(params=params)
    click.echo(
        f"params.yaml is fine: {len(params.experiments)} experiments in {len(params.suites)}"
        f" suites on {len(params.views)} views"
    )


@main.command()
@click.argument("stages", nargs=-1)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many stages run at a time; by default one per core, at most four.",
)
@click.option(
    "--times/--no-times",
    default=True,
    show_default=True,
    help="Whether to run the `time` stages, each of them alone.",
)
@takes_cluster
@reports_errors
def repro(
    stages: tuple[str, ...],
    jobs: int | None,
    times: bool,
    cluster: str | None,
    exchange: str | None,
    cores: int,
    gpu_share: float | None,
) -> None:
    """Reproduce the pipeline as `dvc repro` does, several stages at a time.

    STAGES are stages of dvc.yaml, such as train@imdb-lstm, or kinds of stages, such as evaluate;
    the stages that they need are reproduced too. By default the whole pipeline is reproduced. A
    stage with `meta: {alone: true}` in dvc.yaml runs while no other stage does. With --cluster,
    experiments are trained and evaluated on the nodes of a Ray cluster, and all other stages run on
    this machine: see docs/cluster.md.
    """
    from rnnbench.comparison.findings import read_comparisons, training_seconds
    from rnnbench.repro.cluster.place import Cluster
    from rnnbench.repro.reproduce import default_jobs, reproduce
    from rnnbench.tracking.store import repository_root

    params = load_params()
    succeeded = reproduce(
        repository_root(),
        jobs or default_jobs(),
        stages,
        params.suites,
        leave_out=() if times else ("time",),
        cluster=Cluster(cluster, exchange, cores, gpu_share) if cluster else None,
        seconds_elsewhere=training_seconds(read_comparisons(params)),
    )
    if not succeeded:
        sys.exit(1)


main.add_command(sweep)


@main.command()
@reports_errors
def demo() -> None:
    """Run some experiments of each kind on real data with a small budget, in demo/."""
    from rnnbench.demo import DEMO_FOLDER, run_demo
    from rnnbench.tracking.store import repository_root

    root = repository_root()
    if not run_demo(root, root / DEMO_FOLDER):
        sys.exit(1)


@main.command()
@click.argument("base", required=False)
@click.option(
    "--fail-if-worse",
    is_flag=True,
    help=f"Exit with {WORSE} if a score is worse beyond chance, or is missing now because every"
    " seed diverges.",
)
@reports_errors
def review(base: str | None, fail_if_worse: bool) -> None:
    """Print the effects of the change from the commit BASE to the workspace, as Markdown.

    BASE is a commit, branch or tag. By default it is HEAD where tracked files have uncommitted
    changes, and otherwise the commit at which the current branch left the main branch.
    """
    from rnnbench.review.markdown import as_markdown
    from rnnbench.review.review import review as review_change
    from rnnbench.tracking.store import repository_root

    found = review_change(repository_root(), base)
    click.echo(as_markdown(found), nl=False)
    if fail_if_worse and found.is_worse:
        sys.exit(WORSE)


@main.command()
@click.argument("stage")
@reports_errors
def why(stage: str) -> None:
    """Report which parameter, file or data made STAGE out of date, and in which commit."""
    from rnnbench.review.why import why as explain
    from rnnbench.tracking.store import repository_root

    for line in explain(stage, repository_root()):
        click.echo(line)


@main.command()
@click.argument("experiment")
@click.argument("inputs", nargs=-1)
@click.option(
    "--file",
    "text_file",
    type=click.Path(path_type=Path),
    help="A file of texts, one per line, or a table with a column `text`.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path("predicted.gif"),
    show_default=True,
    help="File for predicted frames: .gif, .npy or an image; numbered for several sequences.",
)
@click.option("--seed", type=int, help="Seed of the run; by default the experiment's first seed.")
@reports_errors
def predict(
    experiment: str, inputs: tuple[str, ...], text_file: Path | None, output: Path, seed: int | None
) -> None:
    """Predict with a trained EXPERIMENT.

    INPUTS are texts for an experiment on reviews or newswires (without any, one text per line is
    read from --file or standard input); images of digits or folders of them; an animation, a folder
    of images or a .npy file of frames; or .npy files of sequences for the synthetic tasks.
    docs/predict.md describes each kind of input.
    """
    from rnnbench.models.backend import import_keras

    params = load_params()
    import_keras()
    from rnnbench.predict import predict as predictions

    for line in predictions(experiment, params, inputs, text_file, output, seed):
        click.echo(line)


@main.command()
@click.option("--sequence-length", type=click.IntRange(1), help="Steps per sequence.")
@click.option("--features", type=click.IntRange(1), help="x, inputs per step.")
@click.option("--units", type=click.IntRange(1), help="h, units of every layer.")
@reports_errors
def layers(sequence_length: int | None, features: int | None, units: int | None) -> None:
    """Show the shapes, states and parameters of every recurrent layer.

    Sizes that are not given are taken from `layer_table` in params.yaml.
    """
    from rnnbench.models.backend import import_keras
    from rnnbench.tables import as_text, print_table

    sizes = load_params().layer_table
    import_keras()
    from rnnbench.models.layer_table import COLUMNS, tabulate_layers

    steps = sequence_length or sizes.sequence_length
    x, h = features or sizes.features, units or sizes.units
    table = as_text(tabulate_layers(steps, x, h), COLUMNS)
    print_table(table, f"{steps} steps of x = {x} inputs, h = {h} units")


@main.group()
def new() -> None:
    """Add data of your own to params.yaml, with a suite that compares layers on them."""


@new.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--text", help="The column of a table with the texts.")
@click.option("--label", help="The column of a table with the classes.")
@click.option("--name", help="Name of the suite and its view; by default the name of the file.")
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of each class that is kept for the test split.",
)
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the training split that is held out for validation.",
)
@click.option(
    "--rare-classes",
    type=click.Choice(["refuse", "leave_out"]),
    default="refuse",
    show_default=True,
    help="What happens to classes with fewer than 10 texts.",
)
@reports_errors
def text(
    path: Path,
    text: str | None,
    label: str | None,
    name: str | None,
    test_fraction: float,
    validation_fraction: float,
    rare_classes: str,
) -> None:
    """Compare layers on texts with classes.

    PATH is a .csv, .tsv or .parquet file, of which --text and --label name the columns, or a folder
    with a folder of text files for each class. The file stays where it is.
    """
    from rnnbench.data.datasets.texts import OwnTexts
    from rnnbench.new.text import new_text
    from rnnbench.params import validate
    from rnnbench.tracking.store import repository_root

    given = {"path": str(path), "text": text, "label": label}
    split = {"test_fraction": test_fraction, "rare_classes": rare_classes}
    settings = validate(OwnTexts, {**given, **split}, "the command line")
    click.echo(new_text(repository_root(), path, name, settings, validation_fraction))


@new.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--time", required=True, help="The column with the times: dates, or numbers.")
@click.option(
    "--value",
    "values",
    multiple=True,
    required=True,
    help="A column with a series of numbers; repeat the option for each series.",
)
@click.option(
    "--horizon", type=click.IntRange(1), required=True, help="How many steps to forecast."
)
@click.option(
    "--season",
    type=click.IntRange(1),
    help="Steps after which the series repeat, 1 for none; by default estimated.",
)
@click.option(
    "--gaps",
    type=click.Choice(["refuse", "fill", "ignore"]),
    default="refuse",
    show_default=True,
    help="What to do where times or values are missing: report an error, repeat the value before,"
    " or (for times only) ignore the gap.",
)
@click.option("--name", help="Name of the suite and its view; by default the name of the file.")
@click.option(
    "--test-fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="Share of the steps, the last ones, that is kept for the test split.",
)
@click.option(
    "--validation-fraction",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the steps before the test split, the last ones, held out for validation.",
)
@reports_errors
def series(
    path: Path,
    time: str,
    values: tuple[str, ...],
    horizon: int,
    season: int | None,
    gaps: str,
    name: str | None,
    test_fraction: float,
    validation_fraction: float,
) -> None:
    """Compare layers on forecasts of one or several series.

    PATH is a .csv, .tsv or .parquet file with one row per time. The file stays where it is.
    """
    from rnnbench.data.datasets.series import OwnSeries
    from rnnbench.new.series import new_series
    from rnnbench.params import validate
    from rnnbench.tracking.store import repository_root

    given = {"path": str(path), "time": time, "values": list(values)}
    split = {"gaps": gaps, "test_fraction": test_fraction}
    settings = validate(OwnSeries, {**given, **split}, "the command line")
    root = repository_root()
    click.echo(new_series(root, path, name, settings, horizon, season, validation_fraction))


@main.group()
def track() -> None:
    """Compare the tracking server with the files of the runs, which are the truth."""


@track.command()
@click.option("--rev", help="Commit whose runs to log; by default those in the workspace.")
@reports_errors
def sync(rev: str | None) -> None:
    """Log the runs that are recorded in files and missing on the tracking server.

    The server is the one that MLFLOW_TRACKING_URI names, or mlflow.db. Files come from `dvc repro`,
    `dvc pull` or `dvc checkout`. Nothing is logged twice.
    """
    from rnnbench.tracking.store import repository_root
    from rnnbench.tracking.sync import files_of_revision
    from rnnbench.tracking.sync import sync as make_missing

    root = repository_root()
    with files_of_revision(root, rev) if rev else nullcontext(root) as files:
        before = make_missing(files)
    click.echo(f"{len(before.missing)} runs were made or completed, {before.complete} were whole")


@track.command()
@reports_errors
def status() -> None:
    """List the recorded runs that the tracking server lacks, and the runs that only it has."""
    from rnnbench.tracking.store import repository_root
    from rnnbench.tracking.sync import compare_with_server, unknown_runs

    root = repository_root()
    found, unknown = compare_with_server(root), unknown_runs(root)
    for run in found.missing:
        click.echo(f"not on the server, or in part: {run.name}")
    for name in unknown:
        click.echo(f"on the server alone: {name}")
    click.echo(
        f"{found.complete} runs in both, {len(found.missing)} to sync, {len(unknown)} on the server"
        " alone"
    )


@main.command()
@click.argument("experiment")
@click.option("--alias", default="best", show_default=True, help="Alias of the version.")
@reports_errors
def register(experiment: str, alias: str) -> None:
    """Put the model of an EXPERIMENT's best run into MLflow's registry.

    The best run is the one with the lowest validation loss. The version's description states the
    training data, the test metrics, the limits and the licence.
    """
    from rnnbench.tracking.register import register as register_best
    from rnnbench.tracking.store import repository_root

    made = register_best(experiment, repository_root(), alias)
    click.echo(
        f"{made.name} version {made.version} (seed {made.seed}): models:/{made.name}@{alias}"
    )


@main.command()
@reports_errors
def readme() -> None:
    """Write the numbers of the last run into the README."""
    from rnnbench.comparison.literature import load_literature
    from rnnbench.comparison.readme import update_readme

    update_readme(load_params(), load_literature())


if __name__ == "__main__":
    main()
