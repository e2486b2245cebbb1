// Client of the services, which run in a process of their own.
import { fork } from 'node:child_process';

/** Starts the services. Returns `pid`, `end`, and a method for each function of services.mjs, which gives a promise. */
export function startServices() {
  const child = fork(new URL('services.mjs', import.meta.url));
  const waiting = new Map();
  let calls = 0;
  child.on('message', ({ call, value, error }) => {
    const { done, failed } = waiting.get(call);
    waiting.delete(call);
    if (error) failed(new Error(error));
    else done(value);
  });
  child.once('exit', () => {
    for (const { failed } of waiting.values()) failed(new Error('the services ended'));
  });
  const call = (name, args) =>
    new Promise((done, failed) => {
      calls += 1;
      waiting.set(calls, { done, failed });
      child.send({ call: calls, name, args });
    });
  const own = { pid: child.pid, end: () => child.disconnect() };
  return new Proxy(own, { get: (_, name) => own[name] ?? ((...args) => call(name, args)) });
}
