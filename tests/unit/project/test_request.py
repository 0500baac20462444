"""Requests and their origins."""

from __future__ import annotations

import pytest

from envmgr.project.request import Origin, Request


@pytest.mark.parametrize(
    ("origin", "formatted"),
    [
        (Origin("file", "/p/.envmgr", 3, 1), "/p/.envmgr:3"),
        (Origin("file", "/p/.nvmrc"), "/p/.nvmrc"),
        (Origin("environment", "ENVMGR_X_VERSION"), "$ENVMGR_X_VERSION"),
        (Origin("argument", ""), "command line"),
    ],
)
def test_an_origin_is_formatted_as_a_file_location(origin, formatted):
    assert str(origin) == formatted


def test_the_first_spec_is_the_default():
    assert Request("ruby", ("3.3", "3.2"), Origin("argument", "")).spec == "3.3"


@pytest.mark.parametrize(
    ("origin", "exactly"),
    [
        (Origin("file", "/p/.envmgr", 3, 7), "/p/.envmgr:3:7"),
        (Origin("file", "/p/.envmgr", 3), "/p/.envmgr:3"),
        (Origin("environment", "ENVMGR_ZIG_VERSION"), "$ENVMGR_ZIG_VERSION"),
        (Origin("argument", ""), "command line"),
    ],
)
def test_an_origin_is_formatted_with_its_known_column(origin, exactly):
    assert origin.exactly == exactly
