"""Every SQL statement of the server: those of modules, and those that listings build dynamically."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from functools import _lru_cache_wrapper

import envmgr.server
from envmgr.server.kit.db.pagination import PagedQuery
from envmgr.server.kit.db.sql import Statement

SHAPES = [(environment, apps) for environment in (False, True) for apps in (None, 0, 1, 2)]
"""The filters of usage: whether by environment, and by how many apps."""


def modules():
    """Import every module of the server, without its entry point and migrations."""
    for result in pkgutil.walk_packages(envmgr.server.__path__, "envmgr.server."):
        if not result.name.startswith(("envmgr.server.kit.db.alembic", "envmgr.server.__main__")):
            yield importlib.import_module(result.name)


def statements():
    """Yield (name, statement) for every statement of the server."""
    names = set()
    for module in modules():
        if module.__name__.endswith("_pb2"):  # generated code, whose namespace contains itself
            continue
        for name, value in vars(module).items():
            for suffix, statement in _statements_in(value):
                if id(statement) not in names:
                    names.add(id(statement))
                    yield f"{module.__name__.removeprefix('envmgr.server.')}.{name}{suffix}", statement


def _statements_in(value):
    if isinstance(value, Statement):
        yield "", value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from ((f"[{key}]{suffix}", result) for suffix, result in _statements_in(item))
    elif isinstance(value, tuple | list):
        for position, item in enumerate(value):
            yield from ((f"[{position}]{suffix}", result) for suffix, result in _statements_in(item))
    elif isinstance(value, PagedQuery):
        yield from _pages_of(value)
    elif isinstance(value, _lru_cache_wrapper) and value.__annotations__.get("return") == "Statement":
        yield from ((f"({shape})", value(shape)) for shape in SHAPES)


def _pages_of(query):
    names = sorted(query._filters)
    filters = [(), *((name,) for name in names), tuple(names)]
    apps = (None, 0, 2) if query._app is not None else (None,)
    for sort, sign, after, chosen, only in itertools.product(
        query._sorts, ("", "-"), (False, True), filters, apps
    ):
        shape = (sign + sort, after, chosen, only)
        yield f"({shape})", query._statement(*shape)
