"""Every statement of the server compiles for every supported database."""

from __future__ import annotations

import os
import re

import pytest
from sqlalchemy import Column, MetaData, Table, bindparam, insert, select

import envmgr.server
from envmgr.server.kit.db.constructs import (
    bind_columns,
    insert_if_absent,
    insert_rows,
    json_rows_of,
    json_text,
    rows_of,
    upsert,
    values_of,
)
from envmgr.server.kit.db.postgresql.transaction import DIALECT as POSTGRESQL
from envmgr.server.kit.db.schema import Id, Text
from envmgr.server.kit.db.sql import Statement
from envmgr.server.kit.db.sqlite import DIALECT as SQLITE
from support.services.sql_statements import statements

DIALECTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
WORD = Table(
    "word",
    MetaData(),
    Column("id", Id, primary_key=True),
    Column("text", Text, unique=True),
    Column("count", Id),
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_statement_of_the_server_compiles(dialect):
    failures, count = [], 0
    for name, statement in statements():
        count += 1
        try:
            statement.compile(DIALECTS[dialect])
        except Exception as error:  # noqa: BLE001 - all failures are listed, not the first one
            failures.append(f"{name}: {error}")
    assert failures == []
    assert count > 500  # lazily built listings add to the statements of the modules


def text(expression, dialect):
    return re.sub(r"\s+", " ", Statement(expression).compile(DIALECTS[dialect])[0])


@pytest.mark.parametrize(
    ("expression", "sqlite", "postgresql"),
    [
        (
            upsert(
                WORD,
                bind_columns("text", "count"),
                key=["text"],
                update=lambda new: {"count": WORD.c.count + new.count},
                where=lambda new: WORD.c.count < new.count,
            ),
            (
                "INSERT INTO word (text, count) VALUES (:text, :count) ON CONFLICT (text) DO UPDATE"
                " SET count = (word.count + excluded.count) WHERE word.count < excluded.count"
            ),
            (
                'INSERT INTO word (text, count) VALUES ($1::VARCHAR COLLATE "C", $2::BIGINT) ON CONFLICT (text)'
                " DO UPDATE SET count = (word.count + excluded.count) WHERE word.count < excluded.count"
                " RETURNING word.id"
            ),
        ),
        (
            insert_if_absent(WORD, bind_columns("text"), key=["text"]).returning(WORD.c.id),
            "INSERT INTO word (text) VALUES (:text) ON CONFLICT (text) DO NOTHING RETURNING id",
            (
                'INSERT INTO word (text) VALUES ($1::VARCHAR COLLATE "C") ON CONFLICT (text) DO NOTHING'
                " RETURNING word.id"
            ),
        ),
        (
            insert_rows(WORD, rows_of(WORD, "text", "count")),
            (
                "INSERT INTO word (text, count) SELECT json_extract(anon_1.value, '$[0]') AS text,"
                " json_extract(anon_1.value, '$[1]') AS count FROM json_each(:rows) AS anon_1 WHERE 1 = 1"
            ),
            (
                "INSERT INTO word (text, count) SELECT CAST((anon_1.value ->> 0) AS TEXT) AS text,"
                " CAST((anon_1.value ->> 1) AS BIGINT) AS count"
                " FROM jsonb_array_elements(CAST($1::VARCHAR AS JSONB)) AS anon_1 WHERE true"
            ),
        ),
        (
            select(WORD.c.id).where(WORD.c.text.in_(values_of("texts", WORD.c.text))),
            (
                "SELECT word.id FROM word WHERE word.text IN"
                " (SELECT anon_1.value AS json_scalar_1 FROM json_each(:texts) AS anon_1)"
            ),
            (
                "SELECT word.id FROM word WHERE word.text IN"
                " (SELECT CAST((anon_1.value #>> '{}') AS TEXT) AS json_scalar_1"
                " FROM jsonb_array_elements(CAST($1::VARCHAR AS JSONB)) AS anon_1)"
            ),
        ),
        (
            select(json_rows_of(WORD.c.id, json_text(WORD.c.text))).where(WORD.c.id > bindparam("after")),
            (
                "SELECT json_group_array(json_array(word.id, json(word.text))) AS json_rows_1 FROM word"
                " WHERE word.id > :after"
            ),
            (
                "SELECT CAST(coalesce(json_agg(json_build_array(word.id, CAST(word.text AS JSON))), '[]') AS TEXT)"
                " AS json_rows_1 FROM word WHERE word.id > $1::BIGINT"
            ),
        ),
    ],
    ids=["upsert", "insert if absent", "rows", "values", "rows as JSON"],
)
def test_a_construct_is_compiled_for_each_dialect(expression, sqlite, postgresql):
    assert text(expression, "sqlite") == sqlite
    assert text(expression, "postgresql").removesuffix(" RETURNING word.id") == postgresql.removesuffix(
        " RETURNING word.id"
    )


def test_a_statement_is_compiled_once_per_dialect():
    statement = Statement(insert(WORD).values(text=bindparam("text"), count=1))
    assert statement.compile(SQLITE) is statement.compile(SQLITE)
    assert statement.compile(SQLITE)[1] == {"count": 1}
    assert statement.compile(POSTGRESQL)[0] != statement.compile(SQLITE)[0]


def test_only_the_database_layer_names_a_dialect():
    root = os.path.dirname(envmgr.server.__file__)
    allowed = (os.path.join("kit", "db"), os.path.join("kit", "config"), "bootstrap", "main")
    modules = []
    for directory, _, files in os.walk(root):
        inner = os.path.relpath(directory, root)
        if inner.startswith(allowed) or os.path.basename(directory) == "migrations":
            continue
        for file in files:
            if file.endswith(".py") and not file.startswith("bootstrap"):
                with open(os.path.join(directory, file), encoding="utf-8") as source:
                    if re.search(r"sqlite|postgres", source.read(), re.IGNORECASE):
                        modules.append(os.path.join(inner, file))
    assert modules == []
