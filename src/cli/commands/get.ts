/** `get`: lists of resources as a table, JSON, YAML or names; `-w` goes on printing the rows that change. */
import type { AnyResource, ResourceKind, ResourceList, ServiceResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';
import { screenOf } from '../terminal.ts';
import { columnsOf } from '../view/resource-table.ts';
import type { Screen } from '../view/screen.ts';
import { headerLine, rowLine, sortBy, standing, table, widthsOf, type Column } from '../view/table.ts';

type GetKind = 'services' | 'rollouts' | 'revisions' | 'instances' | 'tools' | 'events' | 'sources';

interface Options {
  readonly output?: 'wide' | 'json' | 'yaml' | 'name';
  readonly watch?: true;
  readonly selector?: string;
  readonly state?: string;
  readonly type?: string;
  readonly tag?: string;
  readonly sortBy?: string;
}

const kinds: Record<GetKind, ResourceKind> = {
  services: 'Service',
  rollouts: 'Rollout',
  revisions: 'Revision',
  instances: 'Instance',
  tools: 'Tool',
  events: 'Event',
  sources: 'Source',
};

/** Exit code 0; an unknown name is NotFound, 1. */
export async function get(context: Context, kind: GetKind, name: string | undefined, options: Options): Promise<number> {
  const { terminal } = context;
  const fetched = await fetchList(context, kind, name, options);
  const list = { ...fetched, items: ordered(fetched.items, kind, options, terminal.now()) };
  if (options.watch) return watch(context, kind, name, options, list);
  if (options.output === 'json' || options.output === 'yaml') {
    const value = name !== undefined && kind === 'services' ? list.items[0] : list;
    terminal.out(await asText(value, options.output));
  } else if (options.output === 'name') {
    terminal.out(list.items.map(({ kind: itemKind, metadata }) => `${itemKind.toLowerCase()}/${metadata.name}\n`).join(''));
  } else if (list.items.length === 0) {
    terminal.err(`No ${kind} found.\n`);
  } else {
    const columns = columnsOf(kinds[kind], terminal.now(), options.output === 'wide');
    terminal.out(table(columns, list.items, screenFor(context, options)));
  }
  return 0;
}

/** All pages of what the flags ask for. */
async function fetchList(context: Context, kind: GetKind, name: string | undefined, options: Options): Promise<ResourceList> {
  const api = context.api();
  if (kind === 'services' && name !== undefined) {
    const service = await api.get<ServiceResource>(`/api/v1/services/${encodeURIComponent(name)}`);
    return {
      apiVersion: service.apiVersion,
      kind: 'ServiceList',
      metadata: { continue: null, total: 1 },
      items: [service],
      observedCommit: service.observedCommit,
    };
  }
  const query: Record<string, string> = {};
  if (name !== undefined) query[kind === 'sources' ? 'name' : 'service'] = name;
  for (const [flag, value] of Object.entries({ state: options.state, type: options.type, tag: options.tag, label: options.selector })) {
    if (value === undefined) continue;
    if (kind !== 'services') throw usage(`--${flag === 'label' ? 'selector' : flag} is for \`get services\` only.`);
    query[flag] = value;
  }
  return api.list<AnyResource>(`/api/v1/${kind}`, query);
}

function ordered(items: readonly AnyResource[], kind: GetKind, options: Options, now: number): readonly AnyResource[] {
  if (options.sortBy === undefined) return items;
  const columns = columnsOf(kinds[kind], now, true);
  const sorted = sortBy(columns, items, options.sortBy);
  if (sorted === null)
    throw usage(`There is no column ${options.sortBy}.`, `sort by one of ${columns.map(({ header }) => header.toLowerCase()).join(', ')}`);
  return sorted;
}

/** Prints what is, then each row again when it reads differently; ends with the stream. */
async function watch(context: Context, kind: GetKind, name: string | undefined, options: Options, first: ResourceList): Promise<number> {
  const { terminal } = context;
  const screen = screenFor(context, options);
  const columnsNow = (): Column<AnyResource>[] => columnsOf(kinds[kind], terminal.now(), options.output === 'wide');
  const widths = widthsOf(columnsNow(), first.items, screen);
  const inRows = options.output === undefined || options.output === 'wide';
  const seen = new Map<string, string>();
  const print = async (items: readonly AnyResource[]): Promise<void> => {
    const columns = columnsNow();
    for (const item of items) {
      const key = `${item.metadata.service ?? ''}/${item.metadata.name}`;
      const text = inRows ? standing(columns, item) : JSON.stringify({ ...item, observedCommit: '' });
      if (seen.get(key) === text) continue;
      seen.set(key, text);
      if (options.output === 'json') terminal.out(`${JSON.stringify(item)}\n`);
      else if (options.output === 'yaml') terminal.out(`---\n${await asText(item, 'yaml')}`);
      else if (options.output === 'name') terminal.out(`${item.kind.toLowerCase()}/${item.metadata.name}\n`);
      else terminal.out(rowLine(columns, item, widths, screen));
    }
  };
  if (inRows) terminal.out(headerLine(columnsNow(), widths, screen));
  await print(first.items);
  const path = kind === 'events' ? '/api/v1/events' : '/api/v1/services';
  for await (const { event } of context.api().stream(path, terminal.signal)) {
    if (event !== undefined && event !== 'ping') await print((await fetchList(context, kind, name, options)).items);
  }
  return 0;
}

/** `-o wide` is asked for to see everything: it is not cut to the terminal. */
function screenFor({ terminal }: Context, { output }: Options): Screen {
  return output === 'wide' ? { paint: terminal.paint, columns: null } : screenOf(terminal);
}

async function asText(value: unknown, format: 'json' | 'yaml'): Promise<string> {
  if (format === 'json') return `${JSON.stringify(value, null, 2)}\n`;
  return (await import('yaml')).stringify(value);
}
