"""The JSON document of a run: the samples, and where they were measured."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

from report.results import Result, judge
from report.rows import ENVMGR, ROWS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from report.results import Samples

SCHEMA = 1


class Run(NamedTuple):
    """Samples by row; the date and machine; versions by program, and reasons for those not available."""

    date: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    unavailable: Mapping[str, str]
    samples: Mapping[str, Samples]

    @property
    def results(self) -> tuple[Result, ...]:
        """Return the results of the measured rows, in the order of the table."""
        return tuple(judge(row, self.samples[row.name]) for row in ROWS if row.name in self.samples)


def encode(run: Run) -> str:
    """Return the document of a run: samples, and what follows from them for other programs to read."""
    rows = [{**_row(result), "samples": run.samples[result.row.name]} for result in run.results]
    document = {"schema": SCHEMA, **run._asdict(), "rows": rows}
    del document["samples"]
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _row(result: Result) -> dict[str, object]:
    return {
        "name": result.row.name,
        "title": result.row.title,
        "unit": result.row.unit,
        "values": result.values,
        "ratio": result.ratios.get(ENVMGR),
        "targets": [
            {"text": check.text, "figure": check.figure, "met": check.is_met} for check in result.checks
        ],
        "verdict": result.verdict,
    }


def decode(text: str) -> Run:
    """Return the run of a document; its figures follow from the samples again."""
    document = json.loads(text)
    samples = {row["name"]: row["samples"] for row in document["rows"]}
    return Run(document["date"], document["machine"], document["versions"], document["unavailable"], samples)


def merge(runs: list[Run]) -> Run:
    """Return one run with the rows of all; of what several have, the last one's."""
    versions = {name: version for run in runs for name, version in run.versions.items()}
    reasons = {name: reason for run in runs for name, reason in run.unavailable.items()}
    return runs[-1]._replace(
        versions=versions,
        unavailable={name: reason for name, reason in reasons.items() if name not in versions},
        samples={name: row for run in runs for name, row in run.samples.items()},
    )
