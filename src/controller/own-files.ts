/** Which of the files that a Source laid out, and that are others now, a Service runs in. Pure. */
import { isAbsolute, relative, resolve } from 'node:path';
import type { Desired } from '../model/desired.ts';
import type { DriftPolicy, FilesDrift } from '../model/drift.ts';
import type { Service } from '../model/service.ts';
import type { SourceKeeper } from './source-keeper.ts';

/** What a pass over a Service is told of drift; one that comes from no Source that is configured is put right where it can be. */
export function driftFor(service: Service | null, sources: ReadonlyMap<string, SourceKeeper>): Pick<Desired, 'driftPolicy' | 'files'> {
  const keeper = service === null ? undefined : sources.get(service.origin.source);
  if (service === null || keeper === undefined) return { driftPolicy: 'correct', files: null };
  const { drift } = keeper.state;
  return { driftPolicy: policyOf(keeper), files: drift === null || drift === 'unknown' ? drift : ownFiles(service, drift) };
}

export function policyOf({ parts }: SourceKeeper): DriftPolicy {
  return parts.drift ?? 'correct';
}

/** Those that lie in the folder that it runs in, or that its command names; null when there are none. */
export function ownFiles({ revision: { run } }: Service, drift: FilesDrift): FilesDrift | null {
  if (run.runtime !== 'process' || !isAbsolute(run.cwd)) return null;
  const named = new Set(run.command.map((word) => resolve(run.cwd, word)));
  const files = drift.files.filter(({ path }) => {
    const absolute = resolve(drift.root, path);
    return isWithin(run.cwd, absolute) || named.has(absolute);
  });
  if (files.length === drift.files.length) return drift;
  return files.length === 0 ? null : { ...drift, files };
}

function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith('../') && !isAbsolute(way);
}
