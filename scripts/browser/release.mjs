// node release.mjs CHROMIUM SCREENSHOTS GATEWRIGHT PROJECT   a release manager looks at what a decided project broke, signs and overrides; its author is
// refused; whoever has to label first is told so; every page in every theme and width without a violation.
import { spawn } from 'node:child_process';
import { chromium } from 'playwright-core';
import { expect, look, told } from './looking.mjs';

const [executablePath, shots, gatewright, project] = process.argv.slice(2);
const PASSWORD = 'a-long-enough-password';

async function serve() {
  const server = spawn(gatewright, ['serve', '--address', '127.0.0.1:0'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const found = await new Promise((resolve, reject) => {
    server.on('exit', code => reject(new Error(`the server ended with ${code}\n${said}`)));
    server.stdout.on('data', bytes => {
      said += bytes;
      const url = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
      const code = said.match(/with this code:\n {2}(\S+)/);
      if (url && code) resolve([url[0], code[1]]);
    });
  });
  server.removeAllListeners('exit');
  return { server, url: found[0], code: found[1] };
}

const { server, url, code } = await serve();
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const text = page => page.locator('main').innerText();

// Clicks what sends a form, and waits for the page that follows.
async function send(page, name) {
  const [answer] = await Promise.all([page.waitForNavigation(), page.getByRole('button', { name, exact: false }).first().click()]);
  return answer.status();
}

async function login(name) {
  // Without a script: nothing of these pages needs one.
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false });
  const page = await context.newPage();
  page.on('request', request => expect(request.url().startsWith(url) || request.url().startsWith('data:'), `${name}: it asks for ${request.url()}`));
  await page.goto(`${url}login`);
  await page.fill('#name', name);
  await page.fill('#password', PASSWORD);
  await send(page, 'Log in');
  if (page.url().endsWith('/password')) {
    // Somebody else chose the password: there is nothing before one's own.
    await page.fill('#password', PASSWORD);
    for (const field of ['#new', '#again']) await page.fill(field, `${PASSWORD}-of-${name}`);
    await send(page, 'Change it');
  }
  expect(page.url() === url, `${name} is logged in, and sees ${page.url()}`);
  return { context, page, name };
}

async function people() {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(`${url}first`);
  await page.fill('#code', code);
  await page.fill('#name', 'root');
  await page.fill('#password', PASSWORD);
  await page.locator('main form button').click();
  await page.waitForLoadState();
  if (!page.url().endsWith('/')) {
    await page.goto(`${url}login`);
    await page.fill('#name', 'root');
    await page.fill('#password', PASSWORD);
    await send(page, 'Log in');
  }
  for (const [name, role] of [['rita', 'release-manager'], ['mia', 'release-manager'], ['owen', 'owner'], ['vera', 'viewer']]) {
    await page.goto(`${url}accounts`);
    await page.fill('#name', name);
    await page.selectOption('#role', role);
    await page.fill('#password', PASSWORD);
    await send(page, 'Add');
  }
  await context.close();
}

async function release({ page, ...rita }) {
  await page.goto(`${url}releases`);
  const list = await text(page);
  expect(/hold/.test(list) && list.includes('Nobody has signed it'), `the list: ${list}`);
  await look({ ...rita, page }, url, 'releases', 'releases', shots);
  await page.locator('.runs a').first().click();
  await page.waitForLoadState();
  const run = page.url().split('/').pop();
  const one = await text(page);
  for (const words of ['Which rule says so?', 'What would change it?', 'Who stands behind it?', 'Nobody has looked at']) {
    expect(one.includes(words), `the release does not say "${words}"`);
  }
  await look({ ...rita, page }, url, `releases/${run}`, 'release', shots);
  await page.locator('.looks a').first().click();
  await page.waitForLoadState();
  const first = await text(page);
  expect(first.includes('Production') && first.includes('Candidate') && first.includes('Asked'), `an example: ${first.slice(0, 300)}`);
  await look({ ...rita, page }, url, `releases/${run}/look/1`, 'look', shots);
  // Before all were looked at, nothing is signed.
  await page.goto(`${url}releases/${run}/sign`);
  await page.fill('#reason', 'as the gate says: it goes back');
  expect(await send(page, 'Sign') === 409, 'it was signed, and nobody had looked');
  expect(await page.inputValue('#reason') === 'as the gate says: it goes back', 'what was typed is gone');
  await page.goto(`${url}releases/${run}/look/1`);
  let looked = 0;
  while (page.url().includes('/look/') && looked < 200) {
    await send(page, 'I have looked at it');
    looked += 1;
  }
  console.log(`${looked} examples looked at`);
  expect((await text(page)).includes('Somebody has looked at each'), 'not all were looked at');
  return run;
}

