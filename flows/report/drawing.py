"""Curves as inline SVG that follows the page: its font, its colours, light or dark.

The same numbers give the same bytes: no date, no random ids. Series differ in dash and marker as well as in colour,
and the colours are those of Okabe and Ito, which people with any common colour vision tell apart.
"""

import io
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from flows.report.inputs import Curve

if TYPE_CHECKING:
    from markupsafe import Markup

INK, GRID = "#010203", "#040506"  # stand-ins, replaced by the page's own colours
PALETTE = {  # stand-in or light colour -> the page's variable, which is lighter in the dark
    INK: "currentColor", GRID: "var(--grid)",
    "#0072b2": "var(--blue)", "#d55e00": "var(--vermilion)", "#009e73": "var(--green)",
    "#cc79a7": "var(--pink)", "#e69f00": "var(--orange)", "#56b4e9": "var(--sky)",
}
COLOURS = [colour for colour in PALETTE if colour not in (INK, GRID)]
DASHES: list[str | tuple[int, tuple[float, ...]]] = ["-", "--", "-.", ":", (0, (5, 1.5, 1, 1.5, 1, 1.5)), (0, (8, 3))]
POINTS_AT_MOST = 240  # longer curves are shown by the means of that many equal stretches
MARKED = 40  # shorter curves have a marker at each point
CLEANING = (  # of matplotlib's document: pattern -> what stands there instead
    (r"<metadata>.*?</metadata>\s*", ""),
    (r"<defs>\s*<style.*?</style>\s*</defs>\s*", ""),  # holds for the whole page otherwise; the page has its own
    (r'\s(?:xmlns(?::\w+)?|version)="[^"]*"', ""),
    (r'(<svg [^>]*?)\s*width="[^"]*"', r"\1"),
    (r'(<svg [^>]*?)\s*height="[^"]*"', r"\1"),
    (r'<(g|text) id="[^"]*"', r"<\1"),  # repeated in every chart, and nothing refers to them
    (r"xlink:href", "href"),
    (r"font-family:[^;\"]*;?", ""),
)
WIDTH_INCHES, HEIGHT_INCHES = 4.6, 2.5


class Chart(NamedTuple):
    """One small picture: curves over the steps, with an optional bound and the step that was kept."""

    title: str
    curves: dict[str, Curve]  # label -> curve, in order of drawing
    unit: str = ""  # what the y axis counts
    bound: float | None = None  # a level that the curve should stay on one side of
    kept_step: float | None = None  # the step whose model became the stage's output
    steps_are: str = "step"


def draw(chart: Chart) -> "Markup":
    """The chart as an `<svg>` element, safe to put into a page: matplotlib and `as_element` escaped its texts."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with mpl.rc_context({
        "svg.fonttype": "none", "svg.hashsalt": chart.title, "text.parse_math": False, "font.size": 9,
        "text.color": INK, "axes.edgecolor": GRID, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
        "grid.color": GRID,
    }):
        figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
        axes = figure.subplots()
        axes.set_axisbelow(True)
        axes.grid(visible=True, axis="y", linewidth=0.7)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.tick_params(length=0)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.set_xlabel(chart.steps_are)
        axes.set_ylabel(chart.unit)
        for number, (label, curve) in enumerate(chart.curves.items()):
            steps, values = thinned(curve)
            axes.plot(
                steps, values, label=label, color=COLOURS[number % len(COLOURS)], linewidth=1.8,
                linestyle=DASHES[number % len(DASHES)], marker="os^Dv*"[number % 6] if len(steps) <= MARKED else "",
                markersize=3.2)
        if chart.bound is not None:
            axes.axhline(chart.bound, color=INK, linewidth=1, linestyle=(0, (2, 2)), label=f"bound {chart.bound:g}")
        if chart.kept_step is not None:
            kept = f"kept: {chart.kept_step:g}"
            axes.axvline(chart.kept_step, color=INK, linewidth=0.8, alpha=0.6, zorder=1, label=kept)
        if len(axes.lines) > 1:
            figure.legend(loc="outside lower center", ncols=min(len(axes.lines), 3), frameon=False, handlelength=2.6)
        text = io.StringIO()
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return as_element(text.getvalue(), described(chart))


def thinned(curve: Curve) -> tuple[Sequence[float], Sequence[float]]:
    """At most POINTS_AT_MOST points: means over equal stretches, so that a noisy curve keeps its course."""
    size = -(-len(curve.steps) // POINTS_AT_MOST)
    if size <= 1:
        return curve.steps, curve.values
    stretches = [slice(start, start + size) for start in range(0, len(curve.steps), size)]
    return ([mean(curve.steps[part]) for part in stretches], [mean(curve.values[part]) for part in stretches])


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def described(chart: Chart) -> str:
    """The chart in one sentence, for those who do not see it."""
    courses = [f"{label} from {curve.values[0]:.3g} to {curve.values[-1]:.3g}" for label, curve in chart.curves.items()]
    bound = "" if chart.bound is None else f"; bound {chart.bound:g}"
    kept = "" if chart.kept_step is None else f"; kept after {chart.steps_are} {chart.kept_step:g}"
    return f"{chart.title}: {', '.join(courses)}{bound}{kept}"


def as_element(svg: str, description: str) -> "Markup":
    """matplotlib's document as an element for a page: no prolog, no metadata, the page's colours and font."""
    from markupsafe import Markup, escape

    svg = svg[svg.index("<svg"):]
    for pattern, by in CLEANING:
        svg = re.sub(pattern, by, svg, flags=re.DOTALL)
    for stand_in, colour in PALETTE.items():
        svg = svg.replace(stand_in, colour)
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1))  # noqa: S704
