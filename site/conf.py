"""How Sphinx builds the site: MyST-NB reads the notebooks, Furo is the theme, formulas become MathML."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import formulas
from sphinx.application import Sphinx

project = "Seven Weeks of Spikes"
html_title = project
extensions = ["myst_nb"]
source_suffix = {".md": "myst-nb", ".ipynb": "myst-nb"}
exclude_patterns = ["files"]
suppress_warnings = ["misc.highlighting_failure"]  # a block of code may leave something out: …

nb_execution_mode = "off"
nb_render_markdown_format = "myst"
nb_merge_streams = True
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_dmath_double_inline = True

html_theme = "furo"
html_static_path = ["static"]
html_favicon = "static/spike.svg"
html_css_files = ["course.css"]
html_js_files = [("course.js", {"defer": "defer"})]
html_copy_source = html_show_sourcelink = html_show_copyright = html_show_sphinx = False
html_use_index = False
html_theme_options = {"navigation_with_keys": False}
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
html_math_renderer = "mathml"


def setup(app: Sphinx) -> None:
    app.config.html_extra_path = [str(Path(app.srcdir) / "files")]
    app.add_html_math_renderer("mathml", formulas.INLINE, formulas.BLOCK)
    app.connect("build-finished", formulas.write_font)
