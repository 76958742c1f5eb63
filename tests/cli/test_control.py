"""The control socket: both ends, and who may come near it."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from regrow.cli import exit_codes
from regrow.cli.control import CLIENTS_MAX, REQUEST_BYTES_MAX, ControlServer, ask_control
from regrow.cli.control_path import control_directory, default_control_path, find_control
from regrow.cli.failure import Failure


def fail(_request: object) -> dict[str, object]:
    raise RuntimeError("no tree")


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    server = ControlServer(tmp_path / "c.sock", {"describe": lambda request: {"tree": request.get("of")}, "fail": fail})
    yield server
    server.close()


def connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(5)
    client.connect(os.fspath(path))
    return client


def test_one_line_is_asked_and_one_answered(server: ControlServer) -> None:
    assert ask_control(server.path, {"verb": "describe", "of": "x"}) == {"ok": True, "pid": os.getpid(), "tree": "x"}


def test_only_the_user_may_connect(server: ControlServer) -> None:
    assert stat.S_IMODE(server.path.stat().st_mode) == 0o600


def test_one_connection_may_ask_again_and_lines_may_come_in_pieces(server: ControlServer) -> None:
    with connected(server.path) as client, client.makefile("rb") as lines:
        client.sendall(b'{"verb": "desc')
        client.sendall(b'ribe", "of": 1}\n{"verb": "describe", "of": 2}\n')
        assert [json.loads(lines.readline())["tree"] for _ in range(2)] == [1, 2]


@pytest.mark.parametrize(
    "line", [b"garbage\n", b"[1]\n", b'{"verb": 3}\n', b"\xff\n", b'{"verb": "stop"}\n', b"[" * 4000 + b"\n"]
)
def test_what_is_not_understood_is_answered_with_an_error(server: ControlServer, line: bytes) -> None:
    with connected(server.path) as client, client.makefile("rb") as lines:
        client.sendall(line)
        assert json.loads(lines.readline())["ok"] is False


def test_a_line_without_an_end_is_cut_off(server: ControlServer) -> None:
    with connected(server.path) as client, client.makefile("rb") as lines:
        client.sendall(b"x" * (REQUEST_BYTES_MAX + 1))
        assert json.loads(lines.readline())["ok"] is False
        assert lines.readline() == b""
    assert ask_control(server.path, {"verb": "describe"})["ok"] is True


def test_more_clients_than_allowed_push_out_the_oldest(server: ControlServer) -> None:
    clients = [connected(server.path) for _ in range(CLIENTS_MAX + 1)]
    try:
        assert ask_control(server.path, {"verb": "describe"})["ok"] is True
        assert clients[0].recv(1) == b""
    finally:
        for client in clients:
            client.close()


def test_a_verb_that_fails_is_a_refusal_and_the_server_lives_on(server: ControlServer) -> None:
    with pytest.raises(Failure, match="RuntimeError: no tree") as caught:
        ask_control(server.path, {"verb": "fail"})
    assert caught.value.exit_code == exit_codes.UNREACHABLE
    assert ask_control(server.path, {"verb": "describe"})["ok"] is True


def test_the_socket_of_a_killed_process_is_taken_over_and_that_of_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(os.fspath(path))
    server = ControlServer(path, {})
    with pytest.raises(Failure, match="in use by a running tree") as caught:
        ControlServer(path, {})
    assert caught.value.exit_code == exit_codes.START_FAILED
    server.close()
    assert not path.exists()


def test_a_path_that_is_too_long_for_a_socket_is_usage(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="at most 107 bytes") as caught:
        ControlServer(tmp_path / ("x" * 120), {})
    assert caught.value.exit_code == exit_codes.USAGE


def test_nobody_there_is_unreachable(tmp_path: Path) -> None:
    with pytest.raises(Failure, match="no answer") as caught:
        ask_control(tmp_path / "none.sock", {"verb": "describe"})
    assert caught.value.exit_code == exit_codes.UNREACHABLE


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (b"", "closed after 0 bytes"),
        (b"{}", "closed after 2 bytes"),
        (b"garbage\n", "one line of JSON"),
        (b"\xff\n", "one line of JSON"),
        (b"[1]\n", "expected a JSON object"),
        (b"[" * 100_000 + b"\n", "one line of JSON"),
        (b'{"ok": false, "error": "busy"}\n', "busy"),
        (None, "not within 0.2 s"),
    ],
)
def test_who_answers_with_garbage_or_not_at_all_is_unreachable(
    tmp_path: Path, said: bytes | None, expected: str
) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(os.fspath(path))
        listener.listen()

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                client.recv(REQUEST_BYTES_MAX)
                if said is not None:
                    client.sendall(said)
                else:
                    client.recv(1)  # until the other one gives up

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(Failure, match=expected) as caught:
            ask_control(path, {"verb": "describe"}, timeout=5.0 if said is not None else 0.2)
        thread.join(10)
    assert caught.value.exit_code == exit_codes.UNREACHABLE


def test_an_answer_that_does_not_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regrow.cli.control.ANSWER_BYTES_MAX", 1000)
    verbs = {"much": lambda _request: {"tree": "x" * 2000}}
    server = ControlServer(tmp_path / "c.sock", verbs)
    try:
        with pytest.raises(Failure, match=r"the answer has 20\d\d bytes, more than 1000"):
            ask_control(server.path, {"verb": "much"})
    finally:
        server.close()


def test_a_socket_that_a_killed_program_has_left_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as left:
        left.bind(os.fspath(path))
    with pytest.raises(Failure, match="nobody listens there any more"):
        ask_control(path, {"verb": "describe"})


def test_the_only_running_tree_is_found_and_of_several_one_has_to_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(Failure, match="no running tree found"):
        find_control(None, None)
    first = ControlServer(default_control_path(1, create=True), {})
    assert find_control(None, None) == tmp_path / "regrow" / "1.sock"
    second = ControlServer(default_control_path(2, create=True), {})
    with pytest.raises(Failure, match="--pid 1, --pid 2"):
        find_control(None, None)
    assert find_control(None, 2) == second.path
    assert find_control(Path("x"), 2) == Path("x")
    first.close()
    second.close()


def test_a_directory_that_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    (tmp_path / "regrow").mkdir()
    (tmp_path / "regrow").chmod(0o777)
    with pytest.raises(Failure, match="expected a directory that only user"):
        control_directory()


def test_without_a_runtime_directory_there_is_one_of_the_user_s_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    directory = control_directory(create=True)
    assert directory == tmp_path / f"regrow-{os.getuid()}"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_program_with_a_full_backlog_is_there_but_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    waiting: list[socket.socket] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stopped:
        stopped.bind(os.fspath(path))
        stopped.listen(1)
        while len(waiting) < 2:
            waiting.append(connected(path))
        with pytest.raises(Failure, match="others wait already: it is stopped, or hangs"):
            ask_control(path, {"verb": "describe"}, timeout=5)
        with pytest.raises(Failure, match="in use by a running tree"):
            ControlServer(path, {})
    for each in waiting:
        each.close()


def test_what_is_no_socket_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"
    path.touch()
    with pytest.raises(Failure, match="that is no socket"):
        ask_control(path, {"verb": "describe"})
