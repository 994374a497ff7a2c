// Starts a Chatwork simulator and a bot for one test, and a browser for all of them.

import { execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../..', import.meta.url));
export const program = process.env.KARIBARAI_PROGRAM ?? path.join(root, 'target/debug/karibarai');
export const REQUEST = '追加でバナーを3枚お願いできますか？1枚5,000円で、金曜までにお願いします。';

/** Waits until `done` gives something true, and gives that. */
export async function until(what, done, patience = 30_000) {
  const end = Date.now() + patience;
  for (;;) {
    const found = await done();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((go) => setTimeout(go, 50));
  }
}

/** Runs the program to its end. */
export function run(folder, settings, ...args) {
  return new Promise((go, fail) => {
    const child = spawn(program, args, { cwd: folder, env: settings, stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    child.stdout.on('data', (it) => (out += it));
    child.stderr.on('data', (it) => (out += it));
    child.on('error', fail);
    child.on('close', (code) => go({ code, out }));
  });
}

function start(folder, settings, args, wanted) {
  const child = spawn(program, args, { cwd: folder, env: settings, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const found = new Promise((go, fail) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => {
        said += `${line}\n`;
        const match = wanted.exec(line);
        if (match) go(match[1]);
      });
    }
    child.on('error', fail);
    child.on('close', (code) => fail(new Error(`${args[0]} ended with ${code}:\n${said}`)));
  });
  return { child, found };
}

function stopped(child) {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((go) => {
    child.on('close', go);
    child.kill('SIGTERM');
  });
}

/** A bot in a folder of its own, with two people and a room. `extra`: further settings, or a function of the world. */
export async function startBot(extra = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'karibarai-browser-'));
  const simulator = start(folder, {}, ['sandbox', '--listen', '127.0.0.1:0'], /^CHATWORK_API_BASE=(\S+)/);
  const apiBase = await simulator.found;
  const controls = new URL('/_sandbox', apiBase).href;
  const steer = async (method, where, body) => {
    const answer = await fetch(controls + where, { method, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
  const world = await steer('POST', '/world', {});
  const room = world.direct_room_id;
  writeFileSync(
    path.join(folder, 'karibarai.toml'),
    `[server]\nlisten = "127.0.0.1:0"\nreview_listen = "127.0.0.1:0"\n[reply]\ndelay_seconds = 0\nowner_active = "0s"\n` +
      `[reconcile]\ninterval_seconds = 1\n[[room]]\nid = ${room}\nclients = [${world.client.account_id}]\n` +
      (extra.room ?? ''),
  );
  const settings = {
    PATH: process.env.PATH,
    CHATWORK_API_TOKEN: world.owner.api_token,
    CHATWORK_API_BASE: apiBase,
    ...extra.settings,
  };
  const serve = start(folder, settings, ['serve', '--lang', 'en'], /^pages \(this link works once\): (\S+)/);
  const link = await serve.found;
  const says = async (account, body) =>
    (await steer('POST', `/rooms/${room}/messages`, { account_id: account, body })).message_id;
  const base = new URL(link).origin;
  await until('the bot', async () => (await fetch(`${base}/readyz`)).ok);
  return {
    folder,
    settings,
    world,
    room,
    link,
    base,
    steer,
    clientSays: (body) => says(world.client.account_id, body),
    ownerSays: (body) => says(world.owner.account_id, body),
    replies: (message) => steer('GET', `/rooms/${room}/messages/${message}/replies`),
    log: async () => {
      const { out } = await run(folder, settings, 'log', '--json');
      return out.split('\n').filter((it) => it.startsWith('{')).map((it) => JSON.parse(it));
    },
    run: (...args) => run(folder, settings, ...args),
    async stop() {
      await stopped(serve.child);
      await stopped(simulator.child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The one browser of a test file. Every other host name leads to this machine, so that nothing can leave it. */
export function startBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--host-resolver-rules=MAP * 127.0.0.1', '--disable-background-networking'],
  });
}

export const PHONE = { width: 360, height: 780 };
export const DESK = { width: 1280, height: 900 };

/** Somebody who came in by the link that works once. */
export async function enter(browser, bot, options = {}) {
  const context = await browser.newContext({
    viewport: PHONE,
    locale: 'ja-JP',
    timezoneId: 'Asia/Tokyo',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  await page.goto(bot.link);
  await page.getByRole('button').first().click();
  await page.waitForURL(/\/password$/);
  return page;
}

/** What the checker of the HTML standard's own people says of documents, by name. */
export async function faults(documents) {
  const folder = mkdtempSync(path.join(tmpdir(), 'karibarai-html-'));
  try {
    const checker = fileURLToPath(new URL('node_modules/vnu-jar/build/dist/vnu.jar', import.meta.url));
    const files = Object.entries(documents).map(([name, html]) => {
      const file = path.join(folder, `${name}.html`);
      writeFileSync(file, html);
      return file;
    });
    const options = ['-jar', checker, '--format', 'json', '--stdout', '--exit-zero-always'];
    const { stdout } = await promisify(execFile)('java', [...options, ...files], { maxBuffer: 1 << 26 });
    return JSON.parse(stdout).messages.map((it) => `${path.basename(it.url)}: ${it.message} ${it.extract ?? ''}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
