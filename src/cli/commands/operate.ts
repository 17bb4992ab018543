/** `reconcile`, `suspend`, `resume`, `down`, `backup`: over the admin socket, audited there. `restore` works with nothing running. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { dataDirOf } from '../../base/data-dir.ts';
import { FairleadError } from '../../base/error.ts';
import type { SourceResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { oneLine } from '../view/table.ts';

interface Target {
  readonly source?: true;
}

/** Exit code 0 when every Source that was asked for could be read, 1 when one could not. */
export async function reconcile(context: Context, source: string | undefined): Promise<number> {
  const { terminal } = context;
  await (await context.admin()).reconcile(source ?? null);
  const { items } = await context.api().list<SourceResource>('/api/v1/sources', source === undefined ? {} : { name: source });
  const unread = items.filter(({ status }) => status.failure !== null);
  const suspended = items.filter(({ status }) => status.suspended);
  for (const { metadata, status } of unread)
    terminal.err(`${terminal.errPaint.bad('error:')} ${metadata.name}: ${oneLine(status.failure!)}\n`);
  for (const { metadata } of suspended)
    terminal.out(`source/${metadata.name} is suspended: it is read again after \`fairlead resume ${metadata.name} --source\`\n`);
  const read = unread.length + suspended.length === 0;
  const which = source === undefined ? 'every source' : `source/${source}`;
  const services = source === undefined ? 'every service' : 'its services';
  terminal.out(read ? `${which} read again, ${services} looked at\n` : `${services} looked at\n`);
  return unread.length > 0 ? 1 : 0;
}

/** While suspended, changes of the manifest (or of the whole source) are not applied; what runs goes on. */
export async function suspend(context: Context, name: string, options: Target): Promise<number> {
  return setSuspended(context, name, options, true);
}

export async function resume(context: Context, name: string, options: Target): Promise<number> {
  return setSuspended(context, name, options, false);
}

async function setSuspended(context: Context, name: string, { source }: Target, suspended: boolean): Promise<number> {
  const admin = await context.admin();
  if (source) await admin.suspendSource(name, suspended);
  else await admin.command(name, suspended ? 'suspend' : 'resume');
  const what = source ? `source/${name}` : `service/${name}`;
  context.terminal.out(
    suspended ? `${what} suspended: changes wait until \`fairlead resume ${name}${source ? ' --source' : ''}\`\n` : `${what} resumed\n`,
  );
  return 0;
}

/** Stops everything and waits until it has stopped. Throws TimedOut when it takes longer than `timeout` ms. */
export async function down(context: Context, options: { timeout: number }): Promise<number> {
  const { terminal } = context;
  const admin = await context.admin();
  const { runFile } = dataDirOf(await context.dataDir());
  const startedAt = terminal.now();
  await admin.stop();
  terminal.out('Stopping: calls under way end, then every service stops.\n');
  while (existsSync(runFile)) {
    if (terminal.now() - startedAt > options.timeout)
      throw new FairleadError('TimedOut', `It has not stopped within ${options.timeout / 1_000} s.`, {
        data: { next: 'calls may still be under way; wait longer, or see `fairlead doctor`' },
      });
    await sleep(50);
  }
  terminal.out('Stopped. Nothing of it runs any more.\n');
  return 0;
}

/** A consistent copy of the database, while it runs. */
export async function backup(context: Context, path: string): Promise<number> {
  const target = resolve(context.terminal.cwd, path);
  await (await context.admin()).backup(target);
  context.terminal.out(`backup written to ${target}\n`);
  return 0;
}

/** Puts a backup in the place of the database; nothing may be running on it. */
export async function restore(context: Context, path: string): Promise<number> {
  const dataDir = context.localDataDir();
  if (dataDir === null)
    throw new FairleadError('Usage', 'There is no data directory here to restore into.', {
      data: { next: 'name it: fairlead restore FILE --data-dir DIR' },
    });
  const { restoreSqlite } = await import('../../stores/restore.ts');
  const { holdDataDir } = await import('../../stores/data-dir-lock.ts');
  const { database, root } = dataDirOf(dataDir);
  // The database alone does not tell: it is free for moments while the controller is started again.
  const letGo = existsSync(root) ? holdDataDir(root) : () => {};
  try {
    const aside = restoreSqlite(database, resolve(context.terminal.cwd, path));
    context.terminal.out(`${database} restored from ${path}${aside === null ? '' : `; the one before is ${aside}`}\n`);
    return 0;
  } finally {
    letGo();
  }
}

/** Looks for what is usually wrong. Exit code 1 when something is. */
export async function doctor(context: Context, options: { output?: 'json' }): Promise<number> {
  const { terminal } = context;
  const { examine } = await import('../examine.ts');
  const findings = await examine(context);
  if (options.output === 'json') {
    terminal.out(`${JSON.stringify(findings, null, 2)}\n`);
  } else {
    for (const { what, good, words, next } of findings) {
      terminal.out(`${good ? terminal.paint.good('ok ') : terminal.paint.bad('bad')}  ${what.padEnd(12)} ${words}\n`);
      if (!good && next !== undefined) terminal.out(`${' '.repeat(18)}next: ${next}\n`);
    }
  }
  return findings.every(({ good }) => good) ? 0 : 1;
}
