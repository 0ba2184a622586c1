"""Sphinx settings: Markdown pages through MyST, in the Furo theme."""

from importlib import metadata

project = "crossalign"
author = "The crossalign authors"
copyright = author
release = metadata.version("crossalign")

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = f"crossalign {release}"
