/** What of a list is asked for: filters, label selectors, pages. Pure; a bad one throws `Usage` with the place in its words. */
import { FairleadError } from '../base/error.ts';
import type { AnyResource, ResourceList, ServiceResource } from '../model/resource.ts';
import { apiVersion } from '../model/resource.ts';
import { mentions } from './resources.ts';

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

/** Services that pass every filter given; several values of one filter are comma-separated alternatives, in any case. */
export function selectServices(services: readonly ServiceResource[], filter: ServiceFilter): ServiceResource[] {
  const among = (wanted: string | undefined, value: string | null): boolean =>
    wanted === undefined || wanted.split(',').some((word) => word.trim().toLowerCase() === (value ?? '').toLowerCase());
  const labels = filter.label === undefined ? [] : parseLabels(filter.label);
  return services.filter(
    (service) =>
      among(filter.type, service.status.type) &&
      among(filter.state, service.status.state) &&
      among(filter.health, service.status.health) &&
      (filter.tag === undefined || service.status.tags.includes(filter.tag)) &&
      labels.every((test) => test(service.metadata.labels)) &&
      (filter.q === undefined || mentions(service, filter.q)),
  );
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
    if (lone !== undefined) return (labels) => lone in labels !== (not === '!');
    return (labels) => (labels[key!] === value) !== (operator === '!=');
  });
}

/**
 * One page of items that are sorted by `keyOf`. The cursor holds the last key of the page before, so a list that changes
 * between pages repeats and skips nothing that stayed. Throws Usage for a cursor that is none of ours.
 */
export function page<Item extends AnyResource>(
  kind: ResourceList['kind'],
  items: readonly Item[],
  keyOf: (item: Item) => string,
  query: PageQuery,
  observedCommit: string,
): ResourceList<Item> {
  const after = query.continue === undefined ? null : readCursor(query.continue);
  const rest = after === null ? items : items.filter((item) => keyOf(item) > after);
  const limit = query.limit ?? 500;
  const shown = rest.slice(0, limit);
  const last = shown.at(-1);
  return {
    apiVersion,
    kind,
    metadata: { continue: rest.length > limit && last !== undefined ? writeCursor(keyOf(last)) : null, total: items.length },
    items: shown,
    observedCommit,
  };
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
