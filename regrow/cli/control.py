"""The local control socket of a running tree: JSON lines, one request, one answer, as often as wanted.

What lives here: both ends. What must not: what a tree says of itself.

    -> {"verb": "describe"}
    <- {"ok": true, "pid": 4711, "tree": {...}}        (a Node, observe/nodes.py)
    -> {"verb": "processes"}
    <- {"ok": true, "pid": 4711, "processes": [...]}   (ProcessRows, observe/process_rows.py)
    -> {"verb": "reload"}                              and then, until it is over, {"verb": "reload", "number": 1}
    <- {"ok": true, "pid": 4711, "reload": 1, "over": true, "mistakes": [], "usage": false, "changes": [...]}
    <- {"ok": false, "error": "unknown verb 'x'; known: describe, processes, reload"}
Source: gunicorn's control socket (mode 0600), supervisorctl.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias, cast

from regrow.cli import exit_codes
from regrow.cli.control_path import PATH_BYTES_MAX, is_answering
from regrow.cli.failure import Failure

__all__ = ("ControlServer", "Verb", "ask_control")

Verb: TypeAlias = Callable[[Mapping[str, object]], Mapping[str, object]]

REQUEST_BYTES_MAX: Final = 4096  # requests are a verb and a few words
ANSWER_BYTES_MAX: Final = 64 * 2**20  # a tree of 100,000 children is about 30 MB
RECEIVE_BYTES: Final = 256 * 1024  # read at once
CLIENTS_MAX: Final = 16  # at once; who comes later waits in the backlog
BACKLOG: Final = 128  # waiting to be accepted; unix sockets refuse at once what is beyond it
CLIENT_TIMEOUT: Final = 5.0  # seconds that a client may take to read or to send a whole line


class ControlServer:
    """Answers on a unix socket of mode 0600 until `close`.

    Runs in: one thread, regrow-control. A verb is called there, so it holds up other clients, never the tree.
    """

    def __init__(self, path: Path, verbs: Mapping[str, Verb]) -> None:
        self.path = path
        self._verbs = verbs
        self._listener = _bound(path)
        self._inode = path.stat().st_ino
        self._wake, self._woken = socket.socketpair()
        self._buffers: dict[socket.socket, bytes] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="regrow-control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and remove the socket, if it is still ours. Waits for the verb in hand, up to its timeout."""
        self._wake.send(b"x")
        self._thread.join(CLIENT_TIMEOUT)
        for closed in (*self._buffers, self._listener, self._wake, self._woken):
            closed.close()
        self._selector.close()
        try:
            if self.path.stat().st_ino == self._inode:
                self.path.unlink()
        except FileNotFoundError:
            return

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                ready = cast(socket.socket, key.fileobj)
                if ready is self._woken:
                    return
                if ready is self._listener:
                    self._accept()
                elif ready in self._buffers:  # not dropped a moment ago
                    self._read(ready)

    def _accept(self) -> None:
        try:
            client, _ = self._listener.accept()
        except OSError:  # it has gone again already
            return
        client.settimeout(CLIENT_TIMEOUT)
        self._buffers[client] = b""
        self._selector.register(client, selectors.EVENT_READ)
        if len(self._buffers) > CLIENTS_MAX:
            self._drop(next(iter(self._buffers)))

    def _read(self, client: socket.socket) -> None:
        try:
            data = client.recv(REQUEST_BYTES_MAX)
            *lines, rest = (self._buffers[client] + data).split(b"\n")
            self._buffers[client] = rest
            if len(rest) > REQUEST_BYTES_MAX:
                lines, data = [rest], b""
            for line in lines:
                client.sendall(self._encoded(line))
        except OSError:  # it has gone, or does not read
            data = b""
        if not data:
            self._drop(client)

    def _encoded(self, line: bytes) -> bytes:
        data = json.dumps(self._answer(line)).encode() + b"\n"
        if len(data) <= ANSWER_BYTES_MAX:
            return data
        error = f"the answer has {len(data)} bytes, more than {ANSWER_BYTES_MAX}"
        return json.dumps({"ok": False, "error": error}).encode() + b"\n"

    def _answer(self, line: bytes) -> Mapping[str, object]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return {"ok": False, "error": "expected one JSON object a line"}
        verb = request.get("verb") if isinstance(request, dict) else None
        known = self._verbs.get(verb) if isinstance(verb, str) else None
        if known is None:
            return {"ok": False, "error": f"unknown verb {verb!r}; known: {', '.join(self._verbs)}"}
        try:
            return {"ok": True, "pid": os.getpid(), **known(request)}
        except Exception as error:  # noqa: BLE001 - the one of this thread: a verb that fails must not end the control
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}

    def _drop(self, client: socket.socket) -> None:
        self._selector.unregister(client)
        self._buffers.pop(client)
        client.close()


