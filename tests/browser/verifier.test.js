// The page in each package that checks it, against the published corpus, a package of today, and every kind of bent byte.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import axe from 'axe-core';
import { PHONE, REQUEST, faults, startBot, startBrowser, until } from './bot.js';

const page_path = fileURLToPath(new URL('../../src/export/templates/verify.html', import.meta.url));
const corpus = fileURLToPath(new URL('../vectors/', import.meta.url));

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser?.close());

/** The page as a stranger opens it: from the disk, with no network. Everything that it asks for is noted. */
async function opened(file = page_path, prepare = () => {}) {
  const context = await browser.newContext({ viewport: PHONE, locale: 'ja-JP', offline: true });
  const page = await context.newPage();
  page.asked = [];
  page.on('request', (it) => page.asked.push(it.url()));
  page.on('dialog', () => page.asked.push('a dialog'));
  await page.addInitScript(prepare);
  await page.goto(pathToFileURL(file).href);
  return page;
}

async function judged(page, file, known = []) {
  await page.setInputFiles('#known', known);
  await page.evaluate(() => delete document.documentElement.dataset.exit);
  // The same file twice is no change.
  await page.setInputFiles('#file', []);
  await page.setInputFiles('#file', file);
  await page.waitForFunction(() => document.documentElement.dataset.exit !== undefined);
  const exit = Number(await page.evaluate(() => document.documentElement.dataset.exit));
  return { exit, said: await page.innerText('#result') };
}

async function heldToTheIndex(page) {
  const { cases } = JSON.parse(readFileSync(path.join(corpus, 'index.json')));
  assert.ok(cases.length >= 20);
  const wrong = [];
  for (const it of cases) {
    const { exit, said } = await judged(page, path.join(corpus, it.file), it.known ? path.join(corpus, it.known) : []);
    if (exit !== it.exit) wrong.push(`${it.file}: ${exit} instead of ${it.exit}: ${said}`);
    if (it.exit === 0) {
      assert.match(said, new RegExp(`Withheld\\s+${it.withheld} 件`), it.file);
      assert.match(said, new RegExp(`Erased\\s+${it.erased} 件`), it.file);
    }
    if (it.exit === 1) assert.match(said, /不一致：.+\s+Does not fit: [\s\S]+場所/, it.file);
  }
  assert.deepEqual(wrong, []);
}

test('the page judges the published corpus as the others do, and asks for nothing', async () => {
  const page = await opened();
  await heldToTheIndex(page);
  assert.deepEqual(page.asked.filter((it) => !it.startsWith('file:')), []);
  assert.equal(page.asked.length, 1, page.asked.join(' '));
  await page.context().close();
});

test('a browser without Ed25519 comes to the same verdicts', async () => {
  const page = await opened(page_path, () => {
    const original = SubtleCrypto.prototype.importKey;
    globalThis.refused = 0;
    SubtleCrypto.prototype.importKey = function (format, key, algorithm, ...rest) {
      if (algorithm.name !== 'Ed25519') return original.call(this, format, key, algorithm, ...rest);
      globalThis.refused += 1;
      throw new DOMException('Unrecognized name.', 'NotSupportedError');
    };
  });
  await heldToTheIndex(page);
  assert.ok((await page.evaluate(() => globalThis.refused)) > 20);
  await page.context().close();
});

test('no bent byte of a package is called intact', async () => {
  const page = await opened();
  const good = readFileSync(path.join(corpus, 'good.zip'));
  const step = process.env.KARIBARAI_TESTS_LONG === '1' ? 1 : Math.ceil(good.length / 150);
  const passed = await page.evaluate(
    async ({ encoded, step }) => {
      const good = Uint8Array.from(atob(encoded), (it) => it.charCodeAt(0));
      await check(good);
      const passed = [];
      for (let at = 0; at < good.length; at += step) {
        const bent = good.slice();
        bent[at] ^= 1 << (at % 8);
        try {
          await check(bent);
          passed.push(at);
        } catch (error) {
          if (!(error instanceof Damaged) && !(error instanceof NotOurs)) passed.push(`${at}: ${error.stack}`);
        }
      }
      return passed;
    },
    { encoded: good.toString('base64'), step },
  );
  assert.deepEqual(passed, []);
  await page.context().close();
});

test('a package of today holds the page, which checks it when it is dropped', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'karibarai-verifier-'));
  const bot = await startBot();
  try {
    const request = await bot.clientSays(REQUEST);
    await until('the reminder', async () => (await bot.replies(request)).length > 0);
    await bot.clientSays('<img src=x onerror="alert(1)"><script>alert(1)</script>');
    await until('both', async () => (await bot.log()).some((it) => it.body?.includes('onerror')));
    const zip = path.join(folder, 'today.zip');
    const made = await bot.run('export', '--room', String(bot.room), '--out', zip);
    assert.equal(made.code, 0, made.out);
    const page = await opened();
    const [inside, report] = await page.evaluate(async (encoded) => {
      const files = await readZip(Uint8Array.from(atob(encoded), (it) => it.charCodeAt(0)));
      return ['verify.html', 'report.html'].map((it) => new TextDecoder().decode(files.get(it).plain));
    }, readFileSync(zip).toString('base64'));
    assert.match(report, /&lt;script>alert|&lt;script&gt;alert/);
    assert.deepEqual(await faults({ verify: inside, report }), []);
    writeFileSync(path.join(folder, 'verify.html'), inside);
    assert.equal(inside, readFileSync(page_path, 'utf8'));
    await page.context().close();

    const own = await opened(path.join(folder, 'verify.html'));
    const data = await own.evaluateHandle((encoded) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(encoded), (it) => it.charCodeAt(0))], 'today.zip'));
      return transfer;
    }, readFileSync(zip).toString('base64'));
    await own.dispatchEvent('#drop', 'drop', { dataTransfer: data });
    await own.waitForFunction(() => document.documentElement.dataset.exit !== undefined);
    assert.equal(await own.evaluate(() => document.documentElement.dataset.exit), '0', await own.innerText('#result'));
    assert.match(await own.innerText('#result'), /改ざんなし/);
    await own.evaluate(axe.source);
    const { violations } = await own.evaluate(() => globalThis.axe.run());
    assert.deepEqual(violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(' ')}`), []);
    if (process.env.KARIBARAI_PICTURES) {
      await own.screenshot({ path: path.join(process.env.KARIBARAI_PICTURES, 'verifier.png'), fullPage: true });
    }
    await own.context().close();
  } finally {
    await bot.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});
