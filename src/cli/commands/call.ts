/** `call`, `tools`, `events`: using what is served, and what happened. Calls go through the gateway like any client's. */
import { stripVTControlCharacters } from 'node:util';
import { FairleadError } from '../../base/error.ts';
import type { EventResource, ResourceList, ServiceResource, ToolResource } from '../../model/resource.ts';
import type { About } from '../../ports/read-model.ts';
import type { Context } from '../context.ts';
import { usage } from '../errors.ts';
import { screenOf } from '../terminal.ts';
import { toolArguments } from '../tool-arguments.ts';
import { eventLine } from '../view/event-line.ts';
import { columnsOf } from '../view/resource-table.ts';
import { table } from '../view/table.ts';
import { resultText, type ToolResult } from '../view/tool-result.ts';

interface CallOptions {
  readonly arg?: readonly string[];
  readonly json?: string;
  readonly service?: string;
  readonly output?: 'json';
  /** In ms. */
  readonly timeout: number;
}

/** Exit code 0, 1 when the tool says it failed. */
export async function call(context: Context, tool: string, options: CallOptions): Promise<number> {
  const api = context.api();
  const found = await toolNamed(context, tool, options.service);
  const args = toolArguments(found.spec.inputSchema, options.arg ?? [], options.json);
  const { gatewayUrl } = await api.get<About>('/api/v1/about');
  const url = `${gatewayUrl}/api/v1/services/${encodeURIComponent(found.metadata.service!)}/call`;
  const result = await api.post<ToolResult>(url, { tool: found.spec.exposedAs, args }, options.timeout);
  const { terminal } = context;
  const text = resultText(result);
  if (options.output === 'json') terminal.out(`${JSON.stringify(result, null, 2)}\n`);
  else terminal.out(terminal.interactive ? stripVTControlCharacters(text) : text);
  return result.isError === true ? 1 : 0;
}

/** The one tool of this name. Throws NotFound for none, and Usage when several services offer it. */
async function toolNamed(context: Context, name: string, service: string | undefined): Promise<ToolResource> {
  const { items } = await context.api().list<ToolResource>('/api/v1/tools', service === undefined ? {} : { service });
  const found = items.filter(({ spec }) => [spec.exposedAs, spec.aggregatedAs].includes(name));
  const [first] = found;
  if (first === undefined && service !== undefined) await sayWhyHidden(context, name, service);
  if (first === undefined && service !== undefined && items.length === 0)
    throw new FairleadError('NotFound', `${service} offers no tools now.`, { data: { next: `fairlead describe service ${service}` } });
  if (first === undefined) {
    const near = items
      .filter(({ spec }) => spec.exposedAs.includes(name) || name.includes(spec.exposedAs))
      .map(({ spec }) => spec.exposedAs);
    throw new FairleadError(
      'NotFound',
      `${service ?? 'No service'} offers ${service === undefined ? 'a' : 'no'} tool ${JSON.stringify(name)}.`,
      {
        data: { next: near.length > 0 ? `did you mean ${near.slice(0, 5).join(', ')}?` : `fairlead tools ${name}` },
      },
    );
  }
  if (found.length > 1)
    throw usage(
      `${found.length} services offer ${name}: ${found
        .slice(0, 10)
        .map(({ metadata }) => metadata.service)
        .join(', ')}${found.length > 10 ? ' …' : ''}.`,
      `choose one: fairlead call ${name} --service ${first.metadata.service}`,
    );
  return first;
}

/** Throws ToolQuarantined when the service has the tool and hides it because it drifted. */
async function sayWhyHidden(context: Context, name: string, service: string): Promise<void> {
  const { status } = await context.api().get<ServiceResource>(`/api/v1/services/${encodeURIComponent(service)}`);
  if (!status.quarantine.includes(name)) return;
  throw new FairleadError('ToolQuarantined', `${service} hides its tool ${JSON.stringify(name)}: it changed without a commit.`, {
    data: { next: `fairlead describe service ${service} says how, and what to commit to approve it` },
  });
}

export async function tools(context: Context, query: readonly string[], options: { output?: 'wide' | 'json' }): Promise<number> {
  const { terminal } = context;
  const words = query.join(' ');
  const list = await context.api().list<ToolResource>('/api/v1/tools', words === '' ? {} : { q: words });
  if (options.output === 'json') terminal.out(`${JSON.stringify(list, null, 2)}\n`);
  else if (list.items.length === 0) terminal.err(words === '' ? 'No tool is offered now.\n' : `No tool mentions ${words}.\n`);
  else terminal.out(table(columnsOf('Tool', terminal.now(), options.output === 'wide'), list.items, screenOf(terminal)));
  return 0;
}

export async function events(
  context: Context,
  service: string | undefined,
  options: { watch?: true; limit: number; output?: 'json' },
): Promise<number> {
  const { terminal } = context;
  const api = context.api();
  const path = service === undefined ? '/api/v1/events' : `/api/v1/services/${encodeURIComponent(service)}/events`;
  const print = (event: EventResource): void =>
    terminal.out(
      options.output === 'json' ? `${JSON.stringify(event)}\n` : eventLine(event, screenOf(terminal), service === undefined ? 20 : 0),
    );
  const past = await api.get<ResourceList<EventResource>>(`${path}?limit=${options.limit}`);
  for (const event of past.items) print(event);
  if (!options.watch) return 0;
  const last = past.items.at(-1)?.spec.seq ?? 0;
  for await (const { event, data } of api.stream(path, terminal.signal, String(last)))
    if (event === 'event') print(JSON.parse(data) as EventResource);
  return 0;
}
