// The pages as people meet them: a dispute on a phone, a draft, hostile content, doors that stay shut, and axe on each page.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import axe from 'axe-core';
import { DESK, PHONE, REQUEST, enter, faults, run, startBot, startBrowser, until } from './bot.js';

let browser;
before(async () => (browser = await startBrowser()));
after(() => browser?.close());

/** With KARIBARAI_PICTURES=folder the pages are kept as pictures, for people to look at. */
const pictures = process.env.KARIBARAI_PICTURES;

async function picture(page, name) {
  if (!pictures) return;
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: path.join(pictures, `${name}.png`), fullPage: true });
}

async function withBot(options, body) {
  const bot = await startBot(options);
  try {
    await body(bot);
  } finally {
    await bot.stop();
  }
}

const caseIs = (bot, state) =>
  until(`the case to be ${state}`, async () => (await bot.run('case', 'list', '--json')).out.includes(`"state":"${state}"`));

test('a dispute on a phone without scripts: from the link to a package that verifies', () =>
  withBot({}, async (bot) => {
    const request = await bot.clientSays(REQUEST);
    await caseIs(bot, 'reminded');
    await bot.steer('PUT', `/rooms/${bot.room}/messages/${request}`, {
      body: REQUEST.replace('5,000', '3,000'),
    });
    await until('the edit', async () => (await bot.log()).some((it) => it.kind === 'message.updated'));
    const page = await enter(browser, bot, { javaScriptEnabled: false });
    await page.getByLabel(/パスワード/).first().fill('ひみつのことば-1234');
    await page.getByRole('button', { name: /保存|決める/ }).first().click();
    await page.goto(`${bot.base}/`);
    // Out and in again, now by the password.
    await page.getByRole('button', { name: /ログアウト/ }).click();
    await page.goto(`${bot.base}/`);
    await page.getByLabel(/パスワード/).first().fill('ひみつのことば-1234');
    await page.getByRole('button', { name: /ログイン/ }).click();
    await page.goto(`${bot.base}/`);
    await page.getByRole('link', { name: /案件 1/ }).first().click();
    assert.match(await page.locator('main').innerText(), /案内済み/);
    await page.getByRole('navigation').getByRole('link', { name: /検索/ }).click();
    await page.getByLabel(/ことば/).fill('5,000円');
    await page.locator('main').getByRole('button', { name: /検索/ }).click();
    assert.match(await page.locator('.hits mark').first().innerText(), /5,000円/);
    await page.locator('.hits a').first().click();
    await page.locator(`#m${request} .when`).click();
    assert.match(await page.locator('main > .version ins').first().innerText(), /3/);
    assert.match(await page.locator('main > .version del').first().innerText(), /5/);
    await page.getByRole('navigation').getByRole('link', { name: /証拠/ }).click();
    await page.getByRole('link', { name: /渡せる資料を作る/ }).click();
    await page.getByLabel(/案件/).selectOption('1');
    await page.getByLabel(/渡す相手/).selectOption('crowdworks');
    await page.getByRole('button', { name: /開示しないものを確かめる/ }).click();
    await page.getByRole('button', { name: /資料を作る/ }).click();
    await until('the package', async () => {
      await page.goto(`${bot.base}/export`);
      return (await page.getByText('できあがり、検証しました').count()) > 0;
    });
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: /資料をダウンロード/ }).click(),
    ]);
    const zip = await download.path();
    const { code, out } = await run(bot.folder, bot.settings, 'verify', zip);
    assert.equal(code, 0, out);
    assert.equal(readFileSync(zip).subarray(0, 2).toString(), 'PK');
    // Nothing is wider than the phone.
    for (const address of ['/', `/rooms/${bot.room}`, '/export', '/health', '/cases/1']) {
      await page.goto(bot.base + address);
      const wide = await page.locator('html').evaluate((it) => it.scrollWidth).catch(() => null);
      if (wide !== null) assert.ok(wide <= PHONE.width, `${address} is ${wide} wide`);
    }
    await page.context().close();
  }));

