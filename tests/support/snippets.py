"""Snippets of the documentation, which tests run or validate."""

from __future__ import annotations

import re
from pathlib import Path

DOCUMENTS = Path(__file__).parents[2] / "docs"


def snippets(document: str, heading: str, language: str) -> list[str]:
    """Return the blocks of a language below a heading of the second level."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", section(document, heading))


def section(document: str, heading: str) -> str:
    """Return the text below a heading of the second level."""
    text = (DOCUMENTS / document).read_text(encoding="utf-8")
    (match,) = re.findall(rf"(?ms)^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text)
    return match