async function sign(rita, mia, vera, run) {
  await mia.page.goto(`${url}releases/${run}/sign`);
  await mia.page.fill('#reason', 'I wrote it, and it is good');
  await mia.page.fill('#authors', 'mia@example.com');
  expect(await send(mia.page, 'Sign') === 403, 'its author signed');
  expect((await text(mia.page)).includes('is an author of the change'), 'the author is not told why');
  const answer = await vera.page.goto(`${url}releases/${run}/sign`);
  expect(answer.status() === 403, 'a viewer may sign');
  const { page } = rita;
  await look(rita, url, `releases/${run}/sign`, 'sign', shots);
  await page.goto(`${url}releases/${run}/sign`);
  await page.fill('#reason', 'as the gate says: cancellation goes back');
  await page.fill('#authors', 'mia@example.com');
  await send(page, 'Sign');
  expect((await text(page)).includes('signed by rita (logged in at the review server)'), 'it is not said who signed');
  await look(rita, url, `releases/${run}/override`, 'override', shots);
  await page.goto(`${url}releases/${run}/override`);
  await page.selectOption('#answer', 'narrow');
  const last = await page.getAttribute('#expires', 'max');
  await page.fill('#expires', last);
  await page.fill('#reason', 'the old version is withdrawn today, so all but cancellation goes out');
  await send(page, 'Record the override');
  expect((await text(page)).includes('Overrides in force'), 'the override is not shown');
  await look(rita, url, `releases/${run}`, 'release-overridden', shots);
}

async function board(owen) {
  const { page } = owen;
  await page.goto(`${url}failures`);
  const shown = await text(page);
  expect(shown.includes('Retrieval team') && shown.includes('without a cause'), `failures: ${shown.slice(0, 300)}`);
  await look(owen, url, 'failures', 'failures', shots);
  await page.locator('.looks a').first().click();
  await page.waitForLoadState();
  const path = page.url().slice(url.length);
  await look(owen, url, path, 'failure', shots);
  await page.fill('#reason', 'the wrong section was retrieved for it');
  await send(page, 'Set the cause');
  expect((await text(page)).includes('by owen'), 'it is not said who set the cause');
  for (const [path, words] of [['incidents', 'What happened in production'], ['suite', 'Does the suite look like production?']]) {
    await page.goto(url + path);
    expect((await text(page)).includes(words), `${path} does not ask "${words}"`);
    await look(owen, url, path, path, shots);
  }
  await page.fill('#id', 'refund-019');
  await page.fill('#reason', 'two of us read the policy in two ways');
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Make the patch' }).click()]);
  expect(download.suggestedFilename() === 'quarantined-refund-019.patch', `the patch is called ${download.suggestedFilename()}`);
}

// The list of `gatewright view`, and that a run of it opens.
async function viewed() {
  const view = spawn(gatewright, ['view', '--address', '127.0.0.1:0'], { cwd: project, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const at = await new Promise((resolve, reject) => {
      view.on('exit', ended => reject(new Error(`view ended with ${ended}`)));
      let said = '';
      view.stdout.on('data', bytes => {
        said += bytes;
        const found = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
        if (found) resolve(found[0]);
      });
    });
    view.removeAllListeners('exit');
    const context = await browser.newContext({ javaScriptEnabled: false });
    await look({ context, name: 'anybody' }, at, '', 'view', shots);
    const page = await context.newPage();
    await page.goto(at);
    await page.locator('main a').first().click();
    await page.waitForLoadState();
    expect((await page.locator('h1').innerText()).length > 0, 'a run of the list has a page');
  } finally {
    view.kill('SIGINT');
  }
}

try {
  await viewed();
  await people();
  const [rita, mia, vera] = [await login('rita'), await login('mia'), await login('vera')];
  await board(await login('owen'));
  const run = await release(rita);
  await sign(rita, mia, vera, run);
} finally {
  await browser.close();
  server.kill('SIGINT');
}
process.exit(told('releases: a journey'));
