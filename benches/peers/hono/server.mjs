// node server.mjs DATABASE TOKEN: prints the port that it listens on.
import { createHmac, timingSafeEqual } from "node:crypto";
import { serve } from "@hono/node-server";
import Database from "better-sqlite3";
import { Hono } from "hono";

const [database, token] = process.argv.slice(2);
const key = Buffer.from(token, "base64");
const db = new Database(database);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`CREATE TABLE events (
  id INTEGER PRIMARY KEY, room INTEGER NOT NULL, message TEXT NOT NULL, update_time INTEGER NOT NULL,
  body TEXT NOT NULL, received_at INTEGER NOT NULL, UNIQUE (room, message, update_time))`);
const insert = db.prepare(
  "INSERT INTO events (room, message, update_time, body, received_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
);

const app = new Hono();
app.post("/webhook", async (c) => {
  const body = Buffer.from(await c.req.arrayBuffer());
  const claimed = Buffer.from(c.req.header("x-chatworkwebhooksignature") ?? "", "base64");
  const digest = createHmac("sha256", key).update(body).digest();
  if (claimed.length !== digest.length || !timingSafeEqual(claimed, digest)) return c.body(null, 401);
  const text = body.toString("utf8");
  const event = JSON.parse(text).webhook_event;
  insert.run(event.room_id, event.message_id, event.update_time, text, Date.now());
  return c.body(null, 200);
});
serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }, (info) => console.log(info.port));
