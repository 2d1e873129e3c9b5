#!/bin/sh
# A key and a self-signed certificate for ssl_server.py and for `twistd cyclone --ssl-app`.
exec openssl req -x509 -newkey rsa:2048 -nodes -days 365 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout server.key -out server.crt
