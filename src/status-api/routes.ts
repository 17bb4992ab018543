/** The routes of the status API. Each is one view of the ReadModel; none changes anything. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Type, type TSchema } from 'typebox';
import { FairleadError } from '../base/error.ts';
import type { AnyResource, HealthReport, ResourceKind } from '../model/resource.ts';
import type { ServiceView } from '../ports/read-model.ts';
import type { Catalog } from './catalog.ts';
import {
  eventResource,
  instanceResources,
  instanceStatuses,
  revisionResources,
  rolloutResources,
  sourceResource,
  wordsOf,
} from './resources.ts';
import { pageQuery, serviceFilter } from './schemas.ts';
import { mentions, page, resourceList, selectServices, type PageQuery, type ServiceFilter } from './selection.ts';
import type { Streams } from './streams.ts';

interface Named {
  readonly name: string;
}
type Query = PageQuery &
  ServiceFilter & {
    service?: string;
    name?: string;
    after?: number;
    field?: string;
    days?: number;
    tool?: string;
    resource?: string;
    prompt?: string;
  };

const serviceParam = Type.Optional(Type.String({ maxLength: 100, description: 'only what belongs to this service' }));
const q = Type.Optional(Type.String({ maxLength: 400, description: 'words that must all occur' }));

export function addRoutes(app: FastifyInstance, catalog: Catalog, streams: Streams): void {
  const { model } = catalog;

  /** Declares a GET route with its schema; the answer is whatever `answer` returns. */
  const get = (
    path: string,
    schema: { summary: string; answers: string; query?: Record<string, TSchema> },
    answer: (query: Query, name: string, request: FastifyRequest, reply: FastifyReply) => unknown,
  ): void => {
    app.get(`/api/v1${path}`, {
      schema: {
        summary: schema.summary,
        tags: [path.split('/')[1]!],
        querystring: Type.Object(schema.query ?? {}, { additionalProperties: false }),
        ...(path.includes(':name') ? { params: Type.Object({ name: Type.String({ description: 'name of the service' }) }) } : {}),
        response: { 200: Type.Ref(schema.answers), default: Type.Ref('Problem') },
      },
      handler: async (request, reply) => answer(request.query as Query, (request.params as Partial<Named>).name ?? '', request, reply),
    });
  };
  /** A list of one kind over all services, or those named by `service`. */
  const collection = (
    kind: ResourceKind,
    path: string,
    summary: string,
    itemsOf: (view: ServiceView) => readonly AnyResource[] | Promise<readonly AnyResource[]>,
  ): void => {
    get(path, { summary, answers: `${kind}List`, query: { ...pageQuery, service: serviceParam, q } }, async (query) => {
      const views = query.service === undefined ? model.services() : [catalog.view(query.service)];
      return listOf(kind, (await Promise.all(views.map(async (view) => itemsOf(view)))).flat(), query);
    });
    if (kind !== 'Rollout')
      get(
        `/services/:name${path}`,
        { summary: `${summary} of one service`, answers: `${kind}List`, query: { ...pageQuery, q } },
        async (query, name) => listOf(kind, await itemsOf(catalog.view(name)), query),
      );
  };
  const listOf = (kind: ResourceKind, items: readonly AnyResource[], query: Query) => {
    const keys = keysOf(items);
    const found = items.filter((item) => mentions(wordsOf(item), query.q));
    return resourceList(
      kind,
      page(found, (item) => keys.get(item)!, query),
      catalog.commit(),
    );
  };

  get(
    '/services',
    {
      summary: 'Services, sorted by name. With Accept: text/event-stream, their changes.',
      answers: 'ServiceList',
      query: { ...pageQuery, ...serviceFilter },
    },
    async (query, _name, request, reply) => {
      if (wantsStream(request)) return streams.services(catalog, request, reply, query);
      const shown = page(selectServices(model.services(), query), ({ record }) => record.service, query);
      return resourceList('Service', { ...shown, items: await catalog.services(shown.items) }, catalog.commit());
    },
  );
  get('/services/stats/overview', { summary: 'Counts, whether everything has settled, and what is in trouble', answers: 'Overview' }, () =>
    catalog.overview(),
  );
  get('/services/:name', { summary: 'One service, whole', answers: 'Service' }, (_query, name) => catalog.service(catalog.view(name)));
  get(
    '/services/:name/health',
    { summary: 'Health of a service and of each of its instances, with every check', answers: 'HealthReport' },
    (_query, name): HealthReport => {
      const view = catalog.view(name);
      const instances = instanceStatuses(view).map(({ name: instance, revision, role, phase, health, checks }) => ({
        name: instance,
        revision,
        role,
        phase,
        health,
        checks,
      }));
      return { service: name, health: view.record.health, instances, observedCommit: view.record.observedSnapshot };
    },
  );
  collection('Tool', '/tools', 'Tools, as clients see them', (view) => catalog.tools(view));
  collection('Revision', '/revisions', 'Revisions: stable, target, promoted before, rejected', revisionResources);
  collection('Instance', '/instances', 'Instances', instanceResources);
  collection('Rollout', '/rollouts', 'Rollouts under way, and how those before ended', rolloutResources);
  get(
    '/services/:name/rollout',
    { summary: 'The rollout under way, and how those before it ended, newest first', answers: 'RolloutList', query: pageQuery },
    (query, name) => listOf('Rollout', rolloutResources(catalog.view(name)), query),
  );
  get(
    '/services/:name/dependencies',
    { summary: 'What a service depends on, and what depends on it', answers: 'DependencyReport' },
    (_query, name) => dependencies(catalog, [catalog.view(name)]),
  );
  get('/dependencies', { summary: 'Dependencies of every service', answers: 'DependencyReport' }, () =>
    dependencies(catalog, model.services()),
  );
  const days = Type.Optional(
    Type.Integer({ minimum: 1, maximum: 366, description: 'days back from today, UTC; 30 unless told otherwise' }),
  );
  get('/services/:name/usage', { summary: 'Calls of each tool by day', answers: 'UsageReport', query: { days } }, async (query, name) => {
    const view = catalog.view(name);
    const since = new Date(Date.now() - ((query.days ?? 30) - 1) * 86_400_000).toISOString().slice(0, 10);
    return { days: await model.usage(name, since), observedCommit: view.record.observedSnapshot };
  });
  const field = Type.Optional(Type.String({ maxLength: 500, description: 'path of a field, spec.limits.callTimeout' }));
  get(
    '/services/:name/explain',
    { summary: 'Where each resolved value comes from, and what it overrode', answers: 'Explanation', query: { field } },
    async (query, name) => {
      const view = catalog.view(name);
      return { fields: await model.explain(name, query.field ?? null), observedCommit: view.record.observedSnapshot };
    },
  );

  const after = Type.Optional(Type.Integer({ minimum: 0, description: 'events with a larger seq only' }));
  const limit = Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: 'the newest so many; 100 unless told otherwise' }));
  const events = (query: Query, service: string | undefined, request: FastifyRequest, reply: FastifyReply) => {
    const asked = { ...(service === undefined ? {} : { service }), ...(query.after === undefined ? {} : { after: query.after }) };
    if (wantsStream(request)) {
      const last = Number(request.headers['last-event-id'] ?? 'none');
      const resumed = Number.isSafeInteger(last) && last >= 0 ? { after: last } : {};
      return streams.events(catalog, request, reply, {
        ...asked,
        ...(query.limit === undefined ? {} : { limit: query.limit }),
        ...resumed,
      });
    }
    return model.events({ ...asked, limit: query.limit ?? 100 }).then((found) => {
      // A service that has gone has left its Events; one without any never was.
      if (found.length === 0 && service !== undefined && query.after === undefined) catalog.view(service);
      return listOf('Event', found.map(eventResource), { limit: 1_000 });
    });
  };
  const streaming = 'Events, oldest first. With Accept: text/event-stream, from Last-Event-ID on as they happen.';
  get(
    '/events',
    { summary: streaming, answers: 'EventList', query: { limit, after, service: serviceParam } },
    (query, _name, request, reply) => events(query, query.service, request, reply),
  );
  get('/services/:name/events', { summary: streaming, answers: 'EventList', query: { limit, after } }, (query, name, request, reply) => {
    catalog.view(name);
    return events(query, name, request, reply);
  });
  const sourceName = Type.Optional(Type.String({ maxLength: 200, description: 'only the source of this name' }));
  get('/sources', { summary: 'Sources of manifests', answers: 'SourceList', query: { ...pageQuery, name: sourceName } }, (query) => {
    const sources = model.sources().filter(({ name }) => query.name === undefined || name === query.name);
    if (sources.length === 0 && query.name !== undefined)
      throw new FairleadError('NotFound', `There is no source ${JSON.stringify(query.name)}.`);
    return listOf('Source', sources.map(sourceResource), query);
  });
  const wanted = Type.Optional(Type.String({ maxLength: 1_000 }));
  get(
    '/resolve',
    {
      summary: 'Which services offer a tool, resource or prompt of this name',
      answers: 'Resolution',
      query: { tool: wanted, resource: wanted, prompt: wanted },
    },
    (query) => resolve(catalog, query),
  );
  get('/about', { summary: 'This controller: version, addresses, processes', answers: 'About' }, () => ({
    ...model.about(),
    startedAt: new Date(model.about().startedAt).toISOString(),
  }));
}

