// The example receivers, against requests signed by a library that others wrote.

import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Webhook } from 'standardwebhooks';

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const OTHER_SECRET = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD';
const BODY =
  '{"type":"lead.qualified","timestamp":"2026-11-22T14:00:00.000Z","data":{"lead_id":"lead_1","contact":{"email":"åsa@example.com"}}}';

// Signatures that the standard's own documents print.
const VECTORS = [
  [
    SECRET,
    'msg_p5jXN8AQM9LWM0D4loKWxJek',
    1614265330,
    '{"test": 2432232314}',
    'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  ],
  [
    OTHER_SECRET,
    'msg_27UH4WbU6Z5A5EzD8u03UvzRbpk',
    1649367553,
    '{"email":"test@example.com","username":"test_user"}',
    'v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=',
  ],
];

const folder = fileURLToPath(new URL('../../examples/receivers/', import.meta.url));
const python = spawnSync('python3', ['--version']).status === 0;

const receivers = [
  {
    name: 'Node',
    command: [process.execPath, join(folder, 'node/receiver.mjs')],
    stored: (path) =>
      readdirSync(path)
        .sort()
        .map((file) => [file.replace(/\.json$/, ''), readFileSync(join(path, file), 'utf8')]),
    signature: async (secret, id, timestamp, body) => {
      const { secretKey, sign } = await import(
        new URL('../../examples/receivers/node/receiver.mjs', import.meta.url)
      );
      return sign(secretKey(secret), id, timestamp, body);
    },
  },
  {
    name: 'Python',
    skip: !python && !process.env.CI && 'python3 was not found',
    command: ['python3', join(folder, 'python/receiver.py')],
    stored: (path) =>
      JSON.parse(
        runPython(
          'import json, sqlite3; print(json.dumps(sqlite3.connect(sys.argv[1]).execute("SELECT webhook_id, body FROM lead ORDER BY 1").fetchall()))',
          path,
        ),
      ),
    signature: (secret, id, timestamp, body) =>
      runPython(
        'import receiver; _, secret, id, time, body = sys.argv; print(receiver.sign(receiver.secret_key(secret), id, time, body.encode()))',
        secret,
        id,
        timestamp,
        body,
      ).trim(),
  },
];

function runPython(program, ...args) {
  const options = {
    encoding: 'utf8',
    cwd: join(folder, 'python'),
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: '1' },
  };
  return execFileSync(
    'python3',
    ['-c', `import sys; sys.path.insert(0, "."); ${program}`, ...args.map(String)],
    options,
  );
}

