// node look.mjs CHROMIUM SCREENSHOTS REPORT...   every report in every theme, width and state: no violation, no request, no script, and a
// keyboard alone gets everywhere.
import { basename } from 'node:path';
import { chromium } from 'playwright-core';
import { axe, expect, fits, told } from './looking.mjs';

const [executablePath, shots, ...reports] = process.argv.slice(2);

const STATES = [
  { name: 'light-1280', width: 1280, colorScheme: 'light', parts: ['flips', 'forest', 'heat', 'owners', 'pace', 'rules'] },
  { name: 'dark-1280', width: 1280, colorScheme: 'dark' },
  { name: 'light-320', width: 320, colorScheme: 'light', parts: ['flips', 'forest', 'heat', 'owners', 'pace', 'rules'] },
  { name: 'dark-320', width: 320, colorScheme: 'dark' },
  { name: 'forced', width: 1280, colorScheme: 'dark', forcedColors: 'active', reducedMotion: 'reduce' },
  { name: 'print', width: 800, colorScheme: 'light', media: 'print' },
];

async function open(browser, file, state) {
  const context = await browser.newContext({
    viewport: { width: state.width, height: 900 },
    colorScheme: state.colorScheme,
    forcedColors: state.forcedColors ?? 'none',
    reducedMotion: state.reducedMotion ?? 'no-preference',
  });
  const page = await context.newPage();
  const at = `${basename(file)}, ${state.name}`;
  page.on('request', request => expect(request.url() === `file://${file}` || request.url().startsWith('data:'), `${at}: it asks for ${request.url()}`));
  page.on('dialog', dialog => { expect(false, `${at}: a script ran`); dialog.dismiss(); });
  page.on('console', message => expect(false, `${at}: console: ${message.text()}`));
  await page.goto(`file://${file}`);
  if (state.media) await page.emulateMedia({ media: state.media });
  return { context, page, at };
}

// More of the same is left out of all states but the first: it costs minutes and finds nothing else.
const shorten = () => {
  document.querySelectorAll('.flip:nth-of-type(n + 13)').forEach(one => one.remove());
  document.querySelectorAll('tbody tr:nth-of-type(n + 41)').forEach(one => one.remove());
};

// What has the focus, where it is, and whether that can be seen.
const focused = () => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  const box = one.getBoundingClientRect();
  const style = getComputedStyle(one);
  globalThis.places ??= new Map([...document.querySelectorAll('a, summary, [tabindex]')].map((each, index) => [each, index]));
  const order = globalThis.places.get(one) ?? -1;
  return {
    tag: one.tagName, text: one.textContent.trim().slice(0, 40), order,
    seen: box.bottom > 0 && box.top < innerHeight && box.width > 0 && box.height > 0,
    ring: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2,
    link: one.getAttribute('href'), role: one.getAttribute('role'),
  };
};

async function keyboard(page, at) {
  const want = await page.evaluate(() => [...document.querySelectorAll('a[href], summary, [tabindex="0"]')].filter(one => one.checkVisibility({ contentVisibilityAuto: false })).length);
  // From the page as it is first shown: where a browser goes on from depends on what was looked at before.
  await page.reload();
  const walk = [];
  await page.keyboard.press('Tab');
  for (let step = 0; step < 600; step += 1) {
    const one = await page.evaluate(focused);
    if (!one) break;
    walk.push(one);
    await page.keyboard.press('Tab');
  }
  expect(walk[0]?.link === '#main', `${at}: the first stop is not the way past the links, but ${JSON.stringify(walk[0])}`);
  expect(walk.length >= want, `${at}: ${walk.length} stops of ${want}`);
  for (const [index, one] of walk.entries()) {
    expect(one.seen, `${at}: stop ${index} cannot be seen: ${one.tag} ${one.text}`);
    expect(one.ring, `${at}: stop ${index} shows no focus: ${one.tag} ${one.text}`);
    expect(index === 0 || one.order > walk[index - 1].order, `${at}: stop ${index} goes back: ${one.tag} ${one.text}`);
  }
  // The first stop leads to the main part, and a closed part opens by the keyboard.
  await page.evaluate(() => { document.activeElement?.blur?.(); scrollTo(0, 0); });
  await page.focus('.skip');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id === 'main'), `${at}: the way past the links leads nowhere`);
  const closed = page.locator('details:not([open]) > summary').first();
  await closed.focus();
  const handle = await closed.elementHandle();
  await page.keyboard.press('Enter');
  expect(await handle.evaluate(one => one.parentElement.open), `${at}: Enter does not open a part`);
  return walk.length;
}

async function pictures(page, at) {
  const figures = await page.evaluate(() => [...document.querySelectorAll('figure')].map(one => ({
    title: document.getElementById(one.getAttribute('aria-labelledby'))?.textContent ?? '',
    summary: document.getElementById(one.getAttribute('aria-describedby'))?.textContent ?? '',
    rows: one.querySelectorAll('table tbody tr').length,
  })));
  for (const one of figures) {
    expect(one.title.length > 20 && one.summary.length > 40 && one.rows > 0, `${at}: a picture without words: ${JSON.stringify(one)}`);
  }
  return figures.length;
}

async function printed(page, at) {
  const shown = await page.evaluate(() => {
    const high = one => one.getBoundingClientRect().height > 0;
    return {
      nav: high(document.querySelector('nav')),
      tables: [...document.querySelectorAll('details.data table')].filter(one => !high(one)).length,
      flips: [...document.querySelectorAll('details.printed .body')].filter(one => !high(one)).length,
      summaries: [...document.querySelectorAll('.flip > summary')].filter(one => !high(one)).length,
    };
  });
  expect(!shown.nav && shown.tables === 0 && shown.flips === 0 && shown.summaries === 0, `${at}: ${JSON.stringify(shown)}`);
}

async function look(browser, file) {
  const said = [];
  const begun = performance.now();
  for (const state of STATES) {
    const { context, page, at } = await open(browser, file, state);
    if (state !== STATES[0]) await page.evaluate(shorten);
    const name = `${shots}/${basename(file, '.html')}-${state.name}`;
    await page.screenshot({ path: `${name}.png` });
    for (const id of state.parts ?? ['flips', 'forest', 'heat']) {
      const part = await page.$(`#${id}`);
      if (!part) continue;
      await part.evaluate(one => one.scrollIntoView({ behavior: 'instant' }));
      await page.screenshot({ path: `${name}-${id}.png` });
    }
    await page.evaluate(() => scrollTo({ top: 0, behavior: 'instant' }));
    await fits(page, state, at);
    const ran = await axe(page, at, 15);
    if (state.name === 'print') await printed(page, at);
    if (state.name === 'light-1280') said.push(`${ran} rules`, `${await pictures(page, at)} pictures`, `${await keyboard(page, at)} stops`);
    if (state.name === 'dark-320') {
      // Everything that was closed, opened: the largest page in the narrowest window.
      await page.evaluate(() => document.querySelectorAll('details').forEach(one => { one.open = true; }));
      await fits(page, state, `${at}, opened`);
      await axe(page, `${at}, opened`, 15);
    }
    expect(!(await page.title()).includes('owned'), `${at}: a script ran`);
    await context.close();
  }
  console.log(`${basename(file)}: ${STATES.length} states, ${said.join(', ')}, ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}

const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  // Two at a time: as many as the smallest machine has cores.
  const left = [...reports];
  const worker = async () => { while (left.length) await look(browser, left.shift()); };
  await Promise.all([worker(), worker()]);
} finally {
  await browser.close();
}
process.exit(told(`browser: ${reports.length} reports`));
