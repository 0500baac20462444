"""Project toolchain manager: install, lock and record the tools that build each version."""

__version__ = "0.1.0"
