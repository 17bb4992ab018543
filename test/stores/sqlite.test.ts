/** The embedded store: the contract, and what files, other processes and other versions do to it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { restoreSqlite } from '../../src/stores/restore.ts';
import { migrations } from '../../src/stores/schema.ts';
import { openSqliteStore } from '../../src/stores/sqlite.ts';
import { changeOf, draftOf, recordOf, storeContract } from '../ports/store-contract.ts';

const root = mkdtempSync(join(tmpdir(), 'fairlead-store-'));
let count = 0;
const freshPath = () => join(root, String((count += 1)), 'fairlead.db');
afterAll(() => rmSync(root, { recursive: true, force: true }));

storeContract('sqlite', async (mostContracts) => openSqliteStore(freshPath(), undefined, mostContracts));

/** A database with 200 Records, closed. */
async function filled(path: string): Promise<void> {
  const store = openSqliteStore(path);
  const epoch = await store.takeEpoch();
  const names = Array.from({ length: 200 }, (_, index) => `service-${index}`);
  await store.save(
    epoch,
    names.map((name) => changeOf(recordOf(name, { conditions: [{ message: 'x'.repeat(500) } as never] }), { events: [draftOf(name)] })),
  );
  await store.close();
}

describe('a database file', () => {
  let path: string;
  beforeEach(() => {
    path = freshPath();
  });

  it('holds everything when it is opened again, and epochs and Event numbers go on', async () => {
    await filled(path);
    const store = openSqliteStore(path);
    expect(await store.records()).toHaveLength(200);
    expect(await store.takeEpoch()).toBe(2);
    expect((await store.append(2, [draftOf(null)]))[0]!.seq).toBe(201);
    await store.close();
  });

  it.each([
    ['cut off in the middle', (file: string) => truncateSync(file, 40_960)],
    ['cut off within its header', (file: string) => truncateSync(file, 50)],
    ['emptied', (file: string) => truncateSync(file, 0)],
    [
      'with pages of garbage',
      (file: string) => {
        const bytes = readFileSync(file);
        bytes.fill(0x5a, 8_192, 8_192 + 16_384);
        writeFileSync(file, bytes);
      },
    ],
    ['that is something else', (file: string) => writeFileSync(file, 'not a database at all\n'.repeat(500))],
    [
      'of another program',
      (file: string) => {
        rmSync(file);
        const other = new DatabaseSync(file);
        other.exec('create table theirs (a)');
        other.close();
      },
    ],
  ])('%s is StoreDamaged and stays as it is', async (_, harm) => {
    await filled(path);
    harm(path);
    const before = readFileSync(path);
    expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'StoreDamaged' }));
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('that is gone while its log is still there is StoreDamaged, not a fresh start', async () => {
    await filled(path);
    rmSync(path);
    writeFileSync(`${path}-wal`, 'last writes');
    expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'StoreDamaged' }));
    expect(existsSync(path)).toBe(false);
  });

  it('open in another process is StoreLocked', async () => {
    await filled(path);
    const script = `const { openSqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/stores/sqlite.ts'))});
      openSqliteStore(${JSON.stringify(path)}); process.stdout.write('open'); setInterval(() => {}, 1000);`;
    const other = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(other.stdout, 'data');
      expect(() => openSqliteStore(path)).toThrow(expect.objectContaining({ code: 'StoreLocked' }));
      expect(() => restoreSqlite(path, path)).toThrow(expect.objectContaining({ code: 'StoreLocked' }));
    } finally {
      other.kill('SIGKILL');
      await once(other, 'close');
    }
    const store = openSqliteStore(path);
    expect(await store.records()).toHaveLength(200);
    await store.close();
  });

  it('written by a process that was killed has every write that was answered', async () => {
    const script = `const { openSqliteStore } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/stores/sqlite.ts'))});
      const store = openSqliteStore(${JSON.stringify(path)}); const epoch = await store.takeEpoch();
      for (let i = 0; ; i++) { await store.saveSetting(epoch, 'count', String(i)); process.stdout.write(i + '\\n'); await new Promise((r) => setImmediate(r)); }`;
    const writer = spawn(process.execPath, ['--input-type=module', '--eval', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let answered = '';
    writer.stdout.on('data', (chunk: Buffer) => {
      answered += String(chunk);
      if (answered.split('\n').length > 50) writer.kill('SIGKILL');
    });
    await once(writer, 'close');
    const store = openSqliteStore(path);
    expect(Number(await store.setting('count'))).toBeGreaterThanOrEqual(Number(answered.split('\n').at(-2)));
    await store.close();
  });

  it('of a newer version is StoreTooNew', async () => {
    const next = { version: migrations.at(-1)!.version + 1, statements: ['create table later (a text)'] };
    await openSqliteStore(path, [...migrations, next]).close();
    expect(() => openSqliteStore(path)).toThrow(
      expect.objectContaining({ code: 'StoreTooNew', data: expect.objectContaining({ newest: 1 }) }),
    );
  });

  it('of an older version is brought up step by step, keeping what is in it', async () => {
    await filled(path);
    const next = { version: 2, statements: ['alter table records add column note text', "update records set note = 'kept'"] };
    const store = openSqliteStore(path, [...migrations, next]);
    expect(await store.records()).toHaveLength(200);
    await store.close();
    const raw = new DatabaseSync(path);
    expect(raw.prepare("select count(*) as n from records where note = 'kept'").get()).toEqual({ n: 200 });
    expect(raw.prepare('pragma user_version').get()).toEqual({ user_version: 2 });
    raw.close();
  });

  it('whose migration fails stays at the version it had', async () => {
    await filled(path);
    const broken = { version: 2, statements: ['create table half (a text)', 'no sql at all'] };
    expect(() => openSqliteStore(path, [...migrations, broken])).toThrow(expect.objectContaining({ code: 'StoreFailed' }));
    const store = openSqliteStore(path);
    expect(await store.records()).toHaveLength(200);
    await store.close();
  });

  it('that may not grow any more is DiskFull, keeps what it has, and goes on once there is room', async () => {
    await openSqliteStore(path).close();
    const cramped = openSqliteStore(path, [...migrations, { version: 2, statements: ['pragma max_page_count = 40'] }]);
    const epoch = await cramped.takeEpoch();
    await cramped.save(epoch, [changeOf(recordOf('a'))]);
    const large = changeOf(recordOf('b', { conditions: [{ message: 'x'.repeat(200_000) } as never] }), { events: [draftOf('b')] });
    await expect(cramped.save(epoch, [large])).rejects.toMatchObject({ code: 'DiskFull' });
    expect(await cramped.records()).toEqual([recordOf('a')]);
    expect(await cramped.save(epoch, [changeOf(recordOf('a'), { events: [draftOf('a')] })])).toMatchObject([{ seq: 1 }]);
    await cramped.close();
    const roomy = openSqliteStore(path, [...migrations, { version: 2, statements: [] }]);
    expect(await roomy.save(epoch, [large])).toMatchObject([{ seq: 2 }]);
    await roomy.close();
  });
});