def ask_control(path: Path, request: Mapping[str, object], *, timeout: float = 10.0) -> Mapping[str, object]:
    """Ask the tree behind a control socket; blocks up to `timeout` seconds in all.

    Errors: Failure (unreachable) if nobody answers, or the answer is a refusal.
    """
    try:
        answer: object = json.loads(_line_from(path, json.dumps(request).encode() + b"\n", timeout).decode())
    except TimeoutError as error:
        raise _unanswered(path, f"not within {timeout:g} s") from error
    except FileNotFoundError as error:
        raise _unanswered(path, "there is no such socket; does it run, as this user?") from error
    except ConnectionRefusedError as error:
        gone = "nobody listens there any more: whoever made the socket was killed"
        raise _unanswered(path, gone if path.is_socket() else "that is no socket") from error
    except BlockingIOError as error:
        raise _unanswered(path, f"{BACKLOG} others wait already: it is stopped, or hangs") from error
    except OSError as error:
        raise _unanswered(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _unanswered(path, f"expected one line of JSON: {error}") from error
    if not isinstance(answer, dict) or not answer.get("ok"):
        refusal = answer.get("error") if isinstance(answer, dict) else f"expected a JSON object, got {answer!r:.200}"
        raise Failure(f"{path}: {refusal}", exit_code=exit_codes.UNREACHABLE)
    return answer


def _line_from(path: Path, request: bytes, timeout: float) -> bytes:
    """Send a line, give the one that comes back. Errors: OSError; ValueError if it does not end."""
    deadline = time.monotonic() + timeout
    line = bytearray()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout)
        client.connect(os.fspath(path))
        client.sendall(request)
        while not line.endswith(b"\n"):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            client.settimeout(left)
            data = client.recv(RECEIVE_BYTES)
            line += data
            if not data:
                raise ValueError(f"it was closed after {len(line)} bytes")
            if len(line) > ANSWER_BYTES_MAX:
                raise ValueError(f"more than {ANSWER_BYTES_MAX} bytes")
    return bytes(line)


def _unanswered(path: Path, why: str) -> Failure:
    return Failure(f"{path}: no answer ({why})", exit_code=exit_codes.UNREACHABLE)


def _bound(path: Path) -> socket.socket:
    """Listen on a path; take over from a process that was killed, never from one that lives."""
    text = os.fspath(path)
    if len(os.fsencode(text)) > PATH_BYTES_MAX:
        expected = f"a path of at most {PATH_BYTES_MAX} bytes"
        raise Failure(f"--control: expected {expected}, got {text!r}", exit_code=exit_codes.USAGE)
    if path.is_socket():
        if is_answering(path):
            raise Failure(f"--control: {text} is in use by a running tree", exit_code=exit_codes.START_FAILED)
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Before bind: Linux makes the socket file with this mode, so there is no moment in which others could connect.
        os.fchmod(listener.fileno(), 0o600)
        listener.bind(text)
        path.chmod(0o600)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        why = error.strerror or str(error)
        raise Failure(f"--control: cannot listen on {text}: {why}", exit_code=exit_codes.START_FAILED) from error
    return listener
