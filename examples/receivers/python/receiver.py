"""Receives Leadhook's webhooks (Standard Webhooks 1.0.0) with Python 3.9's standard library.

    WEBHOOK_SECRET=whsec_... PORT=8790 python3 receiver.py

A lead is one row in STORE (default: leads.sqlite3), whose key is the webhook-id.
2xx is answered only once the row is on disk, because the sender forgets the lead then.
"""

import base64
import binascii
import hashlib
import hmac
import json
import os
import re
import sqlite3
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BODY_BYTES = 256 * 1024  # a lead is a few kilobytes
TOLERANCE_SECONDS = 300  # older or newer requests may be replays


def secret_key(secret):
    encoded = secret[len("whsec_"):] if secret.startswith("whsec_") else secret
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        key = b""
    if len(key) < 24:
        raise SystemExit("WEBHOOK_SECRET must be whsec_ and base64 of at least 24 bytes")
    return key


def sign(key, msg_id, timestamp, body):
    mac = hmac.new(key, f"{msg_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(mac.digest()).decode()


def refuse(key, headers, body, now):
    """Returns None for a genuine request, else the status and the reason to refuse it.

    `body` is the bytes as they came: parsed and printed again they would not match.
    """
    msg_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    signatures = headers.get("webhook-signature", "")
    if not (msg_id and timestamp and signatures):
        return 400, "a webhook header is missing"
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", msg_id):
        return 400, "webhook-id is not an id"
    if not re.fullmatch(r"[0-9]{1,12}", timestamp):
        return 400, "webhook-timestamp is not a number"
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return 400, "webhook-timestamp is too far away"
    expected = sign(key, msg_id, timestamp, body).encode()
    # There are several signatures while the secret is being changed. One must be right.
    given = signatures.encode("utf-8", "replace").split(b" ")
    if not any(hmac.compare_digest(signature, expected) for signature in given):
        return 401, "no signature is right"
    return None


def open_store(path):
    store = sqlite3.connect(path, timeout=10)
    store.execute("CREATE TABLE IF NOT EXISTS lead (webhook_id TEXT PRIMARY KEY, body TEXT NOT NULL)")
    return store


def keep(path, msg_id, body):
    """Stores a delivery once; says whether it was new. Here you would write to your CRM instead:
    do it in one transaction with the webhook-id, so that a second delivery changes nothing."""
    with closing(open_store(path)) as store, store:
        return store.execute("INSERT OR IGNORE INTO lead VALUES (?, ?)", (msg_id, body)).rowcount == 1


class Receiver(BaseHTTPRequestHandler):
    timeout = 30  # a sender that hangs holds a thread no longer

    def do_POST(self):
        try:
            status, text = self.receive()
        except sqlite3.Error as error:
            print(f"not stored: {error}", flush=True)
            status, text = 500, "not stored, send it again"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def receive(self):
        length = self.headers.get("content-length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            return 411, "content-length is needed"
        if int(length) > BODY_BYTES:
            return 413, "too large"
        body = self.rfile.read(int(length))
        refused = refuse(self.server.key, self.headers, body, time.time())
        if refused:
            return refused
        try:
            text = body.decode()
            event = json.loads(text)
        except ValueError:
            return 400, "not JSON"
        msg_id = self.headers["webhook-id"]
        is_new = keep(self.server.path, msg_id, text)
        # Ids only: a log is no place for a person's data.
        print(f"stored {msg_id} {names(event)}" if is_new else f"known {msg_id}", flush=True)
        return 204, ""

    def log_message(self, *_):
        pass


def names(event):
    try:
        return f"{event['type']} {event['data']['lead_id']}"
    except (KeyError, TypeError):
        return "without type or lead_id"


if __name__ == "__main__":
    os.umask(0o077)  # the leads are for this user alone
    # Behind a proxy that ends TLS this address is right; it is not meant for the open internet.
    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8790"))), Receiver)
    server.key = secret_key(os.environ.get("WEBHOOK_SECRET", ""))
    server.path = os.environ.get("STORE", "leads.sqlite3")
    open_store(server.path).close()
    print(f"listening on {server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
