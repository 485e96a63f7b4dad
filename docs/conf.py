"""The site: guide, executed notebooks, and the reference from the docstrings."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
os.environ["IPYTHONDIR"] = str(HERE.parent / "tests" / "ipython")

project = "snnlab"
author = "snnlab"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "navbar_end": ["theme-switcher"], "footer_start": [], "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}  # fmt: skip
html_show_sourcelink = False
html_title = "snnlab"
html_static_path = []
html_sidebars = {"**": []}  # the pages are one level deep: nothing to show there

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
suppress_warnings = ["mystnb.unknown_mime_type"]  # plots have several MIME types

nb_execution_mode = "cache"  # notebooks run again if they or their order change
nb_execution_cache_path = str(HERE.parent / "build" / "notebooks")
nb_execution_timeout = 900
nb_execution_raise_on_error = True
nb_execution_show_tb = True
autodoc_member_order = "bysource"
autodoc_typehints = "description"


def as_set(app, what, name, obj, options, lines):
    """Show docstrings with columns verbatim, as they are not valid reStructuredText."""
    if any("   " in line.strip() for line in lines):
        lines[:] = ["::", "", *("    " + line for line in lines), ""]


def setup(app):
    app.connect("autodoc-process-docstring", as_set)
