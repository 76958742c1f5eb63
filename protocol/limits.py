"""Every bound of what is said, with its unit, its reason and whom it follows. Anyone may import them."""

from __future__ import annotations

from typing import Final

__all__ = (
    "ARGUMENTS_KEPT",
    "CRASH_TEXT_MAX_CHARS",
    "CRASH_TRACEBACK_MAX_CHARS",
    "DESCRIPTORS_MAX",
    "FRAME_HEADER_BYTES",
    "FRAME_MAX_BYTES",
    "HEADERS_MAX",
    "HEADERS_MAX_BYTES",
    "HEAD_KEPT_BYTES",
    "INLINE_MAX_BYTES",
    "INTEGER_MAX_BYTES",
    "ITEMS_MAX",
    "LABELS_MAX",
    "LOG_LINE_MAX_BYTES",
    "MAILBOX_DEFAULT_CAPACITY",
    "NAME_MAX_CHARS",
    "NESTING_MAX",
    "PATH_SHOWN_CHARS",
    "SESSION_MAX_BYTES",
    "SHARED_FRAME_BYTES",
    "STDERR_TAIL_BYTES",
    "WINDOW_BYTES",
    "WINDOW_MAX",
    "WINDOW_MESSAGES",
)

FRAME_HEADER_BYTES: Final = 16
"""Bytes of a frame header: fixed, so that one struct reads it."""

FRAME_MAX_BYTES: Final = 16 * 1024 * 1024
"""Bytes of one frame's payload between host and hosted process. gunicorn's dirty arbiter takes 64 MiB, gRPC 4 MiB;
what is larger travels as a sealed blob by descriptor."""

SESSION_MAX_BYTES: Final = 8 * 1024 * 1024
"""Bytes of one session message before Ready names another bound. websockets' own default is 1 MiB, which is below
what people return from functions; 8 MiB keeps a gateway with thousands of sockets alive if many come at once."""

INLINE_MAX_BYTES: Final = 64 * 1024
"""Bytes from which a body travels beside its message instead of inside it: measured, the copy costs more from here."""

DESCRIPTORS_MAX: Final = 64
"""Descriptors beside one message; Linux passes 253 at once."""

HEAD_KEPT_BYTES: Final = 256
"""First bytes of garbage that are kept for the report: enough to recognize a printed text or another protocol."""

SHARED_FRAME_BYTES: Final = 32 * 1024
"""Bytes of the messages that share one frame: enough that a header more or less does not count, and little enough to
be taken in one piece and to let a control message pass soon."""

NESTING_MAX: Final = 1024
"""Levels of containers in a value, where msgpack 1.2 stops (1.1 packs 511), both ways and without recursion of ours;
json and pickle stop near it, at the interpreter's recursion limit. A record counts for two."""

ITEMS_MAX: Final = 1_000_000
"""Items of one container in a received value. A header of five bytes can claim 4 G items and msgpack allocates
what is claimed, so the claim is bounded before it is believed."""

INTEGER_MAX_BYTES: Final = 64 * 1024
"""Bytes of one integer beyond 64 bits (some 157,000 decimal digits); RSA keys need 1 KiB."""

LABELS_MAX: Final = 32
"""Labels of a worker, or that a request needs."""

HEADERS_MAX: Final = 32
"""Headers that go with a request to its function; trace context takes two or three."""

HEADERS_MAX_BYTES: Final = 2048
"""Bytes of all of them, names and values; W3C's baggage may have 8 KiB, traceparent has 55 bytes."""

NAME_MAX_CHARS: Final = 255
"""Characters of a registered name, a function name, an instance id: what a file name may have."""

LOG_LINE_MAX_BYTES: Final = 16 * 1024
"""Bytes of one captured line of output; Docker splits at the same length."""

STDERR_TAIL_BYTES: Final = 64 * 1024
"""Bytes of a dead process's stderr that are kept for its exit report."""

CRASH_TEXT_MAX_CHARS: Final = 16 * 1024
"""Characters of an exception's text: a crash report must fit into a frame whatever the exception says."""

CRASH_TRACEBACK_MAX_CHARS: Final = 256 * 1024
"""Characters of a formatted traceback; the middle of a longer one is cut out, both ends tell more."""

ARGUMENTS_KEPT: Final = 32
"""Arguments of an exception that travel with it."""

PATH_SHOWN_CHARS: Final = 240
"""Characters of a path inside a value that an error shows; the middle of a longer one is cut out."""

WINDOW_MESSAGES: Final = 256
"""Messages that one side may have unfinished at the other before it should hold back; RSocket and AMQP prefetch
live in the same range. A unix socket alone would hold 278."""

WINDOW_BYTES: Final = 1024 * 1024
"""Bytes that one side may have unfinished at the other before it should hold back."""

WINDOW_MAX: Final = 2**31 - 1
"""Messages, or bytes, of the largest window: less than half of what the counters of 32 bits can tell apart."""

MAILBOX_DEFAULT_CAPACITY: Final = 0
"""Messages a mailbox holds unless told otherwise; 0: no bound, as in OTP and pykka."""
