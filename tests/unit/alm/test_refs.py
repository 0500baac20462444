from __future__ import annotations

import pytest

from envmgr.alm.refs import (
    CurrentRef,
    EnvironmentRef,
    IdRef,
    TagRef,
    check_app,
    check_environment,
    parse,
    parse_version,
)
from envmgr.kit.errors import UsageError


@pytest.mark.parametrize(
    ("word", "ref"),
    [
        ("shop@1.4.0", TagRef("shop", "1.4.0")),
        ("shop@v2.0.0-rc.1+b:7@x", TagRef("shop", "v2.0.0-rc.1+b:7@x")),
        ("7@1.0", TagRef("7", "1.0")),
        ("shop@release/3.0", TagRef("shop", "release/3.0")),
        ("shop@a/b/v1:x@y", TagRef("shop", "a/b/v1:x@y")),
        ("shop@lock", TagRef("shop", "lock")),
        ("shop:prod", CurrentRef("shop", "prod")),
        ("prod", EnvironmentRef("prod")),
        ("prod-eu.1", EnvironmentRef("prod-eu.1")),
        ("42", IdRef(42)),
    ],
)
def test_a_ref_is_formatted_as_it_was_written(word, ref):
    assert parse(word) == ref
    assert str(ref) == word


@pytest.mark.parametrize(
    "word",
    [
        *(
            "",
            "@",
            "@1.0",
            "shop@",
            ":prod",
            "shop:",
            "shop:a b",
            "shop@-1",
            "-x",
            "sh/op@1",
            "shop@1\n",
            "é@1",
        ),
        *("shop@/1", "shop@1/", "shop@a//b", "shop@a/./b", "shop@a/..", "shop@a/lock", "shop:a/b", "a/b"),
    ],
)
def test_an_invalid_ref_is_rejected_with_an_example(word):
    with pytest.raises(UsageError) as caught:
        parse(word)
    assert repr(word) in caught.value.message
    assert "shop@1.4.0" in str(caught.value.hint)


def test_names_have_the_maximum_length_of_the_server():
    assert parse(f"{'a' * 100}@{'t' * 128}") == TagRef("a" * 100, "t" * 128)
    for word in ("a" * 101 + "@1", "a@" + "t" * 129, "e" * 64, "a:" + "e" * 64, "9" * 5_000):
        with pytest.raises(UsageError):
            parse(word)


@pytest.mark.parametrize(
    ("args", "ref"),
    [
        (("shop@1.0",), TagRef("shop", "1.0")),
        (("shop", "1.0"), TagRef("shop", "1.0")),
        (("shop", "sub/v1.0.0"), TagRef("shop", "sub/v1.0.0")),
        (("shop:prod",), CurrentRef("shop", "prod")),
        (("9",), IdRef(9)),
    ],
)
def test_a_version_is_one_argument_or_two(args, ref):
    assert parse_version(args) == ref


@pytest.mark.parametrize("args", [("prod",), ("shop@1.0", "x"), ("a", "b", "c"), ("shop", "")])
def test_other_arguments_are_rejected(args):
    with pytest.raises(UsageError):
        parse_version(args)


def test_names_without_a_version_are_validated():
    assert (check_app("shop"), check_environment("prod")) == ("shop", "prod")
    for check in (check_app, check_environment):
        with pytest.raises(UsageError):
            check("a b")
