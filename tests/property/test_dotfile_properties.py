"""Any `.envmgr` is read or rejected, and an edit changes only its own request."""

from __future__ import annotations

from codecs import BOM_UTF16_BE, BOM_UTF16_LE

from hypothesis import assume, given
from hypothesis import strategies as st

from envmgr.kit.errors import DotfileError
from envmgr.project.dotfile import LIMIT, decode, parse, with_request, without_request

PATH = "/p/.envmgr"

TOOLS = st.one_of(
    st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,8}", fullmatch=True),
    st.from_regex(r"npm:@?[A-Za-z0-9][a-z0-9._-]{0,5}(/[a-z0-9]{1,5})?", fullmatch=True),
)
SPECS = st.sampled_from(
    [
        "1",
        "20.1.0",
        "^3.12",
        "~0.15",
        ">=1, <2",
        "3.3, 3.2",
        "1 || 2",
        "latest",
        "system",
        "path:../x y",
        "tag:v1",
        "temurin-21",
    ]
)
GAPS = st.text(" \t", max_size=3)
COMMENTS = st.one_of(
    st.just(""),
    st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8"), max_size=9).map("#{}".format),
)


@st.composite
def statements(draw: st.DrawFn, tool: str, spec: str) -> str:
    comment = draw(COMMENTS)
    before_comment = draw(GAPS) + (" " if comment else "")
    return f"{draw(GAPS)}{tool}{draw(GAPS)}={draw(GAPS)}{spec}{before_comment}{comment}"


@st.composite
def dotfiles(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    """Draw a text and its requests."""
    requests = draw(st.dictionaries(TOOLS, SPECS, max_size=5))
    lines = []
    for tool, spec in requests.items():
        lines += draw(st.lists(st.builds("{}{}".format, GAPS, COMMENTS), max_size=2))
        lines.append(draw(statements(tool, spec)))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    end = draw(st.sampled_from(["", newline]))
    return draw(st.sampled_from(["", "\ufeff"])) + newline.join(lines) + end, requests


def requests_in(text: str) -> dict[str, str]:
    return {entry.tool: ", ".join(entry.specs) for entry in parse(text, PATH).entries}


@given(dotfiles())
def test_requests_are_read_in_their_order(sample):
    text, requests = sample
    assert list(requests_in(text).items()) == list(requests.items())


@given(dotfiles())
def test_every_entry_reports_its_line_and_column(sample):
    text, _ = sample
    lines = text.removeprefix("\ufeff").split("\n")
    for entry in parse(text, PATH).entries:
        assert lines[entry.origin.line - 1][entry.origin.column - 1 :].startswith(entry.tool)


@given(dotfiles(), TOOLS, SPECS)
def test_an_edit_changes_one_request_and_no_other_line(sample, tool, spec):
    text, requests = sample
    edited = with_request(text, tool, spec)
    assert requests_in(edited) == {**requests, tool: spec}
    before, after = text.split("\n"), edited.split("\n")
    if tool in requests:
        assert len(after) == len(before)
        assert sum(a != b for a, b in zip(before, after, strict=True)) <= 1
    else:
        assert edited.startswith(text)
    assert with_request(edited, tool, spec) == edited


@given(dotfiles(), TOOLS)
def test_a_removal_removes_one_request_and_its_line(sample, tool):
    text, requests = sample
    edited = without_request(text, tool)
    assert requests_in(edited) == {name: specs for name, specs in requests.items() if name != tool}
    assert len(edited.split("\n")) == len(text.split("\n")) - (tool in requests) or edited == ""
    assert without_request(with_request(edited, tool, "1"), tool).rstrip("\r\n") == edited.rstrip("\r\n")


@given(dotfiles(), st.data())
def test_an_edit_keeps_comments(sample, data):
    text, requests = sample
    assume(requests)
    edited = with_request(text, data.draw(st.sampled_from(sorted(requests))), "9.9.9")
    for before, after in zip(text.split("\n"), edited.split("\n"), strict=True):
        _, mark, comment = before.partition("#")
        assert after.endswith(mark + comment)


def refusal(read, *arguments) -> DotfileError | None:
    try:
        read(*arguments)
    except DotfileError as error:
        return error
    return None


@given(st.text())
def test_any_text_is_read_or_rejected_line_by_line(text):
    error = refusal(parse, text, PATH)
    assert error is None or all(issue.startswith(f"{PATH}:") for issue in error.issues)


@given(st.text(" \t=#,|^~<>@:/.\\-\"'$abAB01\r\n\0é", max_size=40), TOOLS, st.text(max_size=12))
def test_an_edit_of_any_text_is_read_back_or_rejected(text, tool, spec):
    try:
        edited = with_request(text, tool, spec)
    except DotfileError:
        return
    others = {name: requests for name, requests in requests_in(text).items() if name != tool}
    assert {name: requests for name, requests in requests_in(edited).items() if name != tool} == others
    assert tool in requests_in(edited)


@given(
    st.sampled_from([b"", BOM_UTF16_LE, BOM_UTF16_BE]).flatmap(
        lambda mark: st.binary(max_size=200).map(mark.__add__)
    )
)
def test_any_bytes_are_decoded_or_rejected(content):
    error = refusal(decode, content, PATH)
    if error is None:
        encoding = "utf-16" if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
        assert decode(content, PATH) == content.decode(encoding)
    else:
        assert error.issues[0].startswith(f"{PATH}:")


def test_the_size_limit_counts_bytes():
    assert decode(b"#" * LIMIT, PATH) == "#" * LIMIT
