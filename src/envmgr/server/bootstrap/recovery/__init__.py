"""Backups, and recovery of services whose databases were restored."""
