/** What of a list is asked for: filters, label selectors, pages. Pure; a bad one throws `Usage` with the place in its words. */
import { FairleadError } from '../base/error.ts';
import { apiVersion, type AnyResource, type ResourceKind, type ResourceList } from '../model/resource.ts';
import type { HealthState, LifecycleState } from '../model/record.ts';
import type { Service } from '../model/service.ts';
import type { ServiceView } from '../ports/read-model.ts';

export interface ServiceFilter {
  readonly type?: string;
  readonly state?: string;
  readonly health?: string;
  readonly tag?: string;
  readonly label?: string;
  readonly q?: string;
}

export interface PageQuery {
  readonly limit?: number;
  readonly continue?: string;
}

type LabelTest = (labels: Readonly<Record<string, string>>) => boolean;

const states: Readonly<Record<LifecycleState, true>> = {
  Draft: true,
  Validating: true,
  Deploying: true,
  Active: true,
  Updating: true,
  Deactivating: true,
  Inactive: true,
  Error: true,
};
const healths: Readonly<Record<HealthState, true>> = { HEALTHY: true, DEGRADED: true, DOWN: true, UNKNOWN: true };
const types: Readonly<Record<Service['type'], true>> = { server: true, remote: true };

/** Services that pass every filter given; several values of one filter are comma-separated alternatives, in any case. */
export function selectServices(services: readonly ServiceView[], filter: ServiceFilter): readonly ServiceView[] {
  for (const [name, known] of Object.entries({ state: states, health: healths, type: types }))
    refuseUnknown(name, filter[name as 'state' | 'health' | 'type'], Object.keys(known));
  const among = (wanted: string | undefined, value: string | undefined): boolean =>
    wanted === undefined || wanted.split(',').some((word) => word.trim().toLowerCase() === (value ?? '').toLowerCase());
  const labels = filter.label === undefined ? [] : parseLabels(filter.label);
  return services.filter(
    ({ record }) =>
      among(filter.type, record.desired?.type) &&
      among(filter.state, record.state) &&
      among(filter.health, record.health) &&
      (filter.tag === undefined || (record.desired?.tags ?? []).includes(filter.tag)) &&
      labels.every((test) => test(record.desired?.labels ?? {})) &&
      mentions([record.service, record.desired?.description, ...(record.desired?.tags ?? [])], filter.q),
  );
}

function refuseUnknown(filter: string, wanted: string | undefined, known: readonly string[]): void {
  const words = wanted?.split(',').map((word) => word.trim()) ?? [];
  const strange = words.find((word) => known.every((value) => value.toLowerCase() !== word.toLowerCase()));
  if (strange === undefined) return;
  throw new FairleadError('Usage', `There is no ${filter} ${JSON.stringify(strange)}.`, {
    data: { next: `choose from ${known.join(', ')}` },
  });
}

/** Whether every word of `q` is somewhere in the texts, in any case. */
export function mentions(texts: readonly (string | null | undefined)[], q: string | undefined): boolean {
  if (q === undefined) return true;
  const text = texts.join('\n').toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** `team=platform,tier!=test,owner,!legacy` as kubectl reads it. */
export function parseLabels(selector: string): LabelTest[] {
  return selector.split(',').map((part) => {
    const match = /^\s*(?:(!)?([\w./-]+)|([\w./-]+)\s*(==?|!=)\s*([\w.-]*))\s*$/.exec(part);
    if (match === null)
      throw new FairleadError('Usage', `The label selector ${JSON.stringify(part)} is none.`, {
        data: { next: 'write key=value, key!=value, key or !key, separated by commas' },
      });
    const [, not, lone, key, operator, value] = match;
    if (lone !== undefined) return (labels) => Object.hasOwn(labels, lone) !== (not === '!');
    return (labels) => (Object.hasOwn(labels, key!) && labels[key!] === value) !== (operator === '!=');
  });
}

export interface Page<Item> {
  readonly items: readonly Item[];
  /** Cursor of the next page; null on the last. */
  readonly next: string | null;
  readonly total: number;
}

/**
 * One page of items that are sorted by `keyOf`. The cursor holds the last key of the page before, so a list that changes
 * between pages repeats and skips nothing that stayed. Throws Usage for a cursor that is none of ours.
 */
export function page<Item>(items: readonly Item[], keyOf: (item: Item) => string, query: PageQuery): Page<Item> {
  const after = query.continue === undefined ? null : readCursor(query.continue);
  const rest = after === null ? items : items.filter((item) => keyOf(item) > after);
  const shown = rest.slice(0, query.limit ?? 500);
  const last = shown.at(-1);
  return { items: shown, next: rest.length > shown.length && last !== undefined ? writeCursor(keyOf(last)) : null, total: items.length };
}

/** The list as the API says it. */
export function resourceList<Item extends AnyResource>(
  kind: ResourceKind,
  { items, next, total }: Page<Item>,
  observedCommit: string,
): ResourceList<Item> {
  return { apiVersion, kind: `${kind}List`, metadata: { continue: next, total }, items, observedCommit };
}

function writeCursor(key: string): string {
  return Buffer.from(`1:${key}`).toString('base64url');
}

function readCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  if (!text.startsWith('1:') || writeCursor(text.slice(2)) !== cursor)
    throw new FairleadError('Usage', 'The cursor in `continue` is not one that this API gave.', {
      data: { next: 'ask for the first page again, without `continue`' },
    });
  return text.slice(2);
}
