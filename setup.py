"""Say what pyproject.toml cannot: three top-level folders install as sub-packages of `regrow`."""

from setuptools import find_packages, setup

PARTS = ("actors", "protocol", "supervision")
INNER = [f"regrow.{name}" for name in find_packages(include=[glob for part in PARTS for glob in (part, f"{part}.*")])]
OWN = find_packages(include=["regrow", "regrow.*"], exclude=[f"regrow.{part}*" for part in PARTS])

setup(
    packages=sorted({*OWN, *INNER}),
    package_dir={"regrow": "regrow", **{f"regrow.{part}": part for part in PARTS}},
)
