// The disk of a world that is stopped, in the hands of somebody who can read and write it.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const RUN = `
import json, sqlite3, sys
rows = []
for file in sys.argv[3:]:
    with sqlite3.connect(file) as database:
        if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'submission'").fetchone():
            rows += database.execute(sys.argv[1], json.loads(sys.argv[2])).fetchall()
print(json.dumps(rows, default=bytes.hex))
`;

/** Runs a statement in the database of every ledger, and gives all rows; bytes as hex. */
export function sql(world, statement, parameters = []) {
  const files = filesOf(world).filter((file) => file.endsWith('.sqlite'));
  const printed = execFileSync('python3', ['-c', RUN, statement, JSON.stringify(parameters), ...files], {
    encoding: 'utf8',
  });
  return JSON.parse(printed);
}

/** Every file of the world's state. */
export function filesOf(world) {
  const all = fs.readdirSync(world.state, { recursive: true }).map((file) => path.join(world.state, file));
  return all.filter((file) => fs.statSync(file).isFile());
}