test('a draft waits for the word of its owner, and is posted once', () =>
  withBot({ room: 'reply.mode = "approve"\n' }, async (bot) => {
    const request = await bot.clientSays(REQUEST);
    await caseIs(bot, 'requested');
    const page = await enter(browser, bot);
    await until('the draft', async () => {
      await page.goto(`${bot.base}/cases/1`);
      return (await page.getByRole('button', { name: /この文を投稿する/ }).count()) > 0;
    });
    assert.equal((await bot.replies(request)).length, 0);
    await picture(page, 'draft-phone');
    await page.getByRole('button', { name: /この文を投稿する/ }).click();
    await until('the post', async () => (await bot.replies(request)).length === 1);
    await caseIs(bot, 'reminded');
    await page.goto(`${bot.base}/cases/1`);
    assert.equal(await page.getByRole('button', { name: /この文を投稿する/ }).count(), 0);
    await page.context().close();
  }));

test('doors that stay shut: foreign host, used link, ended session, page of another site', () =>
  withBot({}, async (bot) => {
    const page = await enter(browser, bot);
    const { port } = new URL(bot.base);
    const stray = await page.context().newPage();
    const [foreign] = await Promise.all([
      stray.waitForResponse((it) => it.url().startsWith('http://evil.example')),
      stray.goto(`http://evil.example:${port}/`).catch(() => null),
    ]);
    await stray.close();
    assert.equal(foreign.status(), 421, 'a name that is not ours');
    assert.equal((await page.request.post(bot.link)).status(), 403, 'the link was used');
    // A page that stayed open while the session ended elsewhere.
    await page.goto(`${bot.base}/settings`);
    await page.context().clearCookies();
    const [answer] = await Promise.all([
      page.waitForResponse((it) => it.request().method() === 'POST'),
      page.getByRole('button', { name: /すべての投稿を止める/ }).click(),
    ]);
    assert.equal(answer.status(), 401);
    assert.doesNotMatch(await page.content(), /ルームごとの動き/);
    await page.context().close();
  }));

test('hostile content stays text: nothing runs, nothing is asked of anybody else', () =>
  withBot({}, async (bot) => {
    const hostile = [
      '<img src="http://evil.example/x.png" onerror="window.pwned=1">',
      '<script>window.pwned=2</script><svg onload="window.pwned=3">',
      '[info][title]<b onmouseover="window.pwned=4">x</b>[/title]<iframe src="javascript:window.pwned=5">[/info]',
      'javascript:alert(1) https://www.chatwork.com@evil.example/login data:text/html,<script>window.pwned=6</script>',
      '"><style>@import url(http://evil.example/x.css);</style><meta http-equiv="refresh" content="0;url=http://evil.example">',
      '\u202egpj.exe\u202c {{7*7}} {% raw %} [code]</code><script>window.pwned=7</script>[/code]',
    ];
    const first = await bot.clientSays(hostile[0]);
    for (const body of hostile.slice(1)) await bot.clientSays(body);
    await bot.steer('POST', `/rooms/${bot.room}/files`, {
      account_id: bot.world.client.account_id,
      filename: '"><img src=x onerror=window.pwned=8>.svg',
      content_base64: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" onload="window.pwned=9"/>').toString('base64'),
    });
    await until('all messages', async () => (await bot.log()).filter((it) => it.kind === 'message.created').length >= 7);
    await bot.steer('PUT', `/rooms/${bot.room}/messages/${first}`, { body: hostile[4] });
    await until('the edit', async () => (await bot.log()).some((it) => it.kind === 'message.updated'));
    await until('the file', async () => (await bot.log()).some((it) => it.kind === 'file.stored'));
    const page = await enter(browser, bot, { viewport: DESK });
    const elsewhere = [];
    page.on('request', (it) => !it.url().startsWith(bot.base) && elsewhere.push(it.url()));
    page.on('dialog', (it) => {
      elsewhere.push(`dialog ${it.message()}`);
      it.dismiss();
    });
    for (const address of ['/', `/rooms/${bot.room}`, `/rooms/${bot.room}/messages/${first}`, '/changes', '/search?q=evil',
      `/export?preview=1&room=${bot.room}`]) {
      await page.goto(bot.base + address, { waitUntil: 'networkidle' });
      assert.equal(await page.evaluate(() => window.pwned), undefined, address);
      assert.equal(await page.locator('script, iframe, object, embed, base, [onerror], [onload], [onmouseover]').count(), 0, address);
    }
    assert.deepEqual(elsewhere, []);
    await page.context().close();
  }));