/** Where each item stands for the cursor: its service, then its place among those of the service. */
function keysOf(items: readonly AnyResource[]): Map<AnyResource, string> {
  const seen = new Map<string, number>();
  return new Map(
    items.map((item) => {
      const service = item.kind === 'Event' ? '' : (item.metadata.service ?? '');
      const place = (seen.get(service) ?? 0) + 1;
      seen.set(service, place);
      // A space sorts before everything that a name may hold: `a` with all its items comes before `a-b`, as the items do.
      return [item, `${service} ${String(place).padStart(6, '0')}`];
    }),
  );
}

function wantsStream(request: FastifyRequest): boolean {
  return (request.headers.accept ?? '').includes('text/event-stream') && request.method === 'GET';
}

function dependencies(catalog: Catalog, views: readonly ServiceView[]) {
  const all = catalog.model.services();
  const dependsOn = ({ record }: ServiceView): readonly string[] => record.desired?.dependsOn.map(({ service }) => service) ?? [];
  const dependants = new Map<string, string[]>();
  for (const view of all) for (const name of dependsOn(view)) dependants.set(name, [...(dependants.get(name) ?? []), view.record.service]);
  const ready = (view: ServiceView | null): boolean =>
    view?.record.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
  return {
    services: views.map((view) => ({
      service: view.record.service,
      dependsOn: dependsOn(view).map((service) => {
        const target = catalog.model.service(service);
        return { service, declared: target !== null, ready: ready(target) };
      }),
      dependants: dependants.get(view.record.service) ?? [],
    })),
    observedCommit: catalog.commit(),
  };
}

