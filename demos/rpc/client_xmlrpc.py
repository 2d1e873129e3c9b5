"""Calls the demo by XML-RPC with the standard library: python client_xmlrpc.py [URL]"""

import sys
from xmlrpc.client import Fault, MultiCall, ServerProxy


def main(url="http://127.0.0.1:8888/xmlrpc"):
    with ServerProxy(url, allow_none=True) as server:
        print("echo:", server.echo({"text": "Grüße", "nothing": None}))
        print("sort:", server.sort([3, 1, 2]))
        print("texts.upper:", server.texts.upper("hello"))
        try:
            server.divide(1, 0)
        except Fault as fault:
            print("divide:", fault.faultCode, fault.faultString)
        print("methods:", ", ".join(server.system.listMethods()))
        print("divide is for:", server.system.methodHelp("divide"))
        several = MultiCall(server)
        several.count(["a", "b"])
        several.texts.words("two words")
        print("several at once:", list(several()))


if __name__ == "__main__":
    main(*sys.argv[1:])
