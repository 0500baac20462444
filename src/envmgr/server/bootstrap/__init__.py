"""Composition of services into a process: the only code that names concrete classes."""
