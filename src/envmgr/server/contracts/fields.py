r"""Field types of resources and requests: constraints for validation and for the OpenAPI document."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from envmgr.server.kit.http.validation_messages import described_pattern

MAX_SAFE_INTEGER = 2**53 - 1
"""Largest integer that every JSON parser represents exactly."""

_SINGLE_LINE = r"^[^\x00-\x1f\x7f\ud800-\udfff]*$(?!\n)"
_MULTI_LINE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]*$(?!\n)"
_WHITESPACE = r"\x00-\x20\x7f-\xa0\u1680\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ufeff\ud800-\udfff"
"""Whitespace, control and invisible characters, listed because regex dialects differ."""

Id = Annotated[int, Meta(ge=1, le=MAX_SAFE_INTEGER)]
AppName = Annotated[
    str,
    described_pattern(
        "1-100 letters, digits, `.`, `_`, `-`; must start with a letter or digit and not be all digits",
        pattern=r"^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._-]{0,99}$(?!\n)",
        max_length=100,
        description="Letters, digits, `.`, `_`, `-`; starts with a letter or digit; not all digits.",
        examples=["shop"],
    ),
]
Tag = Annotated[
    str,
    described_pattern(
        "letters, digits and `._+@:-`, at most 128, the first a letter or a digit; `/` between others, no part being "
        "`.` or `..`, nor the last one `lock`",
        pattern=r"^(?!.*(/\.{0,2}(/|$)|/lock$))[A-Za-z0-9][A-Za-z0-9._+@:/-]{0,127}$(?!\n)",
        max_length=128,
        description=(
            "Version tag: `1.4.0`, `v2.0.0-rc.1`, `release/3.0`. Letters, digits and "
            "`._+@:-`, the first a letter or a digit; `/` between others, no part being `.` or `..`, nor the last "
            "one `lock`."
        ),
        examples=["1.4.0"],
    ),
]
EnvironmentName = Annotated[
    str,
    described_pattern(
        "1-63 letters, digits, `.`, `_`, `-`; must start with a letter or digit",
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$(?!\n)",
        max_length=63,
        description="Environment name: `prod`, `staging`.",
        examples=["prod"],
    ),
]
SortOrder = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1, description="Sort order, ascending.")]
Username = Annotated[
    str,
    described_pattern(
        "1-64 letters, digits, `.`, `_`, `@`, `-`; must start with a letter or digit and not be all digits",
        pattern=r"^(?![0-9]+$)[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$(?!\n)",
        max_length=64,
        examples=["ada"],
    ),
]
Digest = Annotated[
    str,
    described_pattern(
        "`sha256:`, `sha384:` or `sha512:`, and 64, 96 or 128 lower-case hexadecimal digits",
        pattern=r"^sha(256:[0-9a-f]{64}|384:[0-9a-f]{96}|512:[0-9a-f]{128})$(?!\n)",
        max_length=135,
    ),
]
Line = Annotated[
    str, described_pattern("a single line without control characters", max_length=300, pattern=_SINGLE_LINE)
]
Text = Annotated[
    str,
    described_pattern(
        "text without control characters other than tabs and line breaks",
        max_length=20_000,
        pattern=_MULTI_LINE,
    ),
]
Url = Annotated[
    str,
    described_pattern(
        "an https:// or http:// URL without spaces, or empty",
        max_length=2_000,
        pattern=rf"^(https?://[^{_WHITESPACE}]+)?$(?!\n)",
    ),
]
Commit = Annotated[
    str,
    described_pattern(
        "7 to 64 lower-case hexadecimal digits, or empty",
        max_length=64,
        pattern=r"^([0-9a-f]{7,64})?$(?!\n)",
        examples=["3f2c1ab"],
    ),
]
Timestamp = Annotated[
    str,
    Meta(
        description="RFC 3339, UTC.",
        examples=["2026-01-02T03:04:05.678Z"],
        extra_json_schema={"format": "date-time"},
    ),
]
LockText = Annotated[str, Meta(max_length=5 * 2**20, description="`.envmgr.lock`, verbatim.")]