/** Exactly one of tool, resource and prompt; matched by the service's own name, the exposed name or the name at /mcp. */
async function resolve(catalog: Catalog, query: Query) {
  const asked = (['tool', 'resource', 'prompt'] as const).filter((kind) => query[kind] !== undefined);
  if (asked.length !== 1)
    throw new FairleadError('Usage', 'Ask for one of ?tool=, ?resource= and ?prompt=.', {
      data: { next: 'GET /api/v1/resolve?tool=NAME' },
    });
  const kind = asked[0]!;
  const name = query[kind]!;
  const matches: { service: string; name: string; exposedAs: string; aggregatedAs: string }[] = [];
  for (const view of catalog.model.services()) {
    const service = view.record.service;
    if (kind === 'tool') {
      for (const { spec } of await catalog.tools(view))
        if ([spec.tool, spec.exposedAs, spec.aggregatedAs].includes(name))
          matches.push({ service, name: spec.tool, exposedAs: spec.exposedAs, aggregatedAs: spec.aggregatedAs });
      continue;
    }
    const contract = await catalog.contract(view);
    const found =
      kind === 'resource' ? contract?.resources.some(({ uri }) => uri === name) : contract?.prompts.some((prompt) => prompt.name === name);
    if (found === true) matches.push({ service, name, exposedAs: name, aggregatedAs: name });
  }
  return { matches, observedCommit: catalog.commit() };
}
