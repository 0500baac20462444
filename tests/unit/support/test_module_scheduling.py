"""Distribution of tests to workers: modules with a shared cluster are not divided."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.module_scheduling import extended_chunk_size

CHECKOUT = Path(__file__).parents[3]
COLLECTION = [
    *(f"tests/arch/test_a.py::test_{number}" for number in range(3)),
    *(f"tests/cluster/test_b.py::test_{number}" for number in range(4)),
    *(f"tests/cluster/test_c.py::test_{number}" for number in range(2)),
    *(f"tests/unit/test_d.py::test_{number}" for number in range(3)),
    *(f"tests/cluster/faults/test_{name}.py::test_0" for name in "efg"),
]


@pytest.mark.parametrize(
    ("size", "extended_size"),
    [
        (0, 0),
        (1, 1),
        (2, 2),
        (3, 3),
        (4, 7),
        (6, 7),
        (7, 7),
        (8, 9),
        (9, 9),
        (10, 10),
        (12, 12),
        (13, 15),
        (20, 20),
    ],
)
def test_a_chunk_ends_where_load_ends_it_or_after_a_module_that_is_not_divided(size, extended_size):
    assert extended_chunk_size(COLLECTION, range(len(COLLECTION)), size) == extended_size


def test_tests_that_have_been_sent_do_not_count():
    assert extended_chunk_size(COLLECTION, [0, 5, 6, 7, 9], 2) == 3


def test_each_module_of_the_cluster_runs_in_one_process(tmp_path):
    """With as few tests as here `load` sends every second one to the other worker."""
    modules = tmp_path / "tests" / "cluster"
    modules.mkdir(parents=True)
    text = (
        "import os, pytest\n"
        "@pytest.mark.parametrize('number', range(4))\n"
        "def test_process(number):\n"
        "    with open(__file__ + '.log', 'a') as log: print(os.getpid(), file=log)\n"
    )
    for name in ("a", "b", "c"):
        (modules / f"test_{name}.py").write_text(text)
    hooks = CHECKOUT / "tests" / "conftest.py"
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"),
            *("-c", CHECKOUT / "pyproject.toml", "--rootdir", tmp_path, "--confcutdir", tmp_path),
            *("-p", "conftest", "-p", "pytest_timeout", "-p", "xdist.plugin", modules),
        ],
        env={**os.environ, "PYTHONPATH": str(hooks.parent), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    logs = [(modules / f"test_{name}.py.log").read_text().split() for name in ("a", "b", "c")]
    assert [(len(log), len(set(log))) for log in logs] == [(4, 1)] * 3
    assert len({process for log in logs for process in log}) == 2
