"""From interleaved samples to figures, ratios and verdicts: pure."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

from report.rows import ENVMGR, Measure, Row, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Series = Sequence[float | None]
    """Figures by round; None where a slow way was left out of a round."""
    Samples = Mapping[str, Series]
    """Series by way."""

_TEXTS = {
    Measure.VALUE: "≤ {most:g} {unit}",
    Measure.RATIO: "≤ {most:g} x",
    Measure.ADDED: "≤ {way} + {most:g} {unit}",
}


class Check(NamedTuple):
    """A target and the figure that it bounds; None if it could not be measured."""

    text: str
    figure: float | None
    is_met: bool | None


class Result(NamedTuple):
    """A row with its medians, and ratios to the baseline, by way."""

    row: Row
    values: Mapping[str, float]
    ratios: Mapping[str, float]
    checks: tuple[Check, ...]

    @property
    def verdict(self) -> str:
        """Return "met", "missed", or nothing without a target that could be measured."""
        verdicts = [check.is_met for check in self.checks if check.is_met is not None]
        if not verdicts:
            return ""
        return "met" if all(verdicts) else "missed"


def judge(row: Row, samples: Samples) -> Result:
    """Return the result of a row."""
    values = {way: median(series) for way, series in samples.items()}
    ratios = {
        way: paired_ratio(series, samples[base])
        for way, series in samples.items()
        if row.baseline and (base := row.baseline.format(way)) in samples and base != way
    }
    checks = tuple(_check(row, target, values, ratios, samples) for target in row.targets)
    return Result(row, values, ratios, checks)


def median(series: Series) -> float:
    """Return the median of the rounds that were measured."""
    return statistics.median(figure for figure in series if figure is not None)


def paired_ratio(series: Series, base: Series) -> float:
    """Return the median of the ratios of the same rounds."""
    pairs = zip(series, base, strict=True)
    return statistics.median(a / b for a, b in pairs if a is not None and b is not None)


def _check(
    row: Row, target: Target, values: Mapping[str, float], ratios: Mapping[str, float], samples: Samples
) -> Check:
    figure = _figure(target, values, ratios, samples)
    return Check(target_text(row, target), figure, None if figure is None else figure <= target.most)


def _figure(
    target: Target, values: Mapping[str, float], ratios: Mapping[str, float], samples: Samples
) -> float | None:
    if ENVMGR not in values or (target.way and target.way not in values):
        return None
    match target.measure:
        case Measure.VALUE:
            return values[ENVMGR]
        case Measure.RATIO:
            return ratios.get(ENVMGR)
        case Measure.PEER:
            return paired_ratio(samples[ENVMGR], samples[target.way])
        case Measure.ADDED:
            return values[ENVMGR] - values[target.way]


def target_text(row: Row, target: Target) -> str:
    """Return a target as people read it."""
    if target.measure is Measure.PEER:
        return f"≤ {target.way}" if target.most == 1 else f"≤ {target.most:g} x {target.way}"
    return _TEXTS[target.measure].format(most=target.most, unit=row.unit, way=target.way)
