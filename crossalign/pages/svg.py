"""A matplotlib figure as inline SVG of the page."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from crossalign.pages.plots.palette import BLUE, GRID, INK, MUTED, PAPER
from crossalign.tables import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def svg(figure: Figure, label: str, prefix: str) -> Markup:
    """Write a figure as inline SVG that follows the page's colours.

    Parameters
    ----------
    figure : matplotlib Figure
        Picture to write.
    label : str
        Text read aloud instead of the picture.
    prefix : str
        Prefix that makes ids unique on the page.
    """
    import matplotlib

    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "crossalign"}):
        figure.savefig(buffer, format="svg", dpi=170, transparent=True, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg"):]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", lambda tag: _of_page(tag[0], prefix), text)
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert size is not None
    head = (f'<svg role="img" aria-label="{escape(printable(label))}" '
            f'viewBox="0 0 {size[1]} {size[2]}" style="max-width:{float(size[1]) * 1.45:.0f}px">')
    return Markup(head + text[text.index(">") + 1:].strip())


def _of_page(tag: str, prefix: str) -> str:
    """Give one tag the page's ids, colours and fonts; text between tags is never touched."""
    tag = re.sub(r' xmlns(:xlink)?="[^"]*"', "", tag).replace("xlink:href", "href")
    tag = re.sub(r'\bid="', f'id="{prefix}-', tag)
    tag = re.sub(r'(url\(|href=")#', rf"\g<1>#{prefix}-", tag)
    for colour, name in ((INK, "ink"), (MUTED, "muted"), (GRID, "line"),
                         (PAPER, "card"), (BLUE, "blue")):
        tag = tag.replace(colour, f"var(--{name})")
    tag = tag.replace("'DejaVu Sans'", "var(--sans)")
    return re.sub(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)", _smaller, tag)


def _smaller(match: re.Match[str]) -> str:
    """Store an embedded PNG that is a photograph as JPEG; drawings and clouds of points stay."""
    from PIL import Image

    data = base64.b64decode(match[1])
    if len(data) > 4000:
        picture = Image.open(io.BytesIO(data))
        if picture.mode == "RGB" or picture.getextrema()[-1] == (255, 255):
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, "JPEG", quality=85)
            if len(buffer.getvalue()) < len(data):
                return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return "data:image/png;base64," + base64.b64encode(data).decode()
