"""The `rnnbench` command, and how every command and stage says that something is wrong."""

import sys
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import click

from rnnbench.demo import DEMO_FOLDER, run_demo
from rnnbench.errors import RnnbenchError
from rnnbench.params import load_params
from rnnbench.reporting.readme import update_readme
from rnnbench.tracking.store import repository_root

P = ParamSpec("P")
INTERRUPTED = 130


def reports_errors(command: Callable[P, None]) -> Callable[P, None]:
    """Print errors meant for a person without a traceback and exit with status 1."""

    @wraps(command)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except (RnnbenchError, FloatingPointError) as error:
            print(f"error: {error}", file=sys.stderr)
            sys.exit(1)
        except KeyboardInterrupt:
            print("interrupted: nothing half done was kept", file=sys.stderr)
            sys.exit(INTERRUPTED)

    return guarded


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
    root = repository_root()
    if not run_demo(root, root / DEMO_FOLDER):
        sys.exit(1)


@main.command()
@reports_errors
def readme() -> None:
    """Write the numbers of the last run into the README."""
    update_readme(load_params())
