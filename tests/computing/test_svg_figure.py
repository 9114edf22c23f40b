"""Figures: the same bytes each time, valid XML whatever a label says, and nothing changed for other figures."""

from __future__ import annotations

from xml.etree import ElementTree

import matplotlib

from emollama_hf.computing.svg_figure import shown_name, svg_figure


def drawn(label: str) -> bytes:
    with svg_figure(3, 2) as (figure, svg):
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], clip_on=True)
        axes.set_xlabel(shown_name(label))
    return svg.getvalue()


def test_the_same_figure_has_the_same_bytes_in_any_style() -> None:
    first = drawn("happy")
    with matplotlib.rc_context({"axes.facecolor": "red", "svg.fonttype": "path", "font.size": 20}):
        assert drawn("happy") == first
        assert matplotlib.rcParams["axes.facecolor"] == "red"
    assert b"<dc:date>" not in first


def test_labels_of_any_kind_are_text() -> None:
    for label, shown in (("$\\frac{$", "$\\frac{$"), ("<a&b>", "<a&b>"), ("开心", "开心"), ("a\x00b", "a\\x00b")):
        root = ElementTree.fromstring(drawn(label))
        assert shown in [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
    assert shown_name("x" * 100) == "x" * 23 + "…"
