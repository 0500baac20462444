"""Requests in files of other version managers."""
