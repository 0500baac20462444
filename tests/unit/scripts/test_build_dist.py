"""The checks of a distribution reject invalid ones."""

from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "build_dist.py"
METADATA = """Metadata-Version: 2.4
Name: sample
Version: 1.0
Summary: A sample.
License-Expression: MIT
Requires-Python: >=3.11
Description-Content-Type: text/markdown

# Sample
"""
RECORD = "sample-1.0.dist-info/RECORD"


@pytest.fixture(scope="module")
def build_dist():
    spec = importlib.util.spec_from_file_location("build_dist", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def wheel(build_dist, tmp_path):
    """Return a function that creates a wheel whose RECORD is changed by a function."""

    def create(metadata=METADATA, change=lambda record: record):
        files = {"sample-1.0.dist-info/METADATA": metadata, "sample.py": "pass\n"}
        record = "".join(f"{name},{build_dist._digest(text.encode())},\n" for name, text in files.items())
        path = tmp_path / "sample-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in {**files, RECORD: change(record + f"{RECORD},,\n")}.items():
                archive.writestr(name, text)
        return path

    return create


def test_a_complete_wheel_passes(build_dist, wheel):
    build_dist.check_metadata(wheel())
    build_dist.check_record(wheel())


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.replace("sample.py,sha256=", "sample.py,sha256=x"),
        lambda record: record.replace("sample.py", "other.py"),
        lambda record: record + "more.py,sha256=x,\n",
        lambda record: record.partition("sample.py")[0],
    ],
    ids=["digest", "name", "more", "missing"],
)
def test_a_record_that_differs_from_the_files_is_refused(build_dist, wheel, change):
    with pytest.raises(SystemExit, match=r"RECORD of sample-1\.0-py3-none-any\.whl does not match"):
        build_dist.check_record(wheel(change=change))


@pytest.mark.parametrize(
    "line", ["Summary: A sample.\n", "License-Expression: MIT\n", "Requires-Python: >=3.11\n"]
)
def test_incomplete_metadata_is_refused(build_dist, wheel, line):
    with pytest.raises(SystemExit, match="is incomplete"):
        build_dist.check_metadata(wheel(METADATA.replace(line, "")))


def test_invalid_metadata_is_refused(build_dist, wheel):
    with pytest.raises(SystemExit, match=r"is invalid: .*one"):
        build_dist.check_metadata(wheel(METADATA.replace("Version: 1.0", "Version: one")))


def test_builds_that_differ_are_refused(build_dist, tmp_path):
    first, second = tmp_path / "first" / "a.whl", tmp_path / "second" / "a.whl"
    for path, content in ((first, b"a"), (second, b"b")):
        path.parent.mkdir()
        path.write_bytes(content)
    with pytest.raises(SystemExit, match=r"a\.whl differs between two builds"):
        build_dist.check_reproducible((first, first), (first, second))


def test_source_date_epoch_overrides_the_commit_date(build_dist, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert build_dist.source_date() == "1700000000"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    assert build_dist.source_date().isdigit()
