"""Bundles: a locked environment in one file, for machines without a network."""
