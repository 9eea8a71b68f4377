"""Formulas as MathML, which browsers and screen readers read themselves, and the font that they are set in."""

import logging
import re
from importlib.resources import files
from pathlib import Path

from docutils import nodes
from fontTools import subset
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

FONT = files("ziamath") / "fonts" / "STIXTwoMath-Regular.ttf"  # SIL Open Font License
logging.getLogger("fontTools").setLevel(logging.ERROR)  # it tells of every table
LETTERS = "".join(map(chr, [*range(0x20, 0x7F), *range(0xA0, 0x100), *range(0x370, 0x400), *range(0x1D400, 0x1D800)]))


MENDED = (  # what the converter leaves to the browser, which sets it otherwise than TeX
    (r"<mo>&#x0002F;</mo>", '<mo lspace="0" rspace="0">/</mo>'),
    (r"(?<=</mo>)(?<!(?:&#x00029|&#x0005D);</mo>)(?<!\)</mo>)<mo>&#x02212;</mo>", '<mo form="prefix">&#x02212;</mo>'),
    (r"<mi>(&#x0039[1-9A-F];|&#x003A[0-9];)</mi>", r'<mi mathvariant="normal">\1</mi>'),
    ("negativethinmathspace", "-0.167em"),
    (r"(<mi>(?:ln|log|exp|sin|cos)</mi>)(?=<m[in]>)", r'\1<mspace width="0.167em" />'),
)


def mathml(tex: str, display: str) -> str:
    """A formula as MathML, `display` "inline" or "block"."""
    math = convert(tex.replace("{aligned}", "{align}"), display=display)
    for pattern, better in MENDED:
        math = re.sub(pattern, better, math)
    return math


def _visit(display: str):
    def visit(self: HTML5Translator, node: nodes.Node) -> None:
        math = mathml(node.astext(), display)
        tag = "div" if display == "block" else "span" if len(node.astext()) > 40 else ""  # a phone scrolls long ones
        self.body.append(f'<{tag} class="formula">{math}</{tag}>' if tag else math)
        raise nodes.SkipNode

    return visit


INLINE = (_visit("inline"), None)
BLOCK = (_visit("block"), None)


def write_font(app: Sphinx, exception: Exception | None) -> None:
    """Put what the course's formulas need of the font beside the pages: a tenth of it."""
    if exception:
        return
    used = set(LETTERS).union(*(page.read_text(encoding="utf-8") for page in Path(app.outdir).glob("*.html")))
    font = subset.load_font(str(FONT), options := subset.Options(flavor="woff", layout_features=["*"]))
    chosen = subset.Subsetter(options)
    chosen.populate(text="".join(used))
    chosen.subset(font)
    subset.save_font(font, str(Path(app.outdir) / "_static" / "math.woff"), options)
