"""Stage `layers`: tabulate the shapes, states and parameters of every recurrent layer."""

import click

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.params import load_params


@click.command()
@reports_errors
def main() -> None:
    """Write the table of layers into comparisons/layers/."""
    import_keras()
    from rnnbench.reporting.layers import write_layers

    write_layers(load_params())


if __name__ == "__main__":
    main()
