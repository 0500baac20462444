"""Know and reproduce which tools built what runs where."""

__version__ = "0.1.0"
