"""Fuzzing; ``python -m fuzz --help``."""
