from __future__ import annotations

import pytest

from envmgr.alm.matrix import Cell, Column, grid
from envmgr.kit.errors import AlmError
from support.alm.matrix_builders import cell, matrix, placement


def test_environments_are_sorted_by_order_and_apps_by_name():
    result = grid(
        matrix(
            [placement("web", "dev", cell(1, 1, "1.0")), placement("api", "prod", cell(2, 2, "1.0"))],
            environments=[("prod", 30), ("dev", 10), ("another", 10)],
        )
    )
    assert [column.name for column in result.columns] == ["another", "dev", "prod"]
    assert [row.app for row in result.rows] == ["api", "web"]


def test_an_undeployed_app_has_no_row():
    result = grid(matrix([placement("web", "dev", cell(1, 1, "1.0"))], apps=["web", "idle"]))
    assert [row.app for row in result.rows] == ["web"]
    assert result.never_deployed == ("idle",)


def test_a_row_differs_unless_all_environments_have_the_same_version():
    result = grid(
        matrix(
            [
                placement("web", "dev", cell(1, 7, "1.4")),
                placement("web", "prod", cell(2, 6, "1.3")),
                placement("api", "dev", cell(3, 9, "2.0")),
                placement("api", "prod", cell(4, 9, "2.0")),
            ]
        )
    )
    api, web = result.rows
    assert not api.differs
    assert web.differs
    assert web.cells["prod"].is_outdated
    assert not web.cells["dev"].is_outdated
    assert not api.cells["prod"].is_outdated


def test_a_later_attempt_is_displayed_beside_the_current_version():
    result = grid(
        matrix([placement("web", "prod", cell(3, 6, "1.3"), cell(8, 7, "1.4", status="failed"), age=90)])
    )
    (row,) = result.rows
    assert row.cells["prod"].current.tag == "1.3"
    assert row.cells["prod"].age == 90
    assert (row.cells["prod"].latest_attempt.tag, row.cells["prod"].latest_attempt.status) == (
        "1.4",
        "failed",
    )
    assert not row.differs


def test_an_attempt_without_a_current_version_is_displayed_alone():
    result = grid(matrix([placement("web", "prod", None, cell(8, 7, "1.4", status="pending"), age=None)]))
    (row,) = result.rows
    assert row.cells["prod"] == Cell(None, row.cells["prod"].latest_attempt, None)
    assert row.cells["prod"].latest_attempt.status == "pending"


def test_the_current_version_is_listed_once():
    current = cell(8, 7, "1.4")
    (row,) = grid(matrix([placement("web", "prod", current, current)])).rows
    assert row.cells["prod"].latest_attempt is None


def test_placements_missing_in_the_lists_are_included():
    result = grid({**matrix([placement("web", "prod", cell(1, 1, "1"))]), "apps": [], "environments": []})
    assert [column.name for column in result.columns] == ["prod"]
    assert [row.app for row in result.rows] == ["web"]


@pytest.mark.parametrize("name", ["a\nb", "\x1b[2J", "\x9b2J", "\u202e"])
def test_a_name_with_control_characters_is_rejected(name):
    with pytest.raises(AlmError, match="contains invalid characters"):
        grid(matrix([placement("web", "prod", cell(1, 1, name))]))


def test_columns_have_the_tier_of_their_environment():
    result = grid(matrix([placement("web", "prod", cell(1, 1, "1"))], environments=[("prod", 1)]))
    assert result.columns == (Column("prod", "other"),)


@pytest.mark.parametrize(
    "response", [None, [], {"apps": 1}, {"apps": [], "placements": [{}], "environments": []}]
)
def test_an_invalid_matrix_is_an_error(response):
    with pytest.raises(AlmError, match="unexpected server response"):
        grid(response)
