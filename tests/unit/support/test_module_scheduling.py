"""Distribution of tests to workers: one of them runs all tests of clusters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.module_scheduling import MAX_CHUNK_TESTS as MAX
from support.module_scheduling import MIN_CHUNK_TESTS as MIN
from support.module_scheduling import chunk_size, rank

CHECKOUT = Path(__file__).parents[3]


def collection(**modules: int) -> list[str]:
    """Return the IDs of so many tests of each module."""
    return [
        f"tests/{module.replace('__', '/')}.py::test_{number}"
        for module, length in modules.items()
        for number in range(length)
    ]


@pytest.mark.parametrize(
    ("modules", "size"),
    [
        ({"cluster__a": 4, "cluster__faults__b": 2, "unit__c": 90}, 6),
        ({"cluster__a": 90}, 90),
        ({"cluster__a": 1, "unit__b": 90}, 1),
        ({"unit__a": 5}, 5),
        ({"unit__a": MIN, "unit__b": 5}, MIN),
        ({"unit__a": 5, "unit__b": MIN, "unit__c": 5}, 5 + MIN),
        ({"unit__a": MAX, "unit__b": 5}, MAX),
        ({"unit__a": MAX}, MAX),
        ({"unit__a": MAX + 1}, MAX),
        ({"unit__a": 5, "unit__b": MAX}, MAX),
    ],
    ids=str,
)
def test_a_chunk_is_whole_modules_or_all_tests_of_clusters(modules, size):
    tests = collection(**modules)
    assert chunk_size(tests, range(len(tests))) == size


def test_what_takes_longest_comes_first():
    modules = ["tests/unit/test_a.py", "tests/server/api/test_schemathesis.py", "tests/cluster/test_b.py"]
    assert sorted(modules, key=rank) == modules[::-1]


def test_tests_that_have_been_sent_do_not_count():
    tests = collection(unit__a=3, cluster__b=4, unit__c=3)
    assert chunk_size(tests, [5, 6, 7, 9]) == 2


def test_all_tests_of_clusters_run_in_one_process(tmp_path):
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
    assert [len(log) for log in logs] == [4] * 3
    assert len({process for log in logs for process in log}) == 1
