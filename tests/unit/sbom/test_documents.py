"""Documents are valid by the schemas of their formats, and are the same bytes for the same toolchain."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion, _res
from jsonschema import Draft7Validator
from packageurl import PackageURL
from referencing import Registry
from referencing.jsonschema import DRAFT7
from spdx_python_model import load_data

from envmgr.kit.digest import Digest
from envmgr.kit.frozen import replace
from envmgr.lockformat.model import Artifact, Locked
from envmgr.sbom.cyclonedx import to_cyclonedx
from envmgr.sbom.spdx import to_spdx
from envmgr.sbom.toolchain import Component, Toolchain, ToolFacts, archives_of

MANIFEST = f"sha256:{'c' * 64}"
NODEJS = Component(
    "nodejs",
    "20.1.0",
    ("20", "^20.1"),
    "pkg:generic/nodejs@20.1.0",
    MANIFEST,
    archives_of(
        Locked(
            MANIFEST,
            {
                "linux-x64": Artifact("https://example.org/node-x64.tar.gz?a=1", Digest("sha256", "a" * 64)),
                "linux-arm64": Artifact("https://example.org/é/%20", Digest("sha384", "d" * 96)),
                "windows-x64": Artifact("https://example.org/", None),
            },
        )
    ),
    ToolFacts("MIT", "https://nodejs.org", 'JavaScript "runtime", fast'),
)
PRETTIER = Component(
    "npm:@scope/prettier",
    "3.0.0+b 1",
    (),
    "pkg:npm/%40scope/prettier@3.0.0%2Bb",
    MANIFEST,
    archives_of(
        Locked(
            MANIFEST,
            dict.fromkeys(
                ("linux-x64", "macos-x64"), Artifact("npm:@scope/prettier/3.0.0", Digest("sha512", "b" * 128))
            ),
        )
    ),
    ToolFacts("mit or (apache-2.0 and bsd-3-clause)", requires=("nodejs",)),
)
OTHER = Component("other", "1", ("1",), "pkg:generic/other@1", MANIFEST, (), ToolFacts("Our own licence"))
TOOLCHAIN = Toolchain((NODEJS, PRETTIER, OTHER), "e" * 64, "1.2.3")
EMPTY = Toolchain((), "e" * 64, "1.2.3")
DATED = replace(TOOLCHAIN, created="2026-01-02T03:04:05Z")

TOOLCHAINS = pytest.mark.parametrize("toolchain", [TOOLCHAIN, EMPTY, DATED], ids=["several", "none", "dated"])


@pytest.fixture(scope="module")
def cyclonedx_validator():
    """Return the validator of CycloneDX 1.6, which refuses unknown fields."""
    directory = Path(_res.__file__).parent
    documents = (json.loads(path.read_text()) for path in directory.glob("*.json"))
    registry = Registry().with_resources(
        (document["$id"], DRAFT7.create_resource(document)) for document in documents if "$id" in document
    )
    schema = json.loads(Path(_res.BOM_JSON[SchemaVersion.V1_6]).read_text())
    return Draft7Validator(schema, registry=registry, format_checker=Draft7Validator.FORMAT_CHECKER)


@TOOLCHAINS
def test_a_cyclonedx_document_is_valid_by_its_schema(cyclonedx_validator, toolchain):
    errors = cyclonedx_validator.iter_errors(to_cyclonedx(toolchain))
    assert [(list(error.path), error.message) for error in errors] == []


def test_the_schema_of_cyclonedx_refuses_what_it_does_not_define(cyclonedx_validator):
    document = to_cyclonedx(TOOLCHAIN)
    document["components"][0]["licence"] = "MIT"
    assert not cyclonedx_validator.is_valid(document)


def check_spdx(document):
    """Read and write a document by the model of SPDX, which checks types and required properties."""
    model, objects = load_data(document)
    assert objects.link() == set()  # IDs of elements that the document does not have
    model.JSONLDSerializer().write(objects, io.BytesIO())
    return objects


@TOOLCHAINS
def test_an_spdx_document_is_valid_by_the_model_of_spdx(toolchain):
    check_spdx(to_spdx(toolchain))


def test_the_model_of_spdx_refuses_missing_properties_and_unknown_values():
    document = to_spdx(TOOLCHAIN)
    del document["@graph"][0]["created"]
    with pytest.raises(ValueError, match="created"):
        check_spdx(document)
    document = to_spdx(TOOLCHAIN)
    document["@graph"][3]["software_primaryPurpose"] = "toolchain"
    with pytest.raises(ValueError, match="toolchain"):
        check_spdx(document)


def test_cyclonedx_has_the_digests_licences_and_dependencies_of_each_tool():
    document = to_cyclonedx(TOOLCHAIN)
    nodejs, prettier, other = document["components"]
    assert nodejs["licenses"] == [{"expression": "MIT", "acknowledgement": "declared"}]
    assert [
        (item["comment"], item.get("hashes"))
        for item in nodejs["externalReferences"]
        if item["type"] == "distribution"
    ] == [
        ("linux-arm64", [{"alg": "SHA-384", "content": "d" * 96}]),
        ("linux-x64", [{"alg": "SHA-256", "content": "a" * 64}]),
        ("windows-x64", None),
    ]
    assert prettier["licenses"][0]["expression"] == "MIT OR (Apache-2.0 AND BSD-3-Clause)"
    assert [item["comment"] for item in prettier["externalReferences"]] == ["linux-x64, macos-x64"]
    assert other["licenses"] == [{"license": {"name": "Our own licence", "acknowledgement": "declared"}}]
    dependencies = {entry["ref"]: entry.get("dependsOn") for entry in document["dependencies"]}
    references = [component["bom-ref"] for component in document["components"]]
    assert dependencies["toolchain"] == references
    assert dependencies[prettier["bom-ref"]] == [nodejs["bom-ref"]]


def test_spdx_has_the_digests_licences_and_dependencies_of_each_tool():
    objects = check_spdx(to_spdx(TOOLCHAIN))
    names = {item: item.name for item in objects.foreach_type("software_Package")}
    digests = {
        names[item]: [
            (digest.algorithm.rpartition("/")[2], digest.hashValue) for digest in item.verifiedUsing
        ]
        for item in names
    }
    assert digests["node-x64.tar.gz"] == [("sha256", "a" * 64)]
    relations = {
        (names[item.from_], item.relationshipType.rpartition("/")[2]): {
            getattr(target, "simplelicensing_licenseExpression", None) or target.name for target in item.to
        }
        for item in objects.foreach_type("Relationship")
    }
    assert relations["toolchain", "contains"] == {"nodejs", "npm:@scope/prettier", "other"}
    assert relations["npm:@scope/prettier", "dependsOn"] == {"nodejs"}
    assert relations["nodejs", "hasDeclaredLicense"] == {"MIT"}
    assert ("other", "hasDeclaredLicense") not in relations


@pytest.mark.parametrize("render", [to_cyclonedx, to_spdx])
def test_ids_depend_on_the_content_alone(render):
    assert json.dumps(render(TOOLCHAIN)) == json.dumps(render(replace(TOOLCHAIN)))
    others = [EMPTY, DATED, replace(TOOLCHAIN, lock_sha256="f" * 64)]
    ids = {_id_of(render(toolchain)) for toolchain in (TOOLCHAIN, *others)}
    assert len(ids) == 1 + len(others)


def _id_of(document):
    return document.get("serialNumber") or document["@graph"][-1]["spdxId"]


def test_the_time_of_creation_is_the_one_that_is_set():
    assert to_cyclonedx(DATED)["metadata"]["timestamp"] == DATED.created
    assert "timestamp" not in to_cyclonedx(TOOLCHAIN)["metadata"]
    assert to_spdx(DATED)["@graph"][0]["created"] == DATED.created
    assert to_spdx(TOOLCHAIN)["@graph"][0]["created"] == "1970-01-01T00:00:00Z"


@pytest.mark.parametrize("component", [NODEJS, PRETTIER, OTHER], ids=lambda component: component.tool)
def test_package_urls_are_well_formed(component):
    assert PackageURL.from_string(component.purl).to_string() == component.purl
