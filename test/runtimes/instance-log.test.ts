import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InstanceLog, pruneLogs, Tail } from '../../src/runtimes/instance-log.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'fairlead-log-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('an instance log', () => {
  it('keeps the newest of what was written, in as many files as it may have', async () => {
    const log = new InstanceLog(join(dir, 'a/x.log'), { maxFileBytes: 10, maxFiles: 3 });
    for (let n = 1; n <= 5; n++) {
      log.write(Buffer.from(`line ${n}..\n`));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await log.close();
    expect(readdirSync(join(dir, 'a')).sort()).toEqual(['x.log', 'x.log.1', 'x.log.2']);
    const read = (name: string): string => readFileSync(join(dir, 'a', name), 'utf8');
    expect([read('x.log.2'), read('x.log.1'), read('x.log')]).toEqual(['line 3..\n', 'line 4..\n', 'line 5..\n']);
  });

  it('goes on in the file of an earlier life', async () => {
    writeFileSync(join(dir, 'x.log'), 'before\n');
    const log = new InstanceLog(join(dir, 'x.log'));
    log.write(Buffer.from('after\n'));
    await log.close();
    expect(readFileSync(join(dir, 'x.log'), 'utf8')).toBe('before\nafter\n');
  });

  it('begins anew when its file is removed under it', async () => {
    const log = new InstanceLog(join(dir, 'a/x.log'));
    log.write(Buffer.from('before\n'));
    await expect.poll(() => readFileSync(join(dir, 'a/x.log'), 'utf8')).toBe('before\n');
    rmSync(join(dir, 'a'), { recursive: true });
    log.write(Buffer.from('after\n'));
    await log.close();
    expect(readFileSync(join(dir, 'a/x.log'), 'utf8')).toBe('after\n');
  });

  it('leaves out what the disk does not take in time, and says how much', async () => {
    const log = new InstanceLog(join(dir, 'x.log'), { maxWaitingBytes: 10 });
    log.write(Buffer.from('12345678\n'));
    log.write(Buffer.alloc(1_000));
    log.write(Buffer.alloc(2_000));
    await log.close();
    expect(readFileSync(join(dir, 'x.log'), 'utf8')).toMatch(/^12345678\n\n\[fairlead: 3000 bytes left out/);
  });

  it('loses what is written rather than fail where there can be no file', async () => {
    writeFileSync(join(dir, 'file'), '');
    const log = new InstanceLog(join(dir, 'file/x.log'));
    log.write(Buffer.from('lost\n'));
    await expect(log.close()).resolves.toBeUndefined();
  });

  it('makes no file for a service that says nothing', async () => {
    await new InstanceLog(join(dir, 'x.log')).close();
    expect(readdirSync(dir)).toEqual([]);
  });
});

describe('the logs of a service', () => {
  it('are those of its newest Instances', async () => {
    for (let n = 0; n < 60; n++) {
      writeFileSync(join(dir, `${n}.log`), 'x');
      utimesSync(join(dir, `${n}.log`), n, n);
    }
    await pruneLogs(dir);
    const left = readdirSync(dir).map((name) => Number.parseInt(name, 10));
    expect([left.length, Math.min(...left), Math.max(...left)]).toEqual([50, 10, 59]);
    await expect(pruneLogs(join(dir, 'no-such-folder'))).resolves.toBeUndefined();
  });
});

describe('the last lines', () => {
  it('are whole lines of at most 2 KiB, without what would steer a terminal', () => {
    const tail = new Tail();
    expect(tail.text()).toBe('');
    tail.push(Buffer.from('\u001b[31mred\u001b[0m\u0007\r\n'));
    expect(tail.text()).toBe('red\n');
    for (let n = 0; n < 1_000; n++) tail.push(Buffer.from(`line ${n}\n`));
    expect(Buffer.byteLength(tail.text())).toBeLessThanOrEqual(2_048);
    expect(tail.text()).toMatch(/^line \d+\n/);
    expect(tail.text().endsWith('line 999\n')).toBe(true);
  });

  it('are what there is of one line that is longer', () => {
    const tail = new Tail();
    tail.push(Buffer.alloc(10_000, 'x'));
    expect(tail.text()).toBe('x'.repeat(2_048));
  });
});
