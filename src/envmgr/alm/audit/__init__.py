"""Offline verification and export of the audit log."""
