"""SSH: a Python prompt inside the process that is running (a manhole).

Whoever gets in can do whatever the process can: hence a password that is made anew each time, and
the loopback interface.
"""

from __future__ import annotations

from typing import Any

__all__ = ["USER", "shell_server"]

USER = "admin"


def shell_server(password: str, names: dict[str, Any]) -> Any:
    """The SSH server, a factory for ``reactor.listenTCP``.

    Args:
        password: of the one user.
        names: what is known at the prompt.

    Raises:
        ImportError: Conch's parts are not installed.
    """
    try:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from twisted.conch import manhole, manhole_ssh
        from twisted.conch.insults import insults
        from twisted.conch.ssh import keys
        from twisted.cred import checkers, portal
    except ImportError as error:
        raise ImportError("SSH needs Conch: pip install 'twisted[conch]'") from error
    realm = manhole_ssh.TerminalRealm()
    realm.chainedProtocolFactory = lambda: insults.ServerProtocol(manhole.ColoredManhole, names)
    checker = checkers.InMemoryUsernamePasswordDatabaseDontUse(**{USER: password.encode()})
    factory = manhole_ssh.ConchFactory(portal.Portal(realm, [checker]))
    key = keys.Key(Ed25519PrivateKey.generate())
    factory.publicKeys = {key.sshType(): key.public()}
    factory.privateKeys = {key.sshType(): key}
    return factory
