/** `logs` over real files: several instances, rotation, following. */
import { appendFileSync, mkdirSync, renameSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Harness } from './harness.ts';

let cli: Harness;
let folder: string;
beforeEach(async () => {
  cli = new Harness();
  await cli.start();
  folder = join(cli.folder, 'data', 'logs', 'files');
  mkdirSync(folder, { recursive: true });
});
afterEach(() => cli.stop());

function log(name: string, text: string, ageSeconds = 0): void {
  writeFileSync(join(folder, name), text);
  const at = Date.now() / 1_000 - ageSeconds;
  utimesSync(join(folder, name), at, at);
}
const logs = (...more: string[]) => cli.run('logs', 'files', '--data-dir', 'data', ...more);

test('one instance: its lines as they are, rotated files first', async () => {
  log('files-a-0-1.log.2', 'one\n', 30);
  log('files-a-0-1.log.1', 'two\n', 20);
  log('files-a-0-1.log', 'three\nunfinished');
  expect(await logs()).toMatchObject({ code: 0, out: 'one\ntwo\nthree\nunfinished\n' });
  expect((await logs('--tail', '2')).out).toBe('three\nunfinished\n');
});

test('several instances: each line names its own; one can be chosen', async () => {
  log('files-a-0-1.log', 'old\n', 100);
  log('files-b-0-2.log', 'new\n');
  expect((await logs()).out).toBe('files-a-0-1 | old\nfiles-b-0-2 | new\n');
  expect((await logs('--instance', 'files-a-0-1')).out).toBe('old\n');
});

test('terminal control of a service does not reach a terminal', async () => {
  log('files-a-0-1.log', '\u001b[2Jgone\n');
  expect((await cli.runWith({ interactive: true }, 'logs', 'files', '--data-dir', 'data')).out).toBe('gone\n');
});

test('no logs is 1, and says where it looked', async () => {
  expect(await cli.run('logs', 'clock', '--data-dir', 'data')).toMatchObject({
    code: 1,
    err: expect.stringContaining(join('logs', 'clock')),
  });
});

test('-f goes on over a rotation and a new instance, and loses no line', async () => {
  log('files-a-0-1.log', 'first\n');
  const running = cli.follow('logs', 'files', '-f', '--data-dir', 'data');
  await running.says('first');
  const path = join(folder, 'files-a-0-1.log');
  appendFileSync(path, 'before rotation\n');
  renameSync(path, `${path}.1`);
  writeFileSync(path, 'after rotation\n');
  await running.says('after rotation');
  appendFileSync(path, 'half of ');
  appendFileSync(path, 'a line\n');
  await running.says('half of a line');
  log('files-c-0-3.log', 'another instance\n');
  await running.says('another instance');
  running.abort();
  const { out } = await running.done;
  for (const line of ['first', 'before rotation', 'after rotation', 'half of a line', 'another instance'])
    expect(out.split(line)).toHaveLength(2);
});
