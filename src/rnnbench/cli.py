"""The `rnnbench` command."""

import sys

import click

from rnnbench.errors import reports_errors
from rnnbench.params import load_params


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rnnbench")
def main() -> None:
    """Compare recurrent networks reproducibly."""


@main.command()
@reports_errors
def check() -> None:
    """Say whether params.yaml can be used, and what is wrong with it."""
    params = load_params()
    click.echo(
        f"params.yaml is fine: {len(params.experiments)} experiments in {len(params.suites)}"
        f" suites on {len(params.views)} views"
    )


@main.command()
@reports_errors
def demo() -> None:
    """Run the whole pipeline on real data with a small budget, in demo/."""
    from rnnbench.demo import DEMO_FOLDER, run_demo
    from rnnbench.tracking.store import repository_root

    root = repository_root()
    if not run_demo(root, root / DEMO_FOLDER):
        sys.exit(1)


@main.command()
@reports_errors
def readme() -> None:
    """Write the numbers of the last run into the README."""
    from rnnbench.reporting.readme import update_readme

    update_readme(load_params())
