"""Problems as data: a remote port rebuilds every one from its document."""

from __future__ import annotations

import importlib
import pkgutil

import msgspec
import pytest

import envmgr.server
from envmgr.server.contracts.problems import PROBLEM_TYPES, problem_from_document
from envmgr.server.kit.common.problems import NotFound, Problem, TooManyRequests, Unauthenticated

SKIPPED = (".migrations.", ".alembic.", ".__main__")


def problem_types():
    """Return every problem of the server."""
    for module in pkgutil.walk_packages(envmgr.server.__path__, "envmgr.server."):
        if not any(part in f"{module.name}." for part in SKIPPED):
            importlib.import_module(module.name)
    return sorted(set(descendants(Problem)), key=lambda problem_type: problem_type.slug)


def descendants(problem_type):
    """Yield all subclasses."""
    for subclass in problem_type.__subclasses__():
        yield subclass
        yield from descendants(subclass)


TYPES = problem_types()


def make(problem_type):
    """Return an instance with every field that a document may have."""
    problem = problem_type.__new__(problem_type)
    Problem.__init__(
        problem,
        "it failed",
        errors=[("/name", "too long")],
        headers={"retry-after": "3"},
        limit=7,
        app="shop",
    )
    return problem


def over_the_wire(problem):
    """Return a problem's document as another process decodes it."""
    return msgspec.json.decode(msgspec.json.encode(problem.document("/apps")))


@pytest.mark.parametrize("problem_type", TYPES, ids=lambda problem_type: problem_type.slug)
def test_every_problem_declares_its_slug_and_title(problem_type):
    assert {"slug", "title"} <= set(vars(problem_type))


def test_no_two_problems_share_a_slug():
    assert len({problem_type.slug for problem_type in TYPES}) == len(TYPES)


@pytest.mark.parametrize("problem_type", TYPES, ids=lambda problem_type: problem_type.slug)
def test_every_problem_is_rebuilt_from_its_document(problem_type):
    problem = make(problem_type)
    rebuilt = problem_from_document(over_the_wire(problem), problem.headers)
    assert type(rebuilt) is PROBLEM_TYPES.get(problem_type.slug, Problem)
    assert rebuilt.document("/apps") == problem.document("/apps")
    assert (rebuilt.headers, rebuilt.errors, str(rebuilt)) == (problem.headers, problem.errors, "it failed")


def test_every_problem_of_the_contracts_is_in_the_registry():
    modules = {"envmgr.server.contracts.problems", "envmgr.server.kit.common.problems"}
    assert set(PROBLEM_TYPES.values()) == {
        problem_type for problem_type in TYPES if problem_type.__module__ in modules
    }


def test_a_problem_with_a_custom_constructor_is_rebuilt():
    for problem in (
        TooManyRequests("slow down", retry_after=9),
        Unauthenticated("expired", error="invalid_token"),
    ):
        rebuilt = problem_from_document(over_the_wire(problem), problem.headers)
        assert type(rebuilt) is type(problem)
        assert rebuilt.headers == problem.headers


def test_an_unknown_slug_becomes_a_generic_problem_with_the_same_document():
    document = {
        "type": "/problems/from-a-newer-server",
        "title": "Newer",
        "status": 418,
        "detail": "not known yet",
        "instance": "/apps",
        "since": "2.0",
    }
    rebuilt = problem_from_document(document)
    assert type(rebuilt) is Problem
    assert rebuilt.document("/apps") == document


def test_the_document_of_a_newer_server_wins_over_the_class():
    document = NotFound("no app").document("/apps") | {"status": 410, "title": "Gone"}
    rebuilt = problem_from_document(document)
    assert isinstance(rebuilt, NotFound)
    assert rebuilt.document("/apps") == document


def test_rebuilding_does_not_modify_the_class():
    problem_from_document(NotFound("no app").document("/") | {"status": 410})
    assert NotFound.status == 404
