"""Import this module to run a stage with the package of its own copy of the repository.

DVC runs queued and temporary experiments in copies of the repository, but the installed package is
that of the workspace, whose code may differ.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
