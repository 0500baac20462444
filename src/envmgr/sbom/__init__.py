"""Bill of materials of a locked toolchain, as CycloneDX and SPDX documents."""
