"""The documentation site: `sphinx-build -W docs build/docs`, without a network and without warnings.

Sphinx, since its inventory says which names are in the reference and its references hold across pages, docstrings and
notebooks; furo, which reads well on a phone; MyST, so that pages are the Markdown that a repository shows as well.
"""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]
os.environ.setdefault("PYTHONPATH", str(HERE.parent))  # kernels of notebooks find the package of this checkout

from langevin_sgd import __version__  # noqa: E402

project = "langevin-sgd"
author = "The langevin-sgd developers"
copyright = author
release = version = __version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "site_parts.mathml",
    "site_parts.docstrings",
    "site_parts.made_pages",
    "site_parts.repository_links",
]
exclude_patterns = ["site_parts", "reference/made"]
html_theme = "furo"
html_title = "langevin-sgd"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_math_renderer = "mathml"
smartquotes = False  # quotes in prose are those of code
pygments_style = "friendly"
pygments_dark_style = "monokai"

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist", "attrs_inline"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# Notebooks and MyST pages with a kernel run at every build that finds them changed; one that raises ends the build.
nb_execution_mode = "cache"
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 88
add_module_names = False
toc_object_entries_show_parents = "hide"
default_role = "py:obj"
