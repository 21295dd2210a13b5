// node provider.mjs CHROMIUM SCREENSHOTS GATEWRIGHT IDENTITY PROJECT   an admin links an account, and its person logs in by an identity provider on
// another site: the browser comes back from there, keeps the session's cookie, and goes Home by itself; once more, and the old session has ended.
import { spawn } from 'node:child_process';
import { chromium } from 'playwright-core';
import { expect, look as lookAt, told } from './looking.mjs';

const [executablePath, shots, gatewright, identity, project] = process.argv.slice(2);
const secret = 'a-secret-for-this-test';

// Starts a program and waits for what it says.
async function start(program, args, options, wanted) {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  let said = '';
  const found = await new Promise((resolve, reject) => {
    child.on('exit', code => reject(new Error(`${program} ended with ${code}\n${said}`)));
    child.stdout.on('data', bytes => {
      said += bytes;
      const all = wanted.map(pattern => said.match(pattern)?.[1]);
      if (all.every(Boolean)) resolve(all);
    });
  });
  child.removeAllListeners('exit');
  return [child, ...found];
}

const [provider, issuer] = await start(identity, ['gatewright', secret, 's-ben', 'ben@example.com'], {}, [/(http:\/\/\S+)/]);
const [server, code, port] = await start(gatewright,
  ['serve', '--address', '127.0.0.1:0', '--oidc-issuer', issuer, '--oidc-client-id', 'gatewright', '--oidc-client-secret', 'env:OIDC_SECRET'],
  { cwd: project, env: { ...process.env, OIDC_SECRET: secret } }, [/^ {2}(\S+)$/m, /http:\/\/127\.0\.0\.1:(\d+)\//]);
// Another site than the provider's, which is at 127.0.0.1.
const url = `http://localhost:${port}/`;
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
const look = (who, path, title) => lookAt(who, url, path, `provider-${title}`, shots);

async function person(name) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  const page = await context.newPage();
  page.on('console', message => { if (!/status of 4|\[DOM\]/.test(message.text())) expect(false, `${name}: console: ${message.text()}`); });
  return { context, page, name };
}

try {
  const ana = await person('ana');
  await ana.page.goto(`${url}first`);
  await ana.page.fill('#code', code);
  await ana.page.fill('#name', 'ana');
  await ana.page.fill('#password', 'a-long-enough-password');
  await Promise.all([ana.page.waitForURL(url), ana.page.click('main button')]);
  await ana.page.goto(`${url}accounts`);
  await ana.page.fill('#name', 'ben');
  await ana.page.fill('#provider', 'ben@example.com');
  await Promise.all([ana.page.waitForNavigation(), ana.page.click('button[value=add]')]);
  await look(ana, 'accounts', 'accounts');

  const ben = await person('ben');
  await look(ben, 'login', 'login');
  await ben.page.goto(`${url}login`);
  await ben.page.click('text=Log in with');
  await ben.page.waitForURL(url);
  expect((await ben.page.locator('body').innerText()).includes('ben, reviewer'), 'ben is not in');
  const first = await ben.context.cookies();
  const session = first.find(cookie => cookie.name.startsWith('gatewright-review-'));
  expect(session?.httpOnly && session.sameSite === 'Strict', `the cookie is ${JSON.stringify(first)}`);
  expect(first.length === 1, `the login's cookie is still there: ${JSON.stringify(first)}`);
  await ben.page.goto(`${url}login`);
  await ben.page.click('text=Log in with');
  await ben.page.waitForURL(url);
  const old = await person('with the old session');
  await old.context.addCookies([session]);
  await old.page.goto(url);
  expect(old.page.url().endsWith('/login'), `the old session goes on: ${old.page.url()}`);
  await ana.page.goto(`${url}accounts`);
  expect((await ana.page.locator('body').innerText()).includes('Logs in as s-ben at'), 'the link is not shown');
} finally {
  await browser.close();
  server.kill('SIGINT');
  provider.stdin.end();
}
process.exit(told('an identity provider: a journey'));
