import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { runCommand, startCommand } from '../support/command-line.ts';
import { folderWith } from '../support/folder.ts';

const LITERAL = 'hunter2-literal';
const FROM_ENVIRONMENT = 'hunter2-environment';
const IN_OPTION = 'hunter2-option';
const SECRETS = [LITERAL, FROM_ENVIRONMENT, IN_OPTION];

// The file system takes any path, so that a URL with a password is a path that does not exist.
const YAML = `
pipelines:
  - id: literal
    description: "reads postgres://admin:${LITERAL}@db/orders"
    source: { type: file, connectionString: "postgres://admin:${LITERAL}@db/orders" }
    sink: { type: file, connectionString: ./out/literal.ndjson }
  - id: by-environment
    source: { type: file, connectionString: "postgres://admin:\${DB_PASSWORD}@db/orders" }
    sink: { type: file, connectionString: ./out/by-environment.ndjson }
  - id: as-sink
    source: { type: file, connectionString: ./in.ndjson }
    sink: { type: file, connectionString: "./in.ndjson/https://x:${LITERAL}@host/?token=${IN_OPTION}" }
`;
const BAD = `
pipelines:
  - id: bad
    source: { type: file, connectionString: "x", options: { password: "${IN_OPTION}", format: "https://a:${LITERAL}@b" } }
    sink: { type: filee, connectionString: "https://a:${LITERAL}@b", batchSize: "password=${LITERAL}" }
`;

async function bytesBelow(folder: string): Promise<string> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return (await Promise.all(files.map((file) => readFile(file, 'latin1')))).join('\n');
}

const around = (text: string, found: string): string => {
  const at = text.indexOf(found);
  return text.slice(Math.max(0, at - 200), at + 100);
};

test('no secret is ever printed, served or stored', async () => {
  const cwd = await folderWith({ 'p.yaml': YAML, 'bad.yaml': BAD, 'in.ndjson': '{"n":1}\n' });
  const env = { DB_PASSWORD: FROM_ENVIRONMENT };
  const printed: string[] = [];
  const commands = [
    ['check', 'p.yaml'],
    ['check', 'bad.yaml'],
    ['run', 'bad.yaml'],
    ['-v', 'run', 'p.yaml'],
    ['list', '--json'],
    ...['literal', 'by-environment', 'as-sink'].flatMap((id) => [
      ['state', id],
      ['events', id],
      ['events', id, '--json'],
    ]),
  ];
  for (const args of commands) {
    const { out, err } = await runCommand(args, { cwd, env });
    printed.push(out, err);
  }
  const serving = startCommand(['-v', 'run', '--keep-serving', 'p.yaml'], { cwd, env });
  const [, url] = await serving.saw(/serving metrics at (\S+);/);
  printed.push(await (await fetch(url!)).text());
  // While it runs the write-ahead log is there as well.
  const stored = await bytesBelow(join(cwd, 'data'));
  serving.child.kill('SIGINT');
  const { out, err, code } = await serving.finished;
  printed.push(out, err, stored, await bytesBelow(join(cwd, 'data')));
  expect(code).toBe(1);

  const all = printed.join('\n');
  expect(all).toMatch(/postgres:\/+admin:\*\*\*@db/);
  expect(stored).toMatch(/\$\{DB_PASSWORD\}/);
  const leaks = SECRETS.filter((secret) => all.includes(secret)).map((secret) => around(all, secret));
  expect(leaks).toEqual([]);
});
