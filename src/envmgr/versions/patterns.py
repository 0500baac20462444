"""Patterns of versions that are more than numbers and dots.

A separate module because importing `re` takes half of Python's start-up time, and most versions do not need it. Every
repetition is possessive or cannot overlap the next, so matching takes linear time.
"""

from __future__ import annotations

import re

from envmgr.versions.ordering import KNOWN_WORDS

_KNOWN = rf"(?i:{'|'.join(sorted(KNOWN_WORDS))})(?![A-Za-z])"
_IDS = r"[0-9A-Za-z-]++(?:\.[0-9A-Za-z-]++)*+"
_BUILD = r"[0-9A-Za-z_-]++(?:\.[0-9A-Za-z_-]++)*+"
_FINAL = r"[-.](?i:final|ga|release|stable|lts)(?=\+|\Z)"
# An underscore also joins numbers (jdk1.8.0_392), so before one a vendor has no digits.
_VENDOR = r"""
    @?[A-Za-z][A-Za-z._@/-]*?(?=_[vV]?[0-9])
  | @?[A-Za-z][A-Za-z0-9._@/-]*?(?=[-/@][vV]?[0-9])
  | [A-Za-z]+(?=[0-9])
"""
_DATE = r"(?:19|20)[0-9]{2}-(?:0[1-9]|1[0-2])(?:-(?:0[1-9]|[12][0-9]|3[01]))?(?![0-9])"

# Kona numbers its builds `.b1`, JetBrains `-b87.7`; with other vendors these are betas.
_BUILDER = r"(?:(?P<kona>(?=(?i:kona)-))|(?P<jetbrains>(?=(?i:jetbrains)[-a-zA-Z]*-))|)"
_KONA_BUILD = r"(?(kona)\.b(?P<count>[0-9]++)|(?!))"
_JETBRAINS_BUILD = r"""
    -b(?P<revision>[0-9]{3,}+|(?(jetbrains)[0-9]++(?=\.)|(?!)))(?:\.(?P<part>[0-9]++))?
  | -(?i:jetbrains)-b(?P<jetbrains_revision>[0-9]++)(?:\.(?P<jetbrains_part>[0-9]++))?
"""

VERSION = re.compile(
    rf"""
    {_BUILDER}
    (?:(?![vV]?[ \t]*[0-9])(?>(?P<vendor>{_VENDOR}))[-_/@]?)?
    [vV]?[ \t]*+
    (?P<release>(?:{_DATE}|[0-9]++)(?:[._][0-9]++)*+)
    (?:
        (?P<letters>(?!(?:rc|cr|ea)(?![a-z]))[a-z]{{1,2}})(?![0-9A-Za-z])
      | [-._]?(?i:patch|post|pl|sp|p)(?P<level>[0-9]++)(?![A-Za-z])
      | (?:{_KONA_BUILD}|{_JETBRAINS_BUILD})(?![0-9A-Za-z.-])
      | (?!{_FINAL})\.(?!{_KNOWN}|[xX](?![A-Za-z]))(?P<word>[A-Za-z]++)(?:\.(?P<nth>[0-9]++))?
    )?
    (?:{_FINAL} | (?:[-~]|\.(?={_KNOWN})|(?={_KNOWN}|[A-Za-z]{{3}}))(?P<pre>{_IDS}))?
    (?:\+(?P<build>{_BUILD}))?
    """,
    re.VERBOSE,
)
"""A version, stripped of blanks and `=` in front."""

WILDCARD = re.compile(
    rf"""
    (?:
        (?>(?P<head>[^*+]*?[0-9])\.(?=[xX*](?![0-9A-Za-z])))
      | (?:(?P<vendor>@?[A-Za-z][A-Za-z0-9._@/-]*)[-_/@])?[vV]?
    )
    [xX*](?:\.[xX*])*+(?:-{_IDS})?(?:\+{_BUILD})?
    """,
    re.VERBOSE,
)
"""A partial version with `x`: `head` has its numbers, `vendor` the vendor without numbers."""
