"""Ports: the Protocols by which services reach each other; each has a local implementation, and may have remote ones.

All raise leaves of `kit.common.problems` and `contracts.problems`. `ref` is an app's id or name.
Lists are pages, newest first.
"""
