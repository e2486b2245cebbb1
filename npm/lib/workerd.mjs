// Plain workerd as a process.
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/**
 * Serves a configuration, and resolves when it listens.
 * @param {string} config the file
 * @param {{env: Record<string, string>, onText: (text: string, stream: 'stdout' | 'stderr') => void,
 * onStart?: (child: import('node:child_process').ChildProcess) => void}} options `env`: the values of the
 * variables; `onText` gets what it prints
 * @returns {Promise<{child: import('node:child_process').ChildProcess, port: number}>}
 */
export function serve(config, { env, onText, onStart }) {
  // Not by polling: somebody else's server may answer at the port.
  const child = spawn(require('workerd').default, ['serve', config, '--control-fd=3'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  onStart?.(child);
  let last = '';
  for (const stream of ['stdout', 'stderr']) {
    child[stream].setEncoding('utf8').on('data', (text) => {
      if (stream === 'stderr') last = (last + text).slice(-2_000);
      onText(text, stream);
    });
  }
  return new Promise((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => failed(new Error(`workerd ended (${code}): ${last.trim()}`)));
    let control = '';
    child.stdio[3].setEncoding('utf8').on('data', (text) => {
      control += text;
      const port = /"event":"listen"[^}]*"socket":"http"[^}]*"port":(\d+)/.exec(control)?.[1];
      if (port) done({ child, port: Number(port) });
    });
  });
}
