"""How `make docs` builds the documentation: Sphinx on the Markdown that a forge shows.

The source folder is the repository's root, so that a link between any two pages works on a forge
and in the built pages alike, and the strict build checks it. The lists of links in `docs/index.md`
are the navigation.
"""

import re
from importlib.metadata import version as installed_version
from posixpath import normpath

from sphinx.application import Sphinx

INDEX = "docs/index"
SECTION = re.compile(r"^## (?P<caption>.+)\n(?P<text>(?:(?!## ).*\n?)*)", re.MULTILINE)
PAGE = re.compile(r"^- \[[^\]]+\]\((?P<path>[^)#:]+)\.md\)", re.MULTILINE)

project = "rnnbench"
version = release = installed_version("rnnbench")
root_doc = INDEX
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
include_patterns = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "data/README.md",
    "comparisons/*/table.md",
    "report/*.md",
    "docs/**.md",
]
# Folders that need not be searched for pages.
exclude_patterns = [".*", "data/raw", "data/prepared", "demo", "results", "runs", "site", "src"]

myst_heading_anchors = 4  # as a forge makes them of headings
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # levels that a forge shows without complaint

# Docstrings follow the numpy convention, with Markdown's single backticks for code.
default_role = "code"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_member_order = "bysource"
autodoc_typehints = "signature"

html_theme = "furo"
html_title = "rnnbench"
html_copy_source = False


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Make a table of contents of each list of links in the index."""
    if page != INDEX:
        return
    for section in SECTION.finditer(source[0]):
        paths = [f"/{normpath(f'docs/{path}')}" for path in PAGE.findall(section["text"])]
        if paths:
            source[0] += "\n".join(
                ["\n\n```{toctree}", ":hidden:", f":caption: {section['caption']}", "", *paths]
            )
            source[0] += "\n```\n"


def stand_alone(app: Sphinx, page: str, source: list[str]) -> None:
    """Make pages of what the pipeline writes: not in the navigation, tables with a title."""
    folder, *names = page.split("/")
    if folder in ("comparisons", "report"):
        title = f"# {names[0]}\n\n" if folder == "comparisons" else ""
        source[0] = f"---\norphan: true\n---\n\n{title}{source[0]}"


def setup(app: Sphinx) -> None:
    """Register what is defined here."""
    app.connect("source-read", add_navigation)
    app.connect("source-read", stand_alone)
