"""Jobs that rebuild projections, as operators name them."""

from __future__ import annotations

from typing import Final

MATRIX_KIND: Final = "deployment-rebuild-matrix"
USAGE_KIND: Final = "deployment-republish-placements"
PROJECTIONS: Final = {"matrix": MATRIX_KIND, "usage": USAGE_KIND}
"""The kind of the job, in the deployment service, by what it rebuilds."""