test('neither axe nor an HTML validator finds anything on any page, light and dark, narrow and wide; keys alone suffice', () =>
  withBot({}, async (bot) => {
    const request = await bot.clientSays(REQUEST);
    await caseIs(bot, 'reminded');
    await bot.steer('POST', `/rooms/${bot.room}/files`, {
      account_id: bot.world.client.account_id,
      filename: '見積書.png',
      content_base64:
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
    });
    const gone = await bot.clientSays('今回は仮払いなしで進めてもらえると助かります。');
    await until('the message', async () => (await bot.log()).some((it) => it.message_id === gone));
    await bot.steer('DELETE', `/rooms/${bot.room}/messages/${gone}`);
    await bot.steer('PUT', `/rooms/${bot.room}/messages/${request}`, { body: REQUEST.replace('5,000', '3,000') });
    for (const kind of ['message.updated', 'message.deleted_reported', 'file.stored']) {
      await until(kind, async () => (await bot.log()).some((it) => it.kind === kind));
    }
    assert.equal((await bot.run('case', 'note', '1', '電話で金額を確認した')).code, 0);
    const page = await enter(browser, bot);
    await page.goto(`${bot.base}/proof`);
    await page.getByRole('button', { name: /検証する/ }).click();
    const addresses = {
      overview: '/', room: `/rooms/${bot.room}`, message: `/rooms/${bot.room}/messages/${request}`, changes: '/changes',
      search: '/search?q=5%2C000', nothing: '/search?q=zzzz', cases: '/cases', case: '/cases/1', proof: '/proof',
      export: `/export?preview=1&room=${bot.room}`, settings: '/settings', password: '/password', health: '/health',
      absent: '/rooms/1', say: '/say', rehearsal: '/rehearsal',
    };
    const written = {};
    for (const [name, address] of Object.entries(addresses)) {
      written[name] = await (await page.request.get(bot.base + address)).text();
    }
    assert.deepEqual(await faults(written), []);
    for (const colorScheme of ['light', 'dark']) {
      for (const [width, viewport] of [['phone', PHONE], ['desk', DESK]]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        for (const [name, address] of Object.entries(addresses)) {
          await page.goto(bot.base + address);
          await page.evaluate(axe.source);
          const found = await page.evaluate(() =>
            window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
          );
          const told = found.violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html).join(' ; ').slice(0, 300)}`);
          assert.deepEqual(told, [], `${name}, ${colorScheme}, ${width}`);
          await picture(page, `${name}-${width}-${colorScheme}`);
        }
      }
    }
    // The first key leads past the navigation, and what has the focus can be seen.
    await page.goto(`${bot.base}/`);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.className), 'skip');
    await page.keyboard.press('Enter');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await page.keyboard.press('Tab');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.ok(parseFloat(outline) >= 2, outline);
    await page.context().close();
    const stranger = await browser.newPage();
    await stranger.goto(`${bot.base}/`);
    await stranger.evaluate(axe.source);
    assert.deepEqual((await stranger.evaluate(() => window.axe.run(document))).violations.map((it) => it.id), []);
    await stranger.close();
  }));
