/** The built bundle, laid out as npm installs it: the command line, and a whole Fairlead over an empty folder. */
import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const run = promisify(execFile);
let folder: string;
let launcher: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-build-'));
  for (const part of ['bin', 'package.json']) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  await run(process.execPath, [join(root, 'scripts/build.ts'), join(folder, 'dist')]);
  launcher = join(folder, 'bin', 'fairlead.cjs');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('the command line runs from the bundle', async () => {
  expect((await run(process.execPath, [launcher, 'validate', join(root, 'examples/manifests')])).stdout).toMatch(/^valid: 6 files/);
  await expect(run(process.execPath, [launcher, 'get', 'services', '--server', 'http://127.0.0.1:9'])).rejects.toMatchObject({ code: 3 });
});

test('up, get and down run from the bundle', async () => {
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests);
  const up = spawn(process.execPath, [launcher, 'up', manifests, '--gateway', '127.0.0.1:0', '--status', '127.0.0.1:0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => up.on('close', resolve));
  let out = '';
  const settled = new Promise<void>((resolve) => {
    up.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      out += chunk;
      if (out.includes('Status API')) resolve();
    });
  });
  await Promise.race([settled, ended]);
  const dataDir = ['--data-dir', join(manifests, '.fairlead')];
  expect((await run(process.execPath, [launcher, 'get', 'sources', '-o', 'name', ...dataDir])).stdout).toBe('source/folder\n');
  await run(process.execPath, [launcher, 'down', ...dataDir]);
  expect([await ended, out.trimEnd().split('\n').at(-1)]).toEqual([0, 'Stopped. Nothing of it runs any more.']);
});
