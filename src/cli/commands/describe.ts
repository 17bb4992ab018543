/** `describe` and `explain`: one service or source for a person, and where a service's values come from. */
import { FairleadError } from '../../base/error.ts';
import type { Provenance } from '../../model/provenance.ts';
import type { ServiceResource, SourceResource, ToolResource } from '../../model/resource.ts';
import type { Context } from '../context.ts';
import { readEvents } from '../follow.ts';
import { screenOf } from '../terminal.ts';
import { describeSourceText } from '../view/describe-source.ts';
import { describeText } from '../view/describe.ts';
import { explainText } from '../view/explain.ts';

const eventsShown = 15;

export async function describe(context: Context, kind: 'service' | 'source', name: string): Promise<number> {
  if (kind === 'source') return describeSource(context, name);
  const api = context.api();
  const path = `/api/v1/services/${encodeURIComponent(name)}`;
  const service = await api.get<ServiceResource>(path);
  const [tools, events, dependencies] = await Promise.all([
    api.list<ToolResource>(`${path}/tools`),
    readEvents(context, name, eventsShown),
    api.get<{ services: readonly { dependants: readonly string[] }[] }>(`${path}/dependencies`),
  ]);
  const { terminal } = context;
  const described = { service, tools: tools.items, events, dependants: dependencies.services[0]?.dependants ?? [] };
  terminal.out(describeText(described, terminal.now(), screenOf(terminal)));
  return 0;
}

async function describeSource(context: Context, name: string): Promise<number> {
  const { terminal } = context;
  const { items } = await context.api().list<SourceResource>('/api/v1/sources', { name });
  terminal.out(describeSourceText(items[0]!, terminal.now(), screenOf(terminal)));
  return 0;
}

export async function explain(context: Context, name: string, options: { field?: string; output?: 'json' }): Promise<number> {
  const query = options.field === undefined ? '' : `?field=${encodeURIComponent(options.field)}`;
  const { fields } = await context
    .api()
    .get<{ fields: readonly Provenance[] }>(`/api/v1/services/${encodeURIComponent(name)}/explain${query}`);
  if (fields.length === 0)
    throw new FairleadError('NotFound', `${name} has no field ${options.field ?? 'that could be explained'}.`, {
      data: { next: `fairlead explain ${name} lists them all` },
    });
  const { terminal } = context;
  terminal.out(options.output === 'json' ? `${JSON.stringify(fields, null, 2)}\n` : explainText(fields, terminal.paint));
  return 0;
}
