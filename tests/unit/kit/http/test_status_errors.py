"""Errors of HTTP statuses, and which of them are transient."""

from __future__ import annotations

import pytest

from envmgr.kit.errors import HttpError, RateLimited
from envmgr.kit.http import status_errors

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20 UTC
URL = "https://api.github.com/repos/a/b?page=2&token=hidden"


def explain(status, headers=None, *, authorized=False, url=URL):
    return status_errors.error_for_status(url, status, headers or {}, now=NOW, authorized=authorized)


@pytest.mark.parametrize("status", [404, 410])
def test_a_missing_url_is_named(status):
    error = explain(status)
    assert error.message.startswith("https://api.github.com/repos/a/b?page=2&token=… not found")
    assert (type(error), error.status, error.passing, error.code) == (HttpError, status, False, "http")


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("reset", "words"), [("1700003600", "; resets at 2023-11-14 23:13 UTC"), ("", ""), ("x", "")]
)
def test_an_exceeded_rate_limit_names_its_end(status, reset, words):
    error = explain(status, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset})
    assert isinstance(error, RateLimited)
    assert error.message == f"rate limit of api.github.com exceeded{words}"
    assert "GITHUB_TOKEN" in error.hint
    assert not error.passing


def test_a_rate_limit_that_ends_within_a_minute_is_awaited():
    error = explain(403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1700000030"})
    assert (error.passing, error.retry_after) == (True, 30.0)


def test_the_hint_depends_on_the_host():
    used_up = {"x-ratelimit-remaining": "0"}
    assert "another token" in explain(403, used_up, authorized=True).hint
    assert "GITHUB_TOKEN" not in explain(403, used_up, url="https://other/").hint
    assert "GITHUB_TOKEN" in explain(403, {**used_up, "x-github-request-id": "1"}, url="https://ghe/").hint


def test_a_403_with_requests_left_is_not_a_rate_limit():
    error = explain(403, {"x-ratelimit-remaining": "59"})
    assert not isinstance(error, RateLimited)
    assert "netrc" in error.hint


def test_a_403_with_retry_after_is_a_rate_limit():
    error = explain(403, {"retry-after": "30"})
    assert (type(error), error.passing, error.retry_after) == (RateLimited, True, 30.0)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_transient_errors_are_marked_as_such(status):
    error = explain(status)
    assert (error.passing, error.retry_after, error.status) == (True, None, status)


@pytest.mark.parametrize(("retry_after", "words"), [("7200", "2023-11-15 00:13 UTC"), ("999999999", "20")])
@pytest.mark.parametrize("status", [429, 503])
def test_a_retry_after_beyond_a_minute_is_quoted(status, retry_after, words):
    error = explain(status, {"retry-after": retry_after})
    assert not error.passing
    assert f"retry after {words}" in error.message


def test_an_unknown_status_is_reported_by_its_number():
    assert "returned 599 for" in explain(599).message


def test_a_time_out_of_range_is_unknown():
    assert status_errors._format_time(1e20) == "an unknown time"
