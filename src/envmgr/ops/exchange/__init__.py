"""Exchange with other programs: a bill of materials of the locked toolchain."""
