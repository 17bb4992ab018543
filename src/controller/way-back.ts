/**
 * The way of a Service back to a Revision that it had: its manifest as it was written then, or, where that no longer comes to
 * the same, as it was resolved. Nothing but exactly that Revision counts.
 */
import { FairleadError } from '../base/error.ts';
import { manifestText } from '../manifest/spec.ts';
import type { ServiceRecord } from '../model/record.ts';
import type { Revision } from '../model/revision.ts';
import type { Proposal } from '../ports/admin.ts';
import type { ControllerContext } from './context.ts';
import { declaredAfter, type Draft, type Drafts } from './drafts.ts';
import type { SourceKeeper } from './source-keeper.ts';

/** The Source that a way back is written to: the one that declares it, or did. Throws NotFound when that is no longer configured. */
export function sourceOf(controller: ControllerContext, { service, desired }: ServiceRecord): SourceKeeper {
  return controller.source(controller.declarations.keeperOf(service) ?? desired?.origin.source ?? '');
}

/** Throws NotFound when the manifest is no longer known, Refused when it no longer comes to that Revision. */
export async function wayBack(
  { drafts, parts }: ControllerContext & { readonly drafts: Drafts },
  service: string,
  revision: Revision,
  source: SourceKeeper,
): Promise<Draft> {
  const known = await parts.store.revisionSource(service, revision.hash);
  if (known === null) throw new FairleadError('NotFound', `How ${revision.name} was declared is no longer known.`);
  const proposalOf = (text: string): Proposal => ({ files: { [`${service}.yaml`]: text }, deletions: [], prune: false });
  const written = await drafts.of(proposalOf(known.text), source);
  const isIt = (draft: Draft): boolean => declaredAfter(service, draft)?.revision.hash === revision.hash;
  // Templates may have changed since: the resolved manifest brings the exact Revision back whatever they say now.
  const draft = isIt(written) ? written : await drafts.of(proposalOf(manifestText(known.resolved, source.state.snapshot?.root)), source);
  const errors = draft.issues.filter(({ severity }) => severity === 'error');
  if (errors.length > 0 || !isIt(draft))
    throw new FairleadError('Refused', `${revision.name} can no longer be declared as it was.`, { data: { issues: errors } });
  return draft;
}

/** The commit that a way back takes back, in words: that which brought what is declared now. Null where there are no commits. */
export function takenBack({ commits, sources }: ControllerContext, { desired }: ServiceRecord): string | null {
  if (desired === null || sources.get(desired.origin.source)?.parts.kind !== 'git') return null;
  const id = desired.origin.snapshot;
  const subject = commits.known.get(id)?.subject;
  return subject === undefined ? id : `${id} (${subject})`;
}
