"""SPDX 3.0.1 document of a toolchain, in JSON-LD: https://spdx.github.io/spdx-spec/v3.0.1/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.sbom.licenses import license_expression
from envmgr.sbom.toolchain import PROGRAM, document_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envmgr.sbom.toolchain import Archive, Component, Toolchain

    Element = dict[str, object]

SPEC_VERSION = "3.0.1"
FIXED_TIME = "1970-01-01T00:00:00Z"
"""The required time of creation where none is set."""

_CREATION = "_:creation"


def to_spdx(toolchain: Toolchain) -> Element:
    """Return the document; its IDs depend on its content alone."""
    namespace = document_id({"graph": _Graph("", toolchain).elements()}).urn
    return {
        "@context": f"https://spdx.org/rdf/{SPEC_VERSION}/spdx-context.jsonld",
        "@graph": _Graph(namespace, toolchain).elements(),
    }


class _Graph:
    """The elements of a document, each with an ID in the document's namespace."""

    def __init__(self, namespace: str, toolchain: Toolchain) -> None:
        self._namespace = namespace
        self._toolchain = toolchain

    def elements(self) -> list[Element]:
        """Return all elements; the document, which lists the others, is the last."""
        content = [*self._agents(), *self._packages(), *self._relationships()]
        ids = [element["spdxId"] for element in content]
        sbom = self._element(
            "software_Sbom",
            "sbom",
            software_sbomType=["build"],
            rootElement=[self._id("toolchain")],
            element=ids,
        )
        document = self._element(
            "SpdxDocument",
            "document",
            profileConformance=["core", "software", "simpleLicensing"],
            rootElement=[sbom["spdxId"]],
            element=[*ids, sbom["spdxId"]],
        )
        return [self._creation(), *content, sbom, document]

    def _creation(self) -> Element:
        return {
            "type": "CreationInfo",
            "@id": _CREATION,
            "specVersion": SPEC_VERSION,
            "created": self._toolchain.created or FIXED_TIME,
            "createdBy": [self._id("agent")],
            "createdUsing": [self._id("tool")],
        }

    def _agents(self) -> Iterator[Element]:
        name = f"{PROGRAM} {self._toolchain.program_version}"
        yield self._element("SoftwareAgent", "agent", name=name)
        yield self._element("Tool", "tool", name=name)

    def _packages(self) -> Iterator[Element]:
        yield self._element(
            "software_Package",
            "toolchain",
            name="toolchain",
            software_primaryPurpose="platform",
            verifiedUsing=[_hash("sha256", self._toolchain.lock_sha256)],
        )
        for component in self._toolchain.components:
            yield self._package(component)
            for archive in component.archives:
                yield self._archive(component, archive)
        for expression in self._expressions():
            yield self._element(
                "simplelicensing_LicenseExpression",
                f"license/{expression}",
                simplelicensing_licenseExpression=expression,
            )

    def _package(self, component: Component) -> Element:
        facts = component.facts
        return self._element(
            "software_Package",
            component.reference,
            name=component.tool,
            **({"description": facts.description} if facts.description else {}),
            **({"software_homePage": facts.homepage} if facts.homepage else {}),
            software_primaryPurpose="application",
            software_packageVersion=component.version,
            software_packageUrl=component.purl,
            **({"comment": f"requested as {', '.join(component.requests)}"} if component.requests else {}),
        )

    def _archive(self, component: Component, archive: Archive) -> Element:
        digest = archive.digest
        return self._element(
            "software_Package",
            _archive_name(component, archive),
            name=archive.file_name,
            software_primaryPurpose="archive",
            software_packageVersion=component.version,
            software_downloadLocation=archive.url,
            comment=", ".join(archive.platforms),
            **({"verifiedUsing": [_hash(digest.algorithm, digest.value)]} if digest else {}),
        )

    def _relationships(self) -> Iterator[Element]:
        components = self._toolchain.components
        yield from self._relationship("toolchain", "contains", [item.reference for item in components])
        for component in components:
            archives = [_archive_name(component, archive) for archive in component.archives]
            yield from self._relationship(component.reference, "hasDistributionArtifact", archives)
            required = [other.reference for other in self._toolchain.required_by(component)]
            yield from self._relationship(component.reference, "dependsOn", required)
            expression = license_expression(component.facts.license) if component.facts.license else None
            licenses = [f"license/{expression}"] if expression else []
            yield from self._relationship(component.reference, "hasDeclaredLicense", licenses)

    def _relationship(self, source: str, kind: str, targets: Iterable[str]) -> Iterator[Element]:
        ids = [self._id(target) for target in targets]
        if ids:
            name = f"{source}/{kind}"
            yield self._element(
                "Relationship", name, **{"from": self._id(source)}, relationshipType=kind, to=ids
            )

    def _expressions(self) -> list[str]:
        licenses = (component.facts.license for component in self._toolchain.components)
        return sorted({text for name in licenses if name and (text := license_expression(name))})

    def _element(self, kind: str, element_name: str, /, **fields: object) -> Element:
        return {"type": kind, "spdxId": self._id(element_name), "creationInfo": _CREATION, **fields}

    def _id(self, name: str) -> str:
        from urllib.parse import quote

        return f"{self._namespace}#{quote(name, safe='@:/+~')}"


def _archive_name(component: Component, archive: Archive) -> str:
    return f"{component.reference}/{archive.platforms[0]}"


def _hash(algorithm: str, value: str) -> Element:
    return {"type": "Hash", "algorithm": algorithm, "hashValue": value}
