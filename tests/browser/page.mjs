// page.mjs URL - drives the pages of `pgkeep serve` in a real browser, as somebody who looks would.
//
// The fleet has to have the servers "main", which is well or not, and "nobody", which has problems. Exit code 1 and a
// line for what is not as it should be; 77 where there is no playwright-core (PGKEEP_NODE_MODULES names the folder of
// modules) or no Chromium (PGKEEP_CHROMIUM; /usr/bin/chromium). PGKEEP_SCREENSHOTS names a folder for pictures.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import assert from 'node:assert/strict';

const url = process.argv[2];
const modules = process.env.PGKEEP_NODE_MODULES ?? '/usr/lib/node_modules';
const chromiumPath = process.env.PGKEEP_CHROMIUM ?? '/usr/bin/chromium';

let playwright;
try {
  playwright = createRequire(modules + '/')('playwright-core');
} catch {
  console.log(`skipped: there is no playwright-core in ${modules}`);
  process.exit(77);
}
if (!existsSync(chromiumPath)) {
  console.log(`skipped: there is no ${chromiumPath}`);
  process.exit(77);
}

const browser = await playwright.chromium.launch({ executablePath: chromiumPath, args: ['--no-sandbox'] });

/** A page of which everything that must not happen is noted. */
async function open(options, path = '/') {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const faults = [];
  page.on('console', message => { if (message.type() === 'error') faults.push('console: ' + message.text()); });
  page.on('pageerror', error => faults.push('script: ' + error.message));
  page.on('request', request => { if (!request.url().startsWith(url)) faults.push('elsewhere: ' + request.url()); });
  await page.goto(url + path, { waitUntil: 'load' });
  return { page, faults, context };
}

const names = page => page.$$eval('table.fleet tbody tr:not([hidden]) .name', all => all.map(one => one.textContent));

async function picture(page, name) {
  const folder = process.env.PGKEEP_SCREENSHOTS;
  if (folder) await page.screenshot({ path: `${folder}/${name}.png`, fullPage: true });
}

async function filtersAndSorts() {
  const { page, faults, context } = await open({});
  const all = await names(page);
  assert.ok(all.includes('main') && all.includes('nobody'));
  await page.fill('#filter', 'NOB');
  assert.deepEqual(await names(page), ['nobody']);
  assert.match(await page.textContent('#shown'), /^1 of \d+ servers$/);
  await page.reload();
  assert.deepEqual(await names(page), ['nobody'], 'the filter survives a refresh');
  await page.fill('#filter', '');
  await page.check('#problems');
  assert.ok((await names(page)).includes('nobody'));
  await page.uncheck('#problems');
  await page.click('#sort-0');
  await page.click('#sort-0');
  assert.equal(await page.getAttribute('table.fleet th', 'aria-sort'), 'descending');
  assert.deepEqual(await names(page), [...all].sort((a, b) => b.localeCompare(a)));
  assert.deepEqual(faults, []);
  await context.close();
}

async function isUsedByKeyboard() {
  const { page, faults, context } = await open({});
  await page.keyboard.press('/');
  await page.keyboard.type('main');
  assert.deepEqual(await names(page), ['main']);
  for (let i = 0; i < 30; ++i) {
    await page.keyboard.press('Tab');
    if (await page.evaluate(() => document.activeElement.matches('a.name'))) break;
  }
  await page.keyboard.press('Enter');
  await page.waitForURL(url + '/servers/main');
  assert.match(await page.textContent('h1'), /main/);
  await page.goBack();
  assert.deepEqual(await names(page), ['main'], 'the filter survives going back');
  assert.deepEqual(faults, []);
  await context.close();
}

async function isWholeWithoutScript() {
  const { page, faults, context } = await open({ javaScriptEnabled: false });
  assert.equal(await page.locator('#filter').count(), 0);
  assert.equal(await page.locator('table.fleet tbody tr').count() >= 2, true);
  assert.deepEqual(faults, []);
  await context.close();
}

async function staysWhileNothingAnswers() {
  const context = await browser.newContext({});
  const page = await context.newPage();
  await page.clock.install();
  await page.goto(url, { waitUntil: 'load' });
  await context.setOffline(true);
  await page.clock.fastForward(61000);
  await page.waitForSelector('#silence');
  assert.ok((await names(page)).includes('main'), 'what was there is shown');
  await context.setOffline(false);
  await page.clock.fastForward(5000);
  await page.waitForSelector('#silence', { state: 'detached' });
  assert.ok((await names(page)).includes('main'));
  await context.close();
}

async function fits(name, options, path) {
  const { page, faults, context } = await open(options, path);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wider <= 0, `${name}: ${wider} pixels too wide`);
  await picture(page, name);
  assert.deepEqual(faults, []);
  await context.close();
}

const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
try {
  await filtersAndSorts();
  await isUsedByKeyboard();
  await isWholeWithoutScript();
  await staysWhileNothingAnswers();
  for (const [name, path] of [['fleet', '/'], ['server', '/servers/main']]) {
    await fits(`${name}-wide`, { viewport: { width: 1280, height: 900 } }, path);
    await fits(`${name}-phone`, phone, path);
    await fits(`${name}-dark`, { viewport: { width: 1280, height: 900 }, colorScheme: 'dark' }, path);
  }
} finally {
  await browser.close();
}
