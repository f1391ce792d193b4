"""What tests of reviews share."""

from pathlib import Path

import pytest

from tests.review.project import Project, make_project


@pytest.fixture(scope="session")
def original(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after its first commit; not to be changed."""
    return make_project(tmp_path_factory.mktemp("original") / "project", root)


@pytest.fixture
def project(original: Project, tmp_path: Path) -> Project:
    """A copy of the project to change, with its DVC cache."""
    return original.copy(tmp_path / "project")
