// node desk.mjs CHROMIUM SCREENSHOTS GATEWRIGHT   two reviewers and an owner in browsers of their own, by keys alone: they label, differ, take
// back and settle; nobody sees who answered or what the other said; every page in every theme and width without a violation.
import { chromium } from 'playwright-core';
import { demo } from './demo.mjs';
import { expect, look as lookAt, told } from './looking.mjs';

const [executablePath, shots, gatewright] = process.argv.slice(2);

async function person(browser, url, name, password) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on('request', request => expect(request.url().startsWith(url) || request.url().startsWith('data:'), `${name}: it asks for ${request.url()}`));
  page.on('dialog', dialog => { expect(false, `${name}: a dialog`); dialog.dismiss(); });
  page.on('console', message => { if (!message.text().includes('status of 4')) expect(false, `${name}: console: ${message.text()}`); });
  await page.goto(url);
  expect(page.url().endsWith('/login'), `${name}: nobody is logged in, and sees ${page.url()}`);
  // No mouse: the fields are reached and sent by keys.
  await page.focus('#name');
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  await page.keyboard.type(password);
  await page.keyboard.press('Enter');
  await page.waitForURL(url);
  return { context, page, name };
}

const look = (who, url, path, title) => lookAt(who, url, path, `desk-${title}`, shots);

const item = page => page.locator('#label').getAttribute('data-item');
const text = page => page.locator('body').innerText();

// Presses a key that sends a form, and waits for the next page.
async function press(page, key) {
  await Promise.all([page.waitForNavigation(), page.keyboard.press(key)]);
}

async function blind(page, at) {
  const html = await page.content();
  for (const word of ['candidate', 'production', 'fallback', 'gold', 'one system']) {
    expect(!html.includes(word), `${at}: the page says "${word}"`);
  }
}

async function label(ana, ben) {
  const { page } = ana;
  await page.goto(`${base}review`);
  await blind(page, 'ana');
  const first = await item(page);
  // A note is kept through a reload until its label is recorded.
  await page.keyboard.press('c');
  await page.keyboard.type('short, and to the point');
  await page.reload();
  expect(await page.inputValue('#note') === 'short, and to the point', 'the note is gone after a reload');
  await page.keyboard.press('Escape');
  // Keys do nothing while somebody types.
  await page.focus('#note');
  await page.keyboard.type('1');
  expect(await item(page) === first, 'a digit in the note gave a label');
  await page.keyboard.press('Escape');
  await press(page, '1');
  const second = await item(page);
  expect(second !== first, 'the same answer again');
  expect((await text(page)).includes('You said kind'), 'what was said is not told');
  await blind(page, 'ana, after a label');
  await press(page, 'u');
  expect(await item(page) === first, 'the label was not taken back');
  // The same form in two tabs: the second is told that it was first.
  const other = await ana.context.newPage();
  await other.goto(`${base}review`);
  await press(page, '2');
  const answer = await Promise.all([other.waitForNavigation(), other.keyboard.press('3')]);
  expect(answer[0].status() === 409, `two tabs: ${answer[0].status()}`);
  expect((await text(other)).includes('What you said before stands'), 'two tabs: nothing is said of the first label');
  await other.close();
  await look(ana, base, 'review', 'review');
  // A practised hand: how long from a key to the next answer.
  const times = [];
  for (let count = 0; count < 20; count += 1) {
    const from = performance.now();
    await press(page, '1');
    times.push(performance.now() - from);
  }
  times.sort((a, b) => a - b);
  console.log(`from a key to the next answer: median ${times[10].toFixed(0)} ms, slowest ${times[19].toFixed(0)} ms of 20`);
  // Ben labels what ana labelled in the demo, otherwise than she did.
  await ben.page.goto(`${base}review`);
  for (let count = 0; count < 6; count += 1) await press(ben.page, '4');
  await ben.page.goto(`${base}settle`);
  expect((await text(ben.page)).includes('Your role does not allow this'), 'a reviewer is not told why nothing is to settle');
}

async function settle(cleo, ana) {
  const { page } = cleo;
  await page.goto(`${base}settle`);
  const open = await page.locator('main a[href^="/settle/"]').count();
  expect(open >= 6, `${open} answers to settle`);
  await look(cleo, base, 'settle', 'settle');
  const path = await page.locator('main a[href^="/settle/"]').first().getAttribute('href');
  await page.goto(base + path.slice(1));
  const shown = await text(page);
  expect(!/\b(ana|ben)\b/.test(shown), 'whoever settles sees who said what');
  await look(cleo, base, path.slice(1), 'dispute');
  // By keys: the first verdict, then the reason, then the button.
  await page.locator('input[name=choice]').first().focus();
  await page.keyboard.press('Space');
  await page.locator('#reason').focus();
  await page.keyboard.type('it says what to do next, as the rubric asks');
  await page.keyboard.press('Tab');
  await press(page, 'Enter');
  await page.goto(`${base}settle`);
  expect(await page.locator('main a[href^="/settle/"]').count() === open - 1, 'it is still open');
  await page.goto(`${base}people-who-label`);
  const people = await text(page);
  expect(people.includes('ana') && people.includes('ben') && people.includes('needs 30'), 'who labelled is not told');
  await look(cleo, base, 'people-who-label', 'reviewers');
  await look(cleo, base, '', 'home');
  await look(cleo, base, 'keys', 'keys');
  for (const path of ['settle', 'people-who-label', 'accounts', 'runs']) {
    const answer = await ana.page.goto(base + path);
    expect([403, 404].includes(answer.status()), `ana sees ${path}: ${answer.status()}`);
  }
}

const { server, url, password } = await demo(gatewright);
const base = url;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  const ana = await person(browser, base, 'ana', password);
  const ben = await person(browser, base, 'ben', password);
  const cleo = await person(browser, base, 'cleo', password);
  await label(ana, ben);
  await settle(cleo, ana);
  // Logged out, the old cookie opens nothing.
  const cookies = await ana.context.cookies();
  await ana.page.goto(base);
  await Promise.all([ana.page.waitForNavigation(), ana.page.getByRole('button', { name: 'Log out' }).press('Enter')]);
  await ana.context.addCookies(cookies);
  await ana.page.goto(`${base}review`);
  expect(ana.page.url().endsWith('/login'), 'a session that ended still opens pages');
} finally {
  await browser.close();
  server.kill('SIGINT');
}
process.exit(told('the review server: a journey'));
