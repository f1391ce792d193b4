"""What tests of comparisons share."""

from pathlib import Path

import pytest
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from rnnbench.comparison.literature import Literature, load_literature


@pytest.fixture(scope="session")
def literature(root: Path) -> Literature:
    """The literature that users read."""
    return load_literature(root / "literature.yaml")


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw figures and do not write them, which takes seconds: where only numbers are tested."""

    def close(figure: Figure, path: Path) -> None:
        path.touch()
        plt.close(figure)

    for module in ("compare", "evidence"):
        monkeypatch.setattr(f"rnnbench.comparison.{module}.save_figure", close)
