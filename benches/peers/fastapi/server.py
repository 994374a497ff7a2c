"""server.py DATABASE TOKEN: prints the port that it listens on."""

import base64
import hashlib
import hmac
import json
import socket
import sqlite3
import sys
import time

import uvicorn
from fastapi import FastAPI, Request, Response

database, token = sys.argv[1:3]
key = base64.b64decode(token)
db = sqlite3.connect(database, isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA synchronous = FULL")
db.execute(
    """CREATE TABLE events (
    id INTEGER PRIMARY KEY, room INTEGER NOT NULL, message TEXT NOT NULL, update_time INTEGER NOT NULL,
    body TEXT NOT NULL, received_at INTEGER NOT NULL, UNIQUE (room, message, update_time))"""
)
app = FastAPI()


@app.post("/webhook")
async def webhook(request: Request) -> Response:
    body = await request.body()
    digest = base64.b64encode(hmac.new(key, body, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(digest, request.headers.get("x-chatworkwebhooksignature", "")):
        return Response(status_code=401)
    event = json.loads(body)["webhook_event"]
    db.execute(
        "INSERT INTO events (room, message, update_time, body, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (event["room_id"], event["message_id"], event["update_time"], body.decode(), int(time.time() * 1000)),
    )
    return Response(status_code=200)


listener = socket.create_server(("127.0.0.1", 0), backlog=256)
print(listener.getsockname()[1], flush=True)
uvicorn.Server(uvicorn.Config(app, log_level="critical")).run(sockets=[listener])
