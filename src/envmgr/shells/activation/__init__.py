"""Activation: shells whose PATH and variables follow the directory."""
