"""`rnnbench sweep`."""

import sys
from pathlib import Path

import click

from rnnbench.errors import RnnbenchError, reports_errors
from rnnbench.repro.cluster.options import takes_cluster


@click.command()
@click.argument("assignments", nargs=-1, metavar="KEY=VALUE,VALUE,...")
@click.option(
    "--random",
    "number",
    type=click.IntRange(min=1),
    metavar="NUMBER",
    help="Draw so many combinations instead of all. KEY=interval(LOW,HIGH) then draws a number"
    " between two, KEY=tag(log,interval(LOW,HIGH)) a number whose logarithm is uniform.",
)
@click.option("--seed", default=0, show_default=True, help="With --random: seed of the draw.")
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take combinations from a CSV file, one per line; the first line names the keys.",
)
@click.option(
    "--experiments",
    metavar="NAMES",
    help="Experiments, or suites for all of theirs, separated by commas; by default those that the"
    " values change.",
)
@click.option(
    "--name",
    default="sweep",
    show_default=True,
    metavar="NAME",
    help="The combinations become the experiments NAME-1, NAME-2, ... of DVC.",
)
@click.option(
    "--baseline",
    metavar="COMBINATION",
    help="The combination with which the others are compared, such as NAME-2; by default the first."
    " --halving does not drop it.",
)
@click.option(
    "--halving",
    is_flag=True,
    help="Train all combinations for few epochs, and only the best of them for more: successive"
    " halving, by validation scores.",
)
@click.option(
    "--eta",
    type=click.IntRange(min=2),
    help="With --halving: one of so many combinations goes on, for so many times the epochs; by"
    " default 3.",
)
@click.option(
    "--min-epochs",
    type=click.IntRange(min=1),
    help="With --halving: the least epochs of any training; by default 1.",
)
@click.option(
    "--test",
    is_flag=True,
    help="When all are trained, score them on the test split as well. Choose by validation: the"
    " best of many test scores is too good.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    help="How many experiments run side by side; by default one per core, at most four.",
)
@takes_cluster
@reports_errors
def sweep(
    assignments: tuple[str, ...],
    number: int | None,
    seed: int,
    rows: Path | None,
    experiments: str | None,
    name: str,
    baseline: str | None,
    halving: bool,
    eta: int | None,
    min_epochs: int | None,
    test: bool,
    jobs: int | None,
    cluster: str | None,
    exchange: str | None,
    cores: int,
    gpu_share: float | None,
) -> None:
    """Try values of parameters: each combination becomes an experiment of DVC.

    KEY is a key of params.yaml, written as for the option -S of `dvc exp run`: with a + in front
    if the file lacks it. All combinations of the values are trained, each in a copy of the
    repository, and compared by their scores on the validation split; the tables are in
    sweeps/NAME/. The same command goes on where an earlier one stopped: see docs/sweeps.md.
    """
    from rnnbench.repro.cluster.place import Cluster
    from rnnbench.repro.reproduce import default_jobs
    from rnnbench.sweep.combinations import draw, grid, read_rows
    from rnnbench.sweep.halving import ETA, MIN_EPOCHS, plan_rungs
    from rnnbench.sweep.sweep import plan, require_name, run_sweep
    from rnnbench.sweep.table import summary
    from rnnbench.tables import print_table
    from rnnbench.tracking.store import repository_root

    if bool(assignments) == bool(rows) or (rows and number):
        raise RnnbenchError(
            "give values as KEY=VALUE,VALUE,… or a file with --rows, and --random only with values"
        )
    if (eta or min_epochs) and not halving:
        raise RnnbenchError("--eta and --min-epochs belong to --halving: add it, or leave them out")
    require_name(name)
    root = repository_root()
    if rows:
        combinations = read_rows(rows)
    else:
        combinations = draw(assignments, number, seed) if number else grid(assignments)
    planned = plan(combinations, experiments.split(",") if experiments else (), root)
    rungs = []
    if halving:
        rungs = plan_rungs(
            planned.params, planned.experiments, eta or ETA, min_epochs or MIN_EPOCHS
        )
    place = Cluster(cluster, exchange, cores, gpu_share) if cluster else None
    result = run_sweep(
        root,
        name,
        planned,
        jobs or default_jobs(),
        place,
        test=test,
        baseline=baseline,
        rungs=rungs,
    )
    if result.dropped is not None:
        print_table(result.dropped.shown, result.dropped.title)
    for table in result.tables:
        print_table(table.shown, table.title)
        for note in table.notes:
            click.echo(note)
    for line in summary(result.tables, result.failed, result.dropped) if result.tables else ():
        click.echo(line)
    if result.failed:
        sys.exit(1)
