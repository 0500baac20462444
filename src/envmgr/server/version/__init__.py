"""The version service: what was built, with which toolchain, and which of it a range of a tool touches."""
