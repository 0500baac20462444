"""CycloneDX 1.6 document of a toolchain: https://cyclonedx.org/docs/1.6/json/."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.sbom.licenses import license_expression
from envmgr.sbom.toolchain import PROGRAM, document_id

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.sbom.toolchain import Archive, Component, Toolchain

SPEC_VERSION = "1.6"
ROOT = "toolchain"

_ALGORITHMS = {"sha1": "SHA-1", "sha256": "SHA-256", "sha384": "SHA-384", "sha512": "SHA-512"}


def to_cyclonedx(toolchain: Toolchain) -> dict[str, object]:
    """Return the document; its serial number depends on its content alone."""
    content: dict[str, object] = {
        "version": 1,
        "metadata": _metadata(toolchain),
        "components": [_component(component) for component in toolchain.components],
        "dependencies": [
            {"ref": ROOT, "dependsOn": [component.reference for component in toolchain.components]},
            *(_dependencies(toolchain, component) for component in toolchain.components),
        ],
    }
    return {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": document_id(content).urn,
        **content,
    }


def _metadata(toolchain: Toolchain) -> dict[str, object]:
    program = {"type": "application", "name": PROGRAM, "version": toolchain.program_version}
    root = {
        "type": "platform",
        "bom-ref": ROOT,
        "name": ROOT,
        "hashes": [{"alg": _ALGORITHMS["sha256"], "content": toolchain.lock_sha256}],
    }
    timestamp = {"timestamp": toolchain.created} if toolchain.created else {}
    return {**timestamp, "tools": {"components": [program]}, "component": root}


def _component(component: Component) -> dict[str, object]:
    return {
        "type": "application",
        "bom-ref": component.reference,
        "name": component.tool,
        "version": component.version,
        **_description(component),
        **_licenses(component),
        "purl": component.purl,
        "externalReferences": list(_references(component)),
        "properties": [
            *({"name": "envmgr:request", "value": request} for request in component.requests),
            {"name": "envmgr:manifest", "value": component.manifest},
        ],
    }


def _description(component: Component) -> dict[str, object]:
    text = component.facts.description
    return {"description": text} if text else {}


def _licenses(component: Component) -> dict[str, object]:
    text = component.facts.license
    if not text:
        return {}
    expression = license_expression(text)
    if expression is None:
        return {"licenses": [{"license": {"name": text, "acknowledgement": "declared"}}]}
    return {"licenses": [{"expression": expression, "acknowledgement": "declared"}]}


def _references(component: Component) -> Iterator[dict[str, object]]:
    if component.facts.homepage:
        yield {"type": "website", "url": component.facts.homepage}
    for archive in component.archives:
        yield {
            "type": "distribution",
            "url": archive.url,
            "comment": ", ".join(archive.platforms),
            **_hashes(archive),
        }


def _hashes(archive: Archive) -> dict[str, object]:
    digest = archive.digest
    return {"hashes": [{"alg": _ALGORITHMS[digest.algorithm], "content": digest.value}]} if digest else {}


def _dependencies(toolchain: Toolchain, component: Component) -> dict[str, object]:
    required = [other.reference for other in toolchain.required_by(component)]
    return {"ref": component.reference, **({"dependsOn": required} if required else {})}
