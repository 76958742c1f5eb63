"""An actor that logs in a process of its own, for the tests of logs. No test in here."""

from __future__ import annotations

import logging
import os

from regrow.actors import Actor


class Chronicler(Actor):
    """Logs what it is told, by the name of the logger."""

    def on_receive(self, message: object) -> object:
        match message:
            case "die":
                os.abort()
            case "crash":
                raise RuntimeError("asked to")
            case "fork":
                pid = os.fork()
                if not pid:
                    logging.getLogger("fork").warning("said in a fork")
                    os._exit(0)
                os.waitpid(pid, 0)
            case "levels":
                return [logging.getLogger().level, logging.getLogger("app.db").level]
            case (str(name), int(level), str(text), int(count)):
                for number in range(count):
                    logging.getLogger(name).log(level, text, number, extra={"number": number})
            case "error":
                try:
                    raise LookupError("not there")
                except LookupError:
                    logging.getLogger("app").exception("lost %s", "it", stack_info=True)
        return None
