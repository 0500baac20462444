"""Snippets of the documentation, which tests run or validate."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENTS = Path(__file__).parents[2] / "docs"


def snippets(document: str, heading: str, language: str) -> list[str]:
    """Return the blocks of a language below a heading of the second level."""
    text = (DOCUMENTS / document).read_text(encoding="utf-8")
    (section,) = re.findall(rf"(?ms)^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text)
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section)
