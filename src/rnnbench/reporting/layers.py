"""The atlas of layers as files."""

from pathlib import Path

from rnnbench.files import atomic_folder, write_text
from rnnbench.layout import COMPARISONS_FOLDER, LAYERS_FOLDER, MARKDOWN_FILE, TABLE_FILE
from rnnbench.models.atlas import tabulate_layers
from rnnbench.params import Params
from rnnbench.reporting.tables import ATLAS, as_text, to_markdown


def write_layers(params: Params, comparisons: Path = COMPARISONS_FOLDER) -> Path:
    """Write `table.csv` and `table.md` for the sizes that `atlas` in params.yaml names.

    Returns
    -------
    Path
        Their folder.
    """
    atlas = params.atlas
    table = tabulate_layers(atlas.sequence_length, atlas.features, atlas.units)
    with atomic_folder(comparisons / LAYERS_FOLDER) as folder:
        table.to_csv(folder / TABLE_FILE, index=False)
        write_text(folder / MARKDOWN_FILE, to_markdown(as_text(table, ATLAS)))
    return comparisons / LAYERS_FOLDER
