// The server's demo, for the journeys through it.
import { spawn } from 'node:child_process';

// Starts `serve --demo` and reads where it listens and what people log in with; `started` is how many seconds that took.
export async function demo(gatewright) {
  const from = performance.now();
  const server = spawn(gatewright, ['serve', '--demo', '--address', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const [url, password] = await new Promise((resolve, reject) => {
    server.on('exit', code => reject(new Error(`the server ended with ${code}\n${said}`)));
    server.stdout.on('data', bytes => {
      said += bytes;
      const url = said.match(/http:\/\/127\.0\.0\.1:\d+\//);
      const password = said.match(/password of all four: (\S+)/);
      if (url && password) resolve([url[0], password[1]]);
    });
  });
  server.removeAllListeners('exit');
  return { server, url, password, started: (performance.now() - from) / 1000 };
}
