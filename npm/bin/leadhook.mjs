#!/usr/bin/env node
// The command line: Rust in wasm, and the programs that it starts.
import { run, started } from '../cli/index.js';
import { fit, Refusal } from '../lib/terminal.mjs';

process.exitCode = run(['leadhook', ...process.argv.slice(2)]);
const next = started();
if (next) {
  const { program, options } = JSON.parse(next);
  try {
    const programs = await import(`../lib/${program}.mjs`);
    await programs[program](options);
  } catch (error) {
    console.error(error instanceof Refusal ? fit(error.message) : error);
    process.exit(1);
  }
}
