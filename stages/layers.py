"""Stage `layers`: tabulate the shapes, states and parameters of every recurrent layer."""

import click
import own_source  # noqa: F401

from rnnbench.errors import reports_errors
from rnnbench.models.backend import import_keras
from rnnbench.params import load_params


@click.command()
@reports_errors
def main() -> None:
    """Write the table of layers to comparisons/layers/."""
    import_keras()
    from rnnbench.models.layer_table import write_layer_table

    write_layer_table(load_params().layer_table)


if __name__ == "__main__":
    main()
