"""Serves the demo, with a certificate that is made if there is none.

::

    python serve.py [HTTP-PORT] [HTTPS-PORT] [CERTIFICATES]        8888, 8443, certificates
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

HERE = Path(__file__).parent.resolve()


def main(http: int, https: int, certificates: Path) -> None:
    import mkcert
    from twisted.scripts import twistd

    if not mkcert.is_good(certificates):
        mkcert.make(certificates)
    print(f"http://127.0.0.1:{http}/ and https://127.0.0.1:{https}/", flush=True)
    os.chdir(HERE)  # where twistd finds app.py
    sys.argv[1:] = [
        *("--nodaemon", "--pidfile=", "cyclone"),
        *("--port", str(http), "--app", "app.Plain", "--appopts", str(https)),
        *("--ssl-port", str(https), "--ssl-app", "app.Application"),
        *("--ssl-cert", str(certificates / "server.crt")),
        *("--ssl-key", str(certificates / "server.key")),
    ]
    twistd.run()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Serves the demo.")
    parser.add_argument("http", nargs="?", type=int, default=8888, metavar="HTTP-PORT")
    parser.add_argument("https", nargs="?", type=int, default=8443, metavar="HTTPS-PORT")
    parser.add_argument(
        "certificates",
        nargs="?",
        type=Path,
        default=HERE / "certificates",
        metavar="CERTIFICATES",
    )
    given = parser.parse_args()
    main(given.http, given.https, given.certificates.resolve())
