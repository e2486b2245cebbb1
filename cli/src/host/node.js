// The machine under the command line: Node's functions that wait for what they do. What they throw is a text: the
// name of the error as POSIX has it, a space, and words.
import fs from 'node:fs';
import http from 'node:http';
import tty from 'node:tty';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** Waits without doing anything. */
export const sleep = (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);

/** The time between two tries of a pipe that is full or empty for now. */
const TRY_AGAIN_MS = 2;

function plainly(act) {
  for (;;) {
    try {
      return act();
    } catch (error) {
      if (error.code !== 'EAGAIN') throw `${error.code ?? 'E'} ${error.message}`;
      sleep(TRY_AGAIN_MS);
    }
  }
}

export const variable = (name) => process.env[name];
export const variables = () => JSON.stringify(Object.entries(process.env));
export const exit = (code) => process.exit(code);
export const processId = () => process.pid;
export const nowMs = () => Date.now();
export const isTerminal = (stream) => tty.isatty(stream);

export const read = (file) => plainly(() => fs.readFileSync(file));
export const rename = (from, to) => plainly(() => fs.renameSync(from, to));
export const remove = (file) => plainly(() => fs.rmSync(file));
export const resolve = (file) => plainly(() => fs.realpathSync(file));

export function writeNew(file, text, isPrivate) {
  plainly(() => {
    const out = fs.openSync(file, 'wx', isPrivate ? 0o600 : 0o666);
    try {
      fs.writeFileSync(out, text);
      fs.fsyncSync(out);
    } finally {
      fs.closeSync(out);
    }
  });
}

function write(stream, text) {
  let rest = Buffer.from(text);
  while (rest.length > 0) rest = rest.subarray(plainly(() => fs.writeSync(stream, rest)));
}

export const output = (text) => write(STDOUT, text);

export function error(text) {
  try {
    write(STDERR, text);
  } catch {
    // There is no other place to say that it failed.
  }
}

/** The bytes that are read at once. */
const CHUNK = 65_536;

function readUntil(isEnd, size) {
  const chunks = [];
  const chunk = Buffer.alloc(size);
  for (;;) {
    const length = plainly(() => fs.readSync(STDIN, chunk, 0, size, null));
    if (length === 0) break;
    chunks.push(Buffer.from(chunk.subarray(0, length)));
    if (isEnd(chunk)) break;
  }
  return Buffer.concat(chunks).toString();
}

export const readInput = () => readUntil(() => false, CHUNK);
export const readLine = () => readUntil((byte) => byte[0] === 10, 1);

/** Sends requests in a thread of its own, while the main thread waits. */
const SENDER = `
const { workerData: { port, done } } = require('node:worker_threads');
const clients = { 'http:': require('node:http'), 'https:': require('node:https') };
const failure = (code, message) => Object.assign(new Error(message), { code });

const send = ({ method, url, headers, body, timeoutMs, longest }) =>
  new Promise((resolve, reject) => {
    const all = { ...Object.fromEntries(headers), 'content-length': Buffer.byteLength(body ?? '') };
    if (body === null) delete all['content-length'];
    const client = clients[new URL(url).protocol];
    const request = client.request(url, { method, headers: all, agent: false }, (response) => {
      const chunks = [];
      let length = 0;
      response.on('error', reject);
      response.on('data', (chunk) => {
        length += chunk.length;
        if (length > longest) request.destroy(failure('EFBIG', 'too long'));
        else chunks.push(chunk);
      });
      response.on('end', () => {
        const retryAfter = response.headers['retry-after'] ?? null;
        resolve({ status: response.statusCode, retryAfter, body: Buffer.concat(chunks).toString() });
      });
    });
    const timer = setTimeout(() => request.destroy(failure('ETIMEDOUT', 'too late')), timeoutMs);
    request.on('close', () => clearTimeout(timer));
    request.on('error', reject);
    request.end(body ?? undefined);
  });

port.on('message', async (text) => {
  const answer = await send(JSON.parse(text)).catch((error) => {
    const first = error.errors?.[0] ?? error;
    return { failed: (first.code ?? 'E') + ' ' + first.message };
  });
  port.postMessage(answer);
  Atomics.store(done, 0, 1);
  Atomics.notify(done, 0);
});
`;
let sender;

function startSender() {
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  const workerData = { port: port2, done };
  new Worker(SENDER, { eval: true, workerData, transferList: [port2] }).unref();
  return { port: port1, done };
}

export function ask(request) {
  sender ??= startSender();
  const { port, done } = sender;
  Atomics.store(done, 0, 0);
  port.postMessage(request);
  Atomics.wait(done, 0, 0);
  const { message } = receiveMessageOnPort(port);
  if (message.failed) throw message.failed;
  return JSON.stringify(message);
}

/** Reads the body of a request. */
async function bodyOf(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function serve(port, ready, handle) {
  const server = http.createServer(async (request, response) => {
    try {
      const { method, url, headers } = request;
      const body = await bodyOf(request);
      const all = JSON.stringify(Object.entries(headers));
      const answer = JSON.parse(handle(server.address().port, method, url, all, body));
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(answer.body);
    } catch {
      response.destroy();
    }
  });
  server.once('error', (failure) => {
    error(`port ${port}: ${failure.code === 'EADDRINUSE' ? 'is in use' : failure.message}\n`);
    process.exitCode = 1;
  });
  server.listen(port, '127.0.0.1', () => ready(server.address().port));
  process.once('SIGINT', () => {
    server.close();
    server.closeAllConnections();
  });
}
