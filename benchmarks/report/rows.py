"""Rows of the table, as data: the ways that each compares, and its targets."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

ENVMGR = "envmgr"
PYTHON, CURL_TAR, SH, DIRECT, PACKAGING = "python -c pass", "curl | tar", "sh", "direct", "packaging"
MISE, ASDF, PYENV, UV, CURL = "mise", "asdf", "pyenv", "uv", "curl"
PEERS = (MISE, ASDF, PYENV, UV)
FOUR_TOOLS = "{}, 4 tools"
"""The way with four tools, by the name of the way with more."""
HALF = "{}, 150 tools"


class Measure(StrEnum):
    """A figure that a target bounds: that of envmgr, or how it compares with others."""

    VALUE = "value"
    RATIO = "ratio"  # to the row's baseline
    PEER = "peer"  # ratio to another way
    ADDED = "added"  # what it adds to the row's baseline, less what another way adds


class Target(NamedTuple):
    """An upper bound."""

    measure: Measure
    most: float
    way: str = ""


class Row(NamedTuple):
    """A comparison: figures are in `unit`, ratios are to `baseline` (`{}` is the name of the way)."""

    name: str
    title: str
    unit: str
    baseline: str = ""
    targets: tuple[Target, ...] = ()


def _ratio(most: float) -> Target:
    return Target(Measure.RATIO, most)


def _value(most: float) -> Target:
    return Target(Measure.VALUE, most)


def _peer(way: str, most: float = 1.0) -> Target:
    return Target(Measure.PEER, most, way)


SHIM = Target(Measure.ADDED, 0.3, SH)
READ, IDLE, SERVED = _ratio(1.6), _ratio(2.5), _ratio(5)
GZIP, XZ = (_ratio(0.65), _peer(MISE)), (_ratio(1.0), _peer(MISE))

ROWS = (
    Row("shim", "a shim, .envmgr here", "ms", DIRECT, (SHIM,)),
    Row("shim-six-up", "a shim, six directories up", "ms", DIRECT, (SHIM,)),
    Row("shim-300", "a shim, 300 tools", "ms", DIRECT, (SHIM,)),
    Row("hook-idle", "prompt hook, nothing changed", "ms", "", (_value(0.05),)),
    Row("hook-change", "prompt hook, changed project", "ms", "", (_value(1.5),)),
    Row("current", "current", "ms", PYTHON, (READ,)),
    Row("which", "which", "ms", PYTHON, (READ,)),
    Row("where", "where", "ms", PYTHON, (READ,)),
    Row("list", "list", "ms", PYTHON, (READ,)),
    Row("env", "env", "ms", PYTHON, (READ,)),
    Row("install-idle", "install, nothing to do", "ms", PYTHON, (IDLE,)),
    Row("install-locked", "install --locked, nothing to do", "ms", PYTHON, (IDLE,)),
    Row("install-pulled", "install --locked, after a pull", "ms", PYTHON),
    Row("help", "--help", "ms", PYTHON, (IDLE,)),
    Row("lock-check", "lock --check, fresh lock", "ms", PYTHON, (IDLE,)),
    Row("list-remote", "list --remote, 800 cached versions", "ms", PYTHON, (IDLE,)),
    Row("latest", "latest of 800 cached versions", "ms", PYTHON),
    Row("current-300", "current, 300 tools ÷ 4", "ms", FOUR_TOOLS, (_ratio(2.5),)),
    Row("which-300", "which, 300 tools ÷ 4", "ms", FOUR_TOOLS, (_ratio(2.5),)),
    Row("exec-300", "exec, 300 tools ÷ 4", "ms", FOUR_TOOLS, (_ratio(2.5),)),
    Row("cold-shim-300", "a shim without a plan, 300 tools ÷ 4", "ms", FOUR_TOOLS, (_ratio(2.5),)),
    Row("linear", "current, 300 tools ÷ 150 (linear)", "ms", HALF, (_ratio(2.0),)),
    Row("alm-status", "alm status", "ms", PYTHON, (SERVED,)),
    Row("alm-whoami", "alm whoami", "ms", PYTHON, (SERVED,)),
    Row("alm-push", "alm push, nothing new", "ms", PYTHON, (SERVED,)),
    Row("tiny", "install of a tiny archive", "ms", CURL_TAR, (_ratio(4),)),
    Row("node-gz", "install of node.tar.gz", "s", CURL_TAR, GZIP),
    Row("go-gz", "install of go.tar.gz", "s", CURL_TAR, GZIP),
    Row("cpython-gz", "install of cpython.tar.gz", "s", CURL_TAR, (*GZIP, _peer(UV, 1.2))),
    Row("node-xz", "install of node.tar.xz", "s", CURL_TAR, XZ),
    Row("zig-xz", "install of zig.tar.xz", "s", CURL_TAR, XZ),
    Row("together", "node.tar.gz + go + zig at once", "s", CURL_TAR, (_ratio(0.9),)),
    Row("zig-slow", "zig.tar.xz at 100 Mbit/s, 20 ms", "s", CURL_TAR, (_ratio(1.2),)),
    Row("memory", "peak memory of these installs", "MiB", "", (_value(80),)),
    Row("pick", "picking ^5.1 from 800 versions", "ms", PACKAGING, (_ratio(0.8),)),
    Row("pick-prefix", "picking 5.1 from 800 versions", "ms", PACKAGING, (_ratio(0.8),)),
    Row("pick-range", "picking >=3, <7 from 800 versions", "ms", PACKAGING, (_ratio(0.8),)),
    Row("pick-latest", "picking latest from 800 versions", "ms", PACKAGING, (_ratio(0.8),)),
    Row("pick-first", "picking ^5.1, first from a list", "ms", PACKAGING),
    Row("read", "reading 800 versions", "ms", PACKAGING, (_ratio(1.0),)),
)
ROWS_BY_NAME = {row.name: row for row in ROWS}
