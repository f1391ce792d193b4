"""Importing this lets a stage run the package of its own copy of the repository.

DVC runs queued and temporary experiments in copies; the installed package is that of the
workspace, whose code is another.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
