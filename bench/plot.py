"""The plot of a run as SVG: one panel of bars for each case, cheapest server first.

It brings its own background, light or dark as the reader's system is, so that it can be read on
any page. A title and a description tell the figures to who cannot see them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from bench.cases import CASES
from bench.report import cost_ratio
from bench.results import CaseResult, Results
from bench.servers import REFERENCE, SERVERS

_COLUMNS = 2
_WIDTH, _NAMES, _BAR, _LINE = 470, 162, 230, 18  # of a panel, its names, bars and lines
_HEAD, _GAP, _TOP = 30, 22, 64
_OURS = "cyclone"
_LONGEST = 1.6  # a longer bar would make the others of its panel too small to compare

_STYLE = """
    .page { fill: #ffffff } text { fill: #1f2328; font: 12px system-ui, sans-serif }
    .title { font-size: 17px; font-weight: 600 } .panel { font-size: 13px; font-weight: 600 }
    .note { fill: #59636e } .line { stroke: #d1d9e0 }
    .bar { fill: #9aa7b4 } .ours { fill: #0b6bcb } .own { font-weight: 600 }
    @media (prefers-color-scheme: dark) {
      .page { fill: #15191e } text { fill: #e6edf3 } .note { fill: #9aa4af }
      .line { stroke: #3a424b } .bar { fill: #66727f } .ours { fill: #4fa3f7 }
    }
"""


@dataclass(frozen=True)
class Bar:
    """One server in a panel."""

    name: str
    value: float


def bars(result: CaseResult) -> list[Bar]:
    """Return the servers of a case with their ratios to the reference, cheapest first."""
    found = [
        Bar(name, ratio.median) for name in result.turns if (ratio := cost_ratio(result, name))
    ]
    return sorted(found, key=lambda bar: bar.value)


def plot(results: Results) -> str:
    """Return the SVG document."""
    panels = {case: bars(result) for case, result in results.cases.items()}
    panels = {case: found for case, found in panels.items() if found}
    drawn: list[str] = []
    heights = [_TOP] * _COLUMNS
    for case, found in panels.items():
        column = heights.index(min(heights))
        drawn.append(_panel(case, found, column * _WIDTH + 16, heights[column]))
        heights[column] += _HEAD + _LINE * len(found) + _GAP
    return _document(panels, drawn, _COLUMNS * _WIDTH + 16, max(heights))


def _document(panels: dict[str, list[Bar]], drawn: Sequence[str], width: int, height: int) -> str:
    title = f"CPU time of the server, as ratio to {SERVERS[REFERENCE].title}"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img" aria-labelledby="title desc">',
            f'<title id="title">{escape(title)}</title>',
            f'<desc id="desc">{escape(_description(panels))}</desc>',
            f"<style>{_STYLE}</style>",
            f'<rect class="page" width="{width}" height="{height}" rx="8"/>',
            f'<text class="title" x="16" y="28">{escape(title)}</text>',
            '<text class="note" x="16" y="47">per request, message or event;'
            f" less is better; medians of the rounds; bars end at {_LONGEST}</text>",
            *drawn,
            "</svg>\n",
        ]
    )


def _panel(case: str, found: Sequence[Bar], x: int, y: int) -> str:
    longest = max(1.0, *(bar.value for bar in found))
    scale = _BAR / min(longest, _LONGEST)
    reference = x + _NAMES + scale
    top, bottom = y + _HEAD - 8, y + _HEAD + _LINE * len(found)
    parts = [
        f'<text class="panel" x="{x}" y="{y + 14}">{escape(CASES[case].title)}</text>',
        f'<line class="line" x1="{reference:.0f}" x2="{reference:.0f}" y1="{top}" y2="{bottom}"/>',
    ]
    for number, bar in enumerate(found):
        parts += _bar(bar, x, y + _HEAD + number * _LINE, scale)
    return "\n".join(parts)


def _bar(bar: Bar, x: int, y: int, scale: float) -> list[str]:
    ours = bar.name.startswith(_OURS)
    kind, text = ("bar ours", ' class="own"') if ours else ("bar", "")
    start, length = x + _NAMES, max(1.0, min(bar.value, _LONGEST) * scale)
    name = escape(SERVERS[bar.name].title)
    return [
        f'<text{text} x="{start - 8}" y="{y + 10}" text-anchor="end">{name}</text>',
        f'<rect class="{kind}" x="{start}" y="{y}" width="{length:.1f}" height="12" rx="2"/>',
        f'<text{text} x="{start + length + 5:.1f}" y="{y + 10}">{bar.value:.2f}</text>',
    ]


def _description(panels: dict[str, list[Bar]]) -> str:
    """Say the figures in words."""
    sentences = []
    for case, found in panels.items():
        figures = ", ".join(f"{SERVERS[bar.name].title} {bar.value:.2f}" for bar in found)
        sentences.append(f"{CASES[case].title}: {figures}.")
    return " ".join(sentences)
