// What the journeys through pages have in common: counting what holds, the states in which every page is looked at, and axe on each.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

export const problems = [];
let checked = 0;
export const expect = (holds, what) => {
  checked += 1;
  if (!holds) problems.push(what);
};

export const STATES = [
  { name: 'light-1280', width: 1280, colorScheme: 'light' },
  { name: 'dark-1280', width: 1280, colorScheme: 'dark' },
  { name: 'light-320', width: 320, colorScheme: 'light' },
  { name: 'dark-320', width: 320, colorScheme: 'dark' },
  { name: 'forced', width: 1280, colorScheme: 'dark', forcedColors: 'active' },
];

export async function axe(page, at, least = 10) {
  await page.evaluate(AXE);
  const found = await page.evaluate(async tags => {
    const result = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
    const ran = result.passes.length + result.violations.length;
    return { ran, violations: result.violations.map(one => [one.id, one.help, one.nodes.slice(0, 2).map(node => node.html.slice(0, 160) + ' ' + (node.any[0]?.message ?? ''))]) };
  }, TAGS);
  expect(found.ran > least, `${at}: only ${found.ran} rules ran`);
  expect(found.violations.length === 0, `${at}: ${JSON.stringify(found.violations, null, 1)}`);
  return found.ran;
}

export async function fits(page, state, at) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  expect(width <= state.width, `${at}: ${width} pixels wide in a window of ${state.width}`);
}

// Every state of a page that is open. The content security policy lets in nothing from outside, so what checks it is put in by the browser.
export async function look({ context, name }, url, path, title, shots, status = 200) {
  for (const state of STATES) {
    const own = await context.browser().newContext({
      viewport: { width: state.width, height: 900 }, colorScheme: state.colorScheme, forcedColors: state.forcedColors ?? 'none', bypassCSP: true,
      storageState: await context.storageState(),
    });
    const tab = await own.newPage();
    const at = `${title} as ${name}, ${state.name}`;
    const answer = await tab.goto(url + path);
    expect(answer.status() === status, `${at}: ${answer.status()}`);
    await axe(tab, at);
    await fits(tab, state, at);
    await tab.screenshot({ path: `${shots}/${title}-${state.name}.png`, fullPage: true });
    await own.close();
  }
}

export function told(what) {
  console.log(`${what}, ${checked} checks, ${problems.length} problems`);
  for (const problem of problems) console.log(`- ${problem}`);
  return problems.length === 0 ? 0 : 1;
}
