"""The numbers that the broker goes by, each with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass

from regrow.protocol.limits import SESSION_MAX_BYTES

__all__ = ("BrokerSettings",)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """Seconds unless the name says otherwise. Errors: ValueError naming the field."""

    heartbeat_interval: float = 5.0  # a worker beats so often
    heartbeat_misses: int = 3  # and is gone when silent for so many intervals
    lease: float = 30.0  # a request whose lease is not renewed for so long is given to somebody else
    unknown_function_grace: float | None = 5.0  # None: wait for a worker that serves it for ever
    busy_pause: float = 0.05  # a worker that refused a request is left alone for so long
    max_message_bytes: int = 8 * 1024 * 1024
    max_requests: int = 100_000  # not yet settled; one more is rejected
    max_request_bytes: int = 1024 * 1024 * 1024  # of arguments not yet settled; one more is rejected
    result_retention: float = 600.0  # a result can be asked for so long
    max_result_retention: float = 7 * 24 * 3600.0  # a request may say how long its result is kept, up to this
    max_results: int = 100_000  # the oldest result is forgotten first
    max_result_bytes: int = 256 * 1024 * 1024
    dead_retention: float = 7 * 24 * 3600.0  # a request that died can be looked at, and retried, for so long
    max_dead: int = 10_000  # the oldest is forgotten first
    max_dead_bytes: int = 256 * 1024 * 1024  # of their arguments and failures
    max_attempts: int = 100  # a client may not ask for more

    def __post_init__(self) -> None:
        for name in ("heartbeat_interval", "lease", "busy_pause"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected seconds > 0, got {getattr(self, name)!r}")
        for name in ("heartbeat_misses", "max_message_bytes", "max_requests", "max_results", "max_attempts"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: expected a whole number >= 1, got {getattr(self, name)!r}")
        if self.max_message_bytes > SESSION_MAX_BYTES:  # a peer takes no more, and would go and come for ever
            text = f"expected at most {SESSION_MAX_BYTES}, got {self.max_message_bytes}"
            raise ValueError(f"max_message_bytes: {text}")

    @property
    def lease_renew(self) -> float:
        """How often a worker renews: three chances before the lease is lost, as consul sessions and k8s leases have."""
        return self.lease / 3
