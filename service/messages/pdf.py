"""A document of ours as PDF: headings, points and quotes on A4, the same octets for the same text and moment."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from importlib import resources

FONT = "DejaVuSans"  # in service/fonts; has Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic letters
SIZE, LINE = 10.5, 5.5  # points, millimetres
HEADINGS = {"# ": (18, 9), "## ": (13, 7)}


def as_pdf(markdown: str, at: datetime) -> bytes:
    """The PDF of Markdown as messages.agreement writes it; `at` is its date. A letter that the font lacks is a box
    there: the Markdown is what counts."""
    # Measured in November 2026: 0.6 s of CPU and 43 MB, which no process pays for that writes none.
    from fpdf import FPDF  # noqa: PLC0415

    logging.getLogger("fpdf").setLevel(logging.ERROR)  # it would log letters of what people typed
    paper = FPDF(format="A4")
    paper.set_creation_date(at)
    paper.set_lang("en")
    paper.set_title(markdown.partition("\n")[0].lstrip("# "))
    with resources.as_file(resources.files("service").joinpath("fonts", f"{FONT}.ttf")) as font:
        paper.add_font(FONT, fname=font)
        paper.set_margin(22)
        paper.add_page()
        for line in markdown.splitlines():
            start, text, size, height = _line(line)
            paper.set_font(FONT, size=size)
            paper.set_x(paper.l_margin + start)
            paper.multi_cell(0, height, text, new_x="LMARGIN", new_y="NEXT", align="L")
        return bytes(paper.output())


def _line(line: str) -> tuple[float, str, float, float]:
    """How far in it stands (mm), what is printed, in which size (pt) and height (mm)."""
    for mark, (size, height) in HEADINGS.items():
        if line.startswith(mark):
            return 0, line.removeprefix(mark), size, height
    quoted = re.fullmatch(r" *>( .*)?", line)
    if quoted:
        return 6, (quoted[1] or "").strip(), SIZE, LINE
    point = re.fullmatch(r"- (?:\*\*(.+?)\*\* ?)?(.*)", line)
    if point:
        return 0, " ".join(filter(None, (point[1], point[2]))), SIZE, LINE
    return 0, line, SIZE, LINE if line else LINE / 2
