"""Measurements, each a program: `python -m benchmarks.NAME [--quick] [--json]`. Never part of the tests."""
