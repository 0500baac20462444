"""A restyled request selects its version, and is written as the request before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envmgr import versions
from envmgr.project.dotfile import parse, with_request
from envmgr.versions.restyle import restyle

NUMBERS = st.lists(st.integers(0, 40), min_size=1, max_size=4).map(lambda parts: ".".join(map(str, parts)))
RELEASES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "v", "go", "temurin-"]),
    NUMBERS,
    st.sampled_from(["", "", "-rc.1", "+8", "w", "-p3"]),
)
OPERATORS = st.sampled_from(["", "", "^", "~", "~>", "=", "=="])
SPECS = st.one_of(
    st.builds("{}{}".format, OPERATORS, RELEASES),
    st.builds("{}{}".format, NUMBERS, st.sampled_from([".x", ".*"])),
    st.sampled_from(["latest", "lts", ">=1 <3", "1 - 2", "1 || 2", "system", "path:x"]),
    st.text("0123456789.^~<>=|x*v- ,abt+", min_size=1, max_size=9),
)


def operator_of(spec: str) -> str:
    return spec[: len(spec) - len(spec.lstrip("^~<>="))]


@given(SPECS, RELEASES)
def test_a_restyled_request_selects_the_version_in_the_same_style(spec, version):
    result = restyle(spec, version)
    if result is None or result == spec:
        return
    assert versions.max_satisfying([version], result.removeprefix("tag:")) == version
    assert restyle(result, version) == result
    assert operator_of(result) in {operator_of(spec), "=="}
    assert result.endswith((".x", ".*")) <= spec.endswith((".x", ".*"))
    was, now = versions.parse_spec(spec), versions.parse_spec(result)
    assert now.exact >= was.exact
    assert len(result.split(".")) <= max(len(spec.split(".")), len(version.split(".")))


@given(RELEASES, RELEASES)
def test_an_exact_request_names_exactly_the_version(old, version):
    spec = versions.pin(old)
    result = restyle(spec, version)
    if result is not None:
        assert versions.parse_spec(result).exact
        assert versions.max_satisfying([version], result) == version


@given(SPECS, RELEASES, st.sampled_from(["", "  # why", "\t#", "   "]))
def test_only_the_request_changes_in_a_dotfile(spec, version, end):
    text = f"# head\n\nzig=1\n tool = {spec}{end}\n# tail\nlast=2"
    try:
        if parse(text, ".envmgr").request("tool").specs != (spec.strip(),):
            return
    except ValueError:
        return
    except Exception as error:  # noqa: BLE001 - a text that is not a request
        assert "envmgr" in str(error)  # noqa: PT017
        return
    result = restyle(spec.strip(), version)
    if result is None:
        return
    before, after = text.split("\n"), with_request(text, "tool", result).split("\n")
    assert after[:3] + after[4:] == before[:3] + before[4:]
    assert parse("\n".join(after), ".envmgr").request("tool").specs == (result,)
