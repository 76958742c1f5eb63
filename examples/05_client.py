"""A client: invokes the functions of 05_worker.py by name. How to start the three: see there."""

import os

import regrow
from regrow.connect.errors import FunctionFailed, GatewayUnreachable

URL = os.environ.get("REGROW_URL", "ws://127.0.0.1:8790")
TOKEN = os.environ.get("REGROW_TOKEN", "secret")


def main() -> None:
    with regrow.Client(URL, token=TOKEN) as client:
        try:
            print("factor:     ", client.invoke("factor", 2**61 - 1, timeout=30))
        except GatewayUnreachable as error:
            raise SystemExit(f"{error}; is `regrow gateway --token secret` running?") from error
        print("greet:      ", client.invoke("greet", "world", timeout=30))
        print("count_words:", client.invoke("count_words", "cut any branch and it grows back", timeout=30))

        try:
            client.invoke("factor", -1, timeout=30)
        except FunctionFailed as error:
            print("factor(-1): ", error.type, "-", error.text)
            print("  remote:   ", error.traceback.strip().splitlines()[-2].strip())

        # Submitted, a request is the gateway's: this client may end, and another one ask for the result by its id.
        request_id = client.submit("factor", (2**31 - 1) * (2**19 - 1), timeout=30)
        print("submitted:  ", len(request_id) == 32)
        print("result:     ", client.result(request_id, timeout=30))


if __name__ == "__main__":
    main()
