// node sixty.mjs CHROMIUM GATEWRIGHT   60 answers of the demo labelled by keys alone, without a human pause: what of it is the server's, what the
// page's and what the key's; and what a practised hand would need, by the words on the screen.
import { chromium } from 'playwright-core';
import { demo } from './demo.mjs';

const [executablePath, gatewright] = process.argv.slice(2);
const ITEMS = 60;
// Words a minute: silent reading of English non-fiction (Brysbaert 2019). Seconds: one keystroke, and making up one's mind for it (Card, Moran and
// Newell's keystroke-level model).
const READING = 238;
const KEYSTROKE = 0.2;
const MIND = 1.35;

async function login(browser, url, name, password) {
  const page = await (await browser.newContext({ viewport: { width: 1280, height: 900 } })).newPage();
  await page.goto(url);
  await page.fill('#name', name);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.waitForURL(url);
  await page.goto(`${url}review`);
  return page;
}

// One label: from the key to the next answer, ready for the next key.
async function label(page, key) {
  const requests = [];
  const seen = request => { if (request.isNavigationRequest()) requests.push(request); };
  page.on('requestfinished', seen);
  const words = (await page.locator('.two .said').allInnerTexts()).join(' ').split(/\s+/).filter(Boolean).length;
  const before = await page.evaluate(() => performance.timeOrigin + performance.now());
  await Promise.all([page.waitForNavigation({ waitUntil: 'load' }), page.keyboard.press(key)]);
  const after = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation');
    return performance.timeOrigin + navigation.loadEventEnd;
  });
  await page.waitForTimeout(0);
  page.off('requestfinished', seen);
  const timings = requests.map(request => request.timing());
  const server = timings.reduce((sum, it) => sum + Math.max(0, it.responseEnd - Math.max(0, it.requestStart)), 0);
  const first = Math.min(...timings.map(it => it.startTime));
  const total = after - before;
  const typed = Math.max(0, first - before);
  return { words, total, server, key: typed, page: Math.max(0, total - server - typed) };
}

const { server, url, password, started } = await demo(gatewright);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const all = [];
try {
  for (const name of ['ana', 'ben']) {
    const page = await login(browser, url, name, password);
    for (let count = 0; count < ITEMS / 2; count += 1) all.push(await label(page, String(1 + count % 4)));
    const said = await page.locator('body').innerText();
    if (!said.includes('of 60')) throw new Error(`${name}: the demo has no 60 answers\n${said.slice(0, 400)}`);
  }
} finally {
  await browser.close();
  server.kill('SIGINT');
}
const sum = what => all.reduce((total, one) => total + one[what], 0);
const seconds = what => (sum(what) / 1000).toFixed(2);
const totals = all.map(one => one.total).sort((a, b) => a - b);
const reading = sum('words') / READING * 60;
const hands = ITEMS * (KEYSTROKE + MIND);
console.log(`the demo is there after ${started.toFixed(1)} s`);
console.log(`${ITEMS} answers by keys, no human pause: ${seconds('total')} s (server ${seconds('server')}, page ${seconds('page')}, key ${seconds('key')}); one: median ${totals[ITEMS / 2].toFixed(0)} ms, slowest ${totals[ITEMS - 1].toFixed(0)} ms`);
console.log(`${sum('words')} words to read: ${reading.toFixed(0)} s at ${READING} words a minute; deciding and keys ${hands.toFixed(0)} s; in all ${(reading + hands + sum('total') / 1000).toFixed(0)} s`);
if (all.length !== ITEMS) process.exit(1);
