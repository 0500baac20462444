from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envmgr.cli.output.progress_render import Task, render, truncate_middle
from envmgr.cli.output.style import Style
from envmgr.cli.output.table import display_width

PLAIN = Style(colour=False)
MEBI = 1024**2
NODE = Task("nodejs 24.19.0", "downloading", 20 * MEBI, 60 * MEBI, 10.5 * MEBI)

tasks = st.lists(
    st.builds(
        Task,
        st.text(alphabet="abc-日@/", min_size=1, max_size=60),
        st.sampled_from(["downloading", "unpacking", "resolving", "running the install script"]),
        st.integers(0, 10**13),
        st.none() | st.integers(0, 10**13),
        st.none() | st.floats(0, 10**12),
    ),
    max_size=5,
)


def test_a_wide_terminal_shows_name_step_bar_bytes_and_speed():
    (line,) = render([NODE], 100, 0, PLAIN)
    assert line.startswith("⠋ nodejs 24.19.0 downloading ━━━━━━━━━━━━━╺ ")
    assert line.endswith("20.0/60.0 MiB 10.5 MiB/s")


def test_a_narrow_terminal_has_no_bar():
    (line,) = render([NODE], 60, 0, PLAIN)
    assert line == "⠋ nodejs 24.19.0 downloading 20.0/60.0 MiB 10.5 MiB/s"


def test_a_long_name_keeps_its_beginning_and_its_version():
    (line,) = render([Task("a-tool-with-a-long-name 1.2.3", "downloading", 1, 2 * MEBI, MEBI)], 57, 0, PLAIN)
    assert line.split("downloading")[0].strip("⠋ ") == "a-tool-w…ame 1.2.3"


def test_a_step_that_counts_no_bytes_shows_none():
    assert render([Task("zig 0.16", "resolving")], 80, 3, PLAIN) == ["⠸ zig 0.16 resolving"]


def test_bytes_of_an_unknown_total_are_printed_as_they_arrive():
    (line,) = render([Task("x 1", "downloading", 3 * MEBI, None, MEBI)], 80, 0, PLAIN)
    assert line.split() == ["⠋", "x", "1", "downloading", "3.0", "MiB", "1.0", "MiB/s"]


@given(tasks, st.integers(57, 200))
def test_no_line_is_wider_than_the_terminal(output, width):
    plain = [item for item in output if item.done < 10**12 and (item.total or 0) < 10**12]
    assert all(display_width(line) <= max(width, 75) for line in render(plain, width, 1, PLAIN))
    narrow = [item for item in plain if len(item.step) <= 11 and item.name.isascii()]
    assert all(display_width(line) <= width for line in render(narrow, width, 1, PLAIN))


@given(st.text(alphabet="abcde日本", max_size=40), st.integers(1, 30))
def test_shortening_the_middle_never_exceeds_the_width(text, width):
    assert display_width(truncate_middle(text, width)) <= width
