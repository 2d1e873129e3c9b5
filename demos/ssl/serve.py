"""Serves the demo, with a certificate that is made if there is none.

::

    python serve.py [HTTP-PORT] [HTTPS-PORT] [CERTIFICATES]        8888, 8443, certificates
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent.resolve()


def main(http: str = "8888", https: str = "8443", directory: str = "") -> None:
    import mkcert
    from twisted.scripts import twistd

    certificates = Path(directory).resolve() if directory else HERE / "certificates"
    if not mkcert.is_good(certificates):
        mkcert.make(certificates)
    print(f"http://127.0.0.1:{http}/ and https://127.0.0.1:{https}/", flush=True)
    os.chdir(HERE)  # where twistd finds app.py
    sys.argv[1:] = [
        *("--nodaemon", "--pidfile=", "cyclone"),
        *("--port", http, "--app", "app.Plain", "--appopts", https),
        *("--ssl-port", https, "--ssl-app", "app.Application"),
        *("--ssl-cert", str(certificates / "server.crt")),
        *("--ssl-key", str(certificates / "server.key")),
    ]
    twistd.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
