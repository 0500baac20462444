"""Ports: the Protocols between services, with local and possibly remote implementations.

All raise leaves of `kit.common.problems` and `contracts.problems`. `ref` is an app's id or name.
Lists are pages, newest first.
"""
