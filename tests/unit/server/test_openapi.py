"""The OpenAPI document, and the page that shows it."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from envmgr.server.bootstrap import api_document, registry
from envmgr.server.kit.common.context import SCOPES
from envmgr.server.kit.openapi.html import CONTENT_SECURITY_POLICY, page

with open(api_document.OPENAPI_PATH, "rb") as file:
    COMMITTED = file.read()
DOCUMENT = json.loads(COMMITTED)
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
ENDING = {"/auth/logout", "/auth/password"}
"""Operations that end the caller's session."""
entry = pytest.mark.parametrize("called", OPERATIONS.values(), ids=OPERATIONS)


def test_the_committed_openapi_document_is_current():
    assert api_document.openapi_document() == COMMITTED, "run `make openapi`, and commit the result"


def test_every_reference_has_a_target():
    for reference in re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(DOCUMENT)):
        result = DOCUMENT
        for step in reference.split("/"):
            result = result[step]
        assert result


def test_every_schema_is_used():
    used = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(DOCUMENT)))
    assert used == set(DOCUMENT["components"]["schemas"])


@entry
def test_an_operation_documents_its_security(called):
    _, path, operation = called
    if path in registry.REQUEST_POLICY.public_paths:
        assert operation["security"] == []
    else:
        needs, *otherwise = operation["security"]
        assert otherwise == ([{}] if path in registry.REQUEST_POLICY.optional_credential_paths else [])
        assert set(needs["bearer"]) <= set(SCOPES)
        assert "401" in operation["responses"]


@entry
def test_an_operation_documents_its_summary_and_errors(called):
    _, path, operation = called
    assert operation["summary"]
    assert operation["tags"]
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}
    assert set(re.findall(r"{(\w+)}", path)) == {
        parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("in") == "path"
    }


@entry
def test_writes_document_idempotency_keys_and_preconditions(called):
    method, path, operation = called
    parameters = {
        parameter.get("$ref", "").rpartition("/")[2] for parameter in operation.get("parameters", [])
    }
    if method == "post" and path not in registry.REQUEST_POLICY.public_paths | ENDING:
        assert "IdempotencyKey" in parameters
    if "412" in operation["responses"]:
        assert "IfMatch" in parameters


@entry
def test_creations_document_the_location_header(called):
    creation = called[2]["responses"].get("201")
    assert creation is None or "Location" in creation["headers"]


def test_bodies_allow_no_unknown_fields():
    for _, _, operation in OPERATIONS.values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            name = content["schema"].get("$ref", "").rpartition("/")[2]
            if name:
                assert DOCUMENT["components"]["schemas"][name]["additionalProperties"] is False, name


def test_creations_link_to_the_operations_of_the_resource():
    links = OPERATIONS["createApp"][2]["responses"]["201"]["links"]
    assert links["getApp"] == {"operationId": "getApp", "parameters": {"app": "$response.body#/id"}}
    assert {"changeApp", "deleteApp", "listAppVersions"} <= set(links)
    links = OPERATIONS["createAppVersion"][2]["responses"]["201"]["links"]
    assert links["getAppVersion"]["parameters"] == {"app": "$request.path.app", "tag": "$response.body#/tag"}
    for _, _, operation in OPERATIONS.values():
        for response in operation["responses"].values():
            assert all(link["operationId"] in OPERATIONS for link in response.get("links", {}).values())


class Outline(HTMLParser):
    """Checks that elements are closed, and collects ids and links."""

    VOID = frozenset({"meta", "link", "br", "hr"})
    OPTIONAL = frozenset({"li", "p", "tr", "td"})

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.tags = [], set(), set(), set()

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.add(tag)
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        self.links |= {attributes["href"]} if "href" in attributes else set()
        if tag not in self.VOID | self.OPTIONAL:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.OPTIONAL:
            assert self.open.pop() == tag


@entry
def test_a_post_accepts_an_idempotency_key_or_documents_why_not(called):
    method, _, operation = called
    if method == "post":
        accepts_key = {"$ref": "#/components/parameters/IdempotencyKey"} in operation.get("parameters", ())
        assert accepts_key != ("`Idempotency-Key` is ignored" in operation.get("description", ""))


def test_the_page_shows_every_operation_and_schema_and_loads_nothing():
    html = page(DOCUMENT)
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    assert set(OPERATIONS) <= outline.ids
    assert {f"schema-{name}" for name in DOCUMENT["components"]["schemas"]} <= outline.ids
    inside = {link[1:] for link in outline.links if link.startswith("#") and link != "#"}
    assert inside <= outline.ids
    assert outline.links - {f"#{name}" for name in inside} == {"#", "/openapi.json"}
    assert outline.tags.isdisjoint({"script", "img", "link", "iframe", "form"})
    assert "style=" not in html


def test_the_page_may_load_only_its_own_style_sheet():
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; base-uri 'none'; form-action 'none'; "
        r"frame-ancestors 'none'",
        CONTENT_SECURITY_POLICY,
    )


def test_descriptions_are_escaped_in_the_page():
    hostile = json.loads(json.dumps(DOCUMENT))
    hostile["info"]["title"] = "<script>alert(1)</script>"
    hostile["paths"]["/apps"]["get"]["summary"] = "<img src=x onerror=alert(1)>"
    html = page(hostile)
    assert "<script>" not in html
    assert "<img" not in html
