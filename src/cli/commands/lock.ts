/** `lock`: what services offer now, approved by writing it to the `fairlead.lock` of their source. */
import type { LockRequest } from '../../ports/admin.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';
import { screenOf } from '../terminal.ts';
import { lockText } from '../view/lock.ts';
import { change, type Changing } from './changes.ts';

interface LockOptions extends Changing {
  readonly source?: string;
  readonly target?: true;
  readonly check?: true;
  readonly dryRun?: true;
  readonly plan?: string;
  readonly output?: 'json';
}

/**
 * Shows what would be locked, then locks exactly that. Exit code 0; with --check nothing is written, and 1 says that the lock is
 * not what runs; 1 also when a service came to a bad end (--wait). Throws Refused.
 */
export async function lock(context: Context, services: readonly string[], options: LockOptions): Promise<number> {
  const { source, target, check, dryRun, plan, output } = options;
  const looksOnly = check === true || dryRun === true;
  if (looksOnly && (options.wait || options.propose || options.message !== undefined))
    throw usage(`${check ? '--check' : '--dry-run'} writes nothing.`, 'leave --wait, --propose and --message out');
  if (output === 'json' && !looksOnly) throw usage('-o json is for looking.', 'add --check or --dry-run');
  const request: LockRequest = { services, target: target === true, ...(source === undefined ? {} : { source }) };
  const report = await (await context.admin()).planLock(request);
  const { terminal } = context;
  terminal.out(output === 'json' ? `${JSON.stringify(report, null, 2)}\n` : lockText(report, screenOf(terminal)));
  if (looksOnly || report.changes.length === 0) return check === true && report.changes.length > 0 ? 1 : 0;
  // What was shown is what is approved: whatever is offered by then.
  return change(context, options, async (admin, writing) => admin.lock(request, plan ?? report.token, writing));
}
