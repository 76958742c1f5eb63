"""What `regrow run`, `regrow tree` and `regrow explain` are pointed at: a policy file, or a tree in a module.

What lives here: telling the two apart and loading them. What must not: starting anything.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

from regrow.actors.hosting.errors import NotImportable
from regrow.actors.hosting.import_path import resolve
from regrow.cli import exit_codes
from regrow.cli.failure import Failure
from regrow.supervision.policy import ROOT, Mistake, Policy, PolicyError, load_policy
from regrow.supervision.spec import SupervisorSpec

__all__ = ("Target", "import_from", "load_target", "read_policy")


@dataclass(frozen=True, slots=True)
class Target:
    """A tree that can be started. `root` is the first segment of its paths.

    `file` is the policy file that describes it, None for a tree in a module; `overrides` is laid over it.
    """

    spec: SupervisorSpec
    root: str
    file: Path | None = None
    overrides: Path | None = None
    base: SupervisorSpec | None = None  # of a tree in a module, before anything was laid over it

    @property
    def files(self) -> tuple[Path, ...]:
        """The policy files that it was read from."""
        return tuple(path for path in (self.file, self.overrides) if path is not None)

    def read_again(self) -> tuple[SupervisorSpec, tuple[Policy, ...]]:
        """Read the policy files again, in full; code is not imported again, so a tree in a module stays what it was.

        Errors: PolicyError with the mistakes of the first file that has some.
        """
        policies = tuple(load_policy(path) for path in self.files)
        found = list(policies)
        spec = self.base
        if spec is None:
            first = found.pop(0)
            if first.tables is not None and first.root != self.root:
                line = first.positions.line(("tree", "name"))
                expected = f'"{self.root}", as a running tree keeps its name'
                mistake = Mistake(
                    file=first.file, line=line, key="tree.name", given=f'"{first.root}"', expected=expected
                )
                raise PolicyError([mistake])
            spec = first.tree()
        for policy in found:
            spec = policy.apply(spec, self.root)
        return spec, policies


def import_from(directory: Path) -> None:
    """Let imports find what is in a directory, first of all; hosted processes get the same path."""
    entry = str(directory.resolve())
    if entry in sys.path:
        sys.path.remove(entry)
    sys.path.insert(0, entry)


def read_policy(path: Path) -> Policy:
    """Load a policy. Errors: Failure (usage) with all of its mistakes."""
    try:
        return load_policy(path)
    except PolicyError as error:
        raise Failure(str(error), exit_code=exit_codes.USAGE) from error


def load_target(text: str, *, overrides: Path | None = None) -> Target:
    """Load "policy.toml" or "package.module:tree"; `overrides` is one more policy file to lay over it.

    `tree` is a SupervisorSpec, or a callable without arguments that gives one.
    Errors: Failure (usage) with what was expected.
    """
    try:
        target = _from_file(Path(text)) if text.endswith(".toml") or "/" in text else _from_module(text)
        if overrides is None:
            return target
        changed = read_policy(overrides).apply(target.spec, target.root)
        return replace(target, spec=changed, overrides=overrides)
    except PolicyError as error:
        raise Failure(str(error), exit_code=exit_codes.USAGE) from error


def _from_file(path: Path) -> Target:
    policy = read_policy(path)
    return Target(policy.tree(), policy.root, file=path)


def _from_module(text: str) -> Target:
    try:
        found = resolve(text)
    except NotImportable as error:
        hint = "" if ":" in text else '; expected "policy.toml" or "package.module:tree"'
        raise Failure(f"{error.subject}: {error.why}{hint}", exit_code=exit_codes.USAGE) from error
    if callable(found) and not isinstance(found, type):
        found = found()
    if not isinstance(found, SupervisorSpec):
        expected = "a SupervisorSpec, or a function without arguments that gives one"
        raise Failure(f"{text}: expected {expected}, got {found!r}", exit_code=exit_codes.USAGE)
    return Target(found, found.name or ROOT, base=found)
