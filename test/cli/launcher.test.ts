/** The launcher as a process: on an old Node (a preload says so), from an installed copy, signals and exit codes kept. */
import { spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const launcher = join(import.meta.dirname, '../../bin/fairlead.cjs');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fairlead-launcher-'));
  writeFileSync(join(folder, 'old.cjs'), `Object.defineProperty(process, 'version', { value: 'v20.1.0' });`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a launcher under a Node that says it is 20.1; `onOut` hears stdout. */
function runOld(file: string, args: string[], onOut: (text: string, kill: (signal: NodeJS.Signals) => void) => void = () => {}) {
  return new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
    const child = spawn(process.execPath, ['--require', join(folder, 'old.cjs'), file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => onOut((out += chunk), (signal) => child.kill(signal)));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (err += chunk));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

/** An installed copy whose command line is `body` (CommonJS); `withNode` puts a Node beside it as npm does. */
function installed(body: string, withNode: boolean): string {
  const root = join(folder, 'lib', 'node_modules', 'fairlead');
  mkdirSync(join(root, 'bin'), { recursive: true });
  mkdirSync(join(root, 'dist'));
  copyFileSync(launcher, join(root, 'bin', 'fairlead.cjs'));
  writeFileSync(join(root, 'dist', 'main.cjs'), `exports.main = (argv) => { ${body} };`);
  if (withNode) {
    mkdirSync(join(folder, 'lib', 'node_modules', '.bin'));
    symlinkSync(process.execPath, join(folder, 'lib', 'node_modules', '.bin', 'node'));
  }
  return join(root, 'bin', 'fairlead.cjs');
}

describe('on an old Node', () => {
  test('a checkout runs under the Node that npm installed, its exit code kept', async () => {
    expect(await runOld(launcher, ['get', 'nothing'])).toMatchObject({ code: 2, err: expect.stringContaining('choices') });
  });

  test('an installed copy finds the Node beside it and gets the arguments', async () => {
    const file = installed(`process.stdout.write(process.version + ' ' + argv.join('|')); process.exitCode = 7;`, true);
    expect(await runOld(file, ['a b', '--c'])).toMatchObject({ code: 7, out: `${process.version} a b|--c` });
  });

  test('without one it says which Node it needs', async () => {
    const { code, err } = await runOld(installed('', false), []);
    expect(code).toBe(1);
    expect(err).toMatch(/needs Node\.js 24\.15 or newer; this is v20\.1\.0[\s\S]*next: /);
  });

  test.each(['SIGINT', 'SIGTERM'] as const)('%s reaches it, and its own end is what counts', async (signal) => {
    const file = installed(
      `process.on('${signal}', () => { process.stdout.write('heard'); process.exit(5); }); setInterval(() => {}, 1000); process.stdout.write('up');`,
      true,
    );
    let sent = false;
    const ran = await runOld(file, [], (out, kill) => {
      if (!sent && out.includes('up')) kill(signal);
      sent ||= out.includes('up');
    });
    expect(ran).toMatchObject({ code: 5, out: 'upheard' });
  });

  test('one that dies of a signal ends with 128 and its number', async () => {
    expect(await runOld(installed(`process.kill(process.pid, 'SIGKILL');`, true), [])).toMatchObject({ code: 137 });
  });
});

test('completion answers what could follow', async () => {
  const child = spawn(process.execPath, [launcher, 'complete', '--', 'rollout', 'h'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk));
  await new Promise((resolve) => child.on('close', resolve));
  expect(out).toMatch(/^history\t/);
});