for (const receiver of receivers) {
  describe(`the ${receiver.name} receiver`, { skip: receiver.skip || false }, () => {
    const room = mkdtempSync(join(tmpdir(), 'leadhook-receiver-'));
    const path = join(room, 'leads');
    let process_, port;

    const start = async () => {
      const env = {
        ...process.env,
        PORT: '0',
        WEBHOOK_SECRET: SECRET,
        STORE: path,
        PYTHONDONTWRITEBYTECODE: '1',
      };
      process_ = spawn(receiver.command[0], receiver.command.slice(1), {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      port = await new Promise((resolve, reject) => {
        process_.once('error', reject);
        process_.once('exit', (code) => reject(new Error(`ended with ${code}`)));
        createInterface(process_.stdout).on('line', (line) => {
          const listening = /^listening on (\d+)$/.exec(line);
          if (listening) resolve(Number(listening[1]));
        });
      });
    };
    const stop = async () => {
      const ended = new Promise((resolve) => process_.once('exit', resolve));
      process_.kill('SIGKILL');
      await ended;
    };
    before(start);
    after(async () => {
      await stop();
      rmSync(room, { recursive: true });
    });

    const post = async (headers, body = BODY) => {
      const options = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body };
      const response = await fetch(`http://127.0.0.1:${port}/crm`, options);
      await response.text();
      return response.status;
    };
    const signed = (id, { secret = SECRET, body = BODY, secondsAgo = 0 } = {}) => {
      const at = new Date(Date.now() - secondsAgo * 1000);
      return {
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at / 1000)),
        'webhook-signature': new Webhook(secret).sign(id, at, body),
      };
    };
    const ids = () => receiver.stored(path).map(([id]) => id);
    const refused = async (status, headers, body) => {
      const before = receiver.stored(path);
      assert.equal(await post(headers, body), status);
      assert.deepEqual(receiver.stored(path), before);
    };

    test('signs the vectors of the standard', async () => {
      for (const [secret, id, timestamp, body, signature] of VECTORS) {
        assert.equal(await receiver.signature(secret, id, timestamp, body), signature);
      }
    });

    test('stores what the library signed, byte for byte', async () => {
      assert.equal(await post(signed('msg_good')), 204);
      assert.deepEqual(receiver.stored(path), [['msg_good', BODY]]);
    });

    test('stores the same webhook-id once, also with a newer timestamp', async () => {
      assert.equal(await post(signed('msg_good', { secondsAgo: 60 })), 204);
      assert.deepEqual(ids(), ['msg_good']);
    });

    test('stores the same webhook-id once when it comes ten times at once', async () => {
      const statuses = await Promise.all(Array.from({ length: 10 }, () => post(signed('msg_many'))));
      assert.deepEqual(statuses, Array(10).fill(204));
      assert.deepEqual(ids(), ['msg_good', 'msg_many']);
    });

    test('accepts one right signature among several', async () => {
      const wrong = signed('msg_two', { secret: OTHER_SECRET })['webhook-signature'];
      const right = signed('msg_two');
      assert.equal(
        await post({ ...right, 'webhook-signature': `${wrong} v2,AAAA ${right['webhook-signature']}` }),
        204,
      );
      assert.deepEqual(ids(), ['msg_good', 'msg_many', 'msg_two']);
    });

    test('refuses a tampered body', () => refused(401, signed('msg_bad'), BODY.replace('lead_1', 'lead_2')));

    test('refuses another webhook-id', () =>
      refused(401, { ...signed('msg_bad'), 'webhook-id': 'msg_other' }));

    test('refuses the wrong secret', () => refused(401, signed('msg_bad', { secret: OTHER_SECRET })));

    test('refuses a signature that is cut, or not a signature', async () => {
      const headers = signed('msg_bad');
      await refused(401, { ...headers, 'webhook-signature': headers['webhook-signature'].slice(0, -2) });
      await refused(401, { ...headers, 'webhook-signature': headers['webhook-signature'].slice(3) });
      await refused(401, { ...headers, 'webhook-signature': 'v1,' });
    });

    test('refuses a timestamp more than 300 seconds away', async () => {
      await refused(400, signed('msg_bad', { secondsAgo: 310 }));
      await refused(400, signed('msg_bad', { secondsAgo: -310 }));
    });

    test('accepts a timestamp less than 300 seconds away', async () => {
      assert.equal(await post(signed('msg_slow', { secondsAgo: 290 })), 204);
      assert.equal(await post(signed('msg_soon', { secondsAgo: -290 })), 204);
    });

    test('refuses a missing header', async () => {
      for (const name of ['webhook-id', 'webhook-timestamp', 'webhook-signature']) {
        const { [name]: _, ...headers } = signed('msg_bad');
        await refused(400, headers);
      }
    });

    test('refuses a webhook-id that is no id and a timestamp that is no number', async () => {
      await refused(400, signed('../msg_bad'));
      await refused(400, { ...signed('msg_bad'), 'webhook-timestamp': 'now' });
    });

    test('refuses a signed body that is not JSON', () =>
      refused(400, signed('msg_bad', { body: 'hello' }), 'hello'));

    test('refuses a large body before reading it', async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('POST /crm HTTP/1.1\r\nHost: receiver\r\nContent-Length: 1000000\r\n\r\n');
      const [answer] = await new Promise((resolve, reject) => {
        socket.once('data', (data) => resolve(data.toString().split('\r\n')));
        socket.once('error', reject);
      });
      socket.destroy();
      assert.match(answer, /^HTTP\/1\.[01] 413 /);
    });

    test('remembers the webhook-ids after kill -9 and a restart', async () => {
      await stop();
      await start();
      const known = receiver.stored(path);
      assert.equal(await post(signed('msg_good')), 204);
      assert.deepEqual(receiver.stored(path), known);
    });

    test('does not start without a secret', () => {
      const env = { ...process.env, PORT: '0', WEBHOOK_SECRET: 'whsec_', STORE: path };
      assert.notEqual(
        spawnSync(receiver.command[0], receiver.command.slice(1), { env, timeout: 10_000 }).status,
        0,
      );
    });
  });
}

test('the vectors are those that the library signs', () => {
  for (const [secret, id, timestamp, body, signature] of VECTORS) {
    assert.equal(new Webhook(secret).sign(id, new Date(timestamp * 1000), body), signature);
  }
});
