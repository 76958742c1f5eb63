"""The role that runs user functions: a pure core, a shell, and the places where functions run."""

from .core import ExecutorCore
from .request import ExecutorSettings, ExecutorStatistics

__all__ = ("ExecutorCore", "ExecutorSettings", "ExecutorStatistics")