describe('backup and restore', () => {
  it('puts back what the backup held and keeps what was there', async () => {
    const path = freshPath();
    const backup = `${path}.backup`;
    await filled(path);
    const store = openSqliteStore(path);
    await store.backup(backup);
    const epoch = await store.takeEpoch();
    await store.save(epoch, [changeOf(recordOf('later'))]);
    await expect(store.backup(backup)).rejects.toMatchObject({ code: 'Refused' });
    await store.close();
    const aside = restoreSqlite(path, backup)!;
    for (const [file, length] of [
      [path, 200],
      [aside, 201],
    ] as const) {
      const opened = openSqliteStore(file);
      expect(await opened.records()).toHaveLength(length);
      await opened.close();
    }
  });

  it('takes the place of a damaged database with its log', async () => {
    const path = freshPath();
    await filled(path);
    const backup = `${path}.backup`;
    copyFileSync(path, backup);
    truncateSync(path, 20_000);
    writeFileSync(`${path}-wal`, 'torn');
    const aside = restoreSqlite(path, backup)!;
    expect(statSync(aside).size).toBe(20_000);
    expect(existsSync(`${path}-wal`)).toBe(false);
    const store = openSqliteStore(path);
    expect(await store.records()).toHaveLength(200);
    await store.close();
  });

  it('refuses a backup that is damaged, or missing, and leaves the database alone', async () => {
    const path = freshPath();
    await filled(path);
    const backup = `${path}.backup`;
    writeFileSync(backup, 'no backup');
    expect(() => restoreSqlite(path, backup)).toThrow(expect.objectContaining({ code: 'StoreDamaged' }));
    expect(() => restoreSqlite(path, `${path}.nothing`)).toThrow(expect.objectContaining({ code: 'NotFound' }));
    const store = openSqliteStore(path);
    expect(await store.records()).toHaveLength(200);
    await store.close();
  });

  it('lets nobody but the owner read any of the files', async () => {
    const path = freshPath();
    const store = openSqliteStore(path);
    await store.backup(`${path}.backup`);
    const modes = [path, `${path}-wal`, `${path}.backup`].map((file) => statSync(file).mode & 0o777);
    await store.close();
    chmodSync(`${path}.backup`, 0o644);
    restoreSqlite(path, `${path}.backup`);
    expect([...modes, statSync(path).mode & 0o777]).toEqual([0o600, 0o600, 0o600, 0o600]);
  });

  it('restores where there was no database', async () => {
    const path = freshPath();
    await filled(path);
    const elsewhere = freshPath();
    expect(restoreSqlite(elsewhere, path)).toBeNull();
    const store = openSqliteStore(elsewhere);
    expect(await store.records()).toHaveLength(200);
    await store.close();
  });
});
