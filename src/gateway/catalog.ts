/**
 * The tools, prompts and resources of all services under the names that clients of `/mcp` know.
 *
 * Names are `prefix__name`; one over 64 characters keeps its head and gets a hash for a tail, so does the later of two that
 * would be the same. A name is found in the index that was made with it, never taken apart. A resource keeps its URI; of two
 * services with one URI the first by name has it. Lists hold what is live; a call to a service that restarts still finds it.
 * While a Rollout moves between two Contracts each client's lists hold what its own Revision offers; whatever either
 * offers has one name for all.
 */
import { sha256 } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';
import type { Backend } from './backend.ts';
import { RpcError, rpc } from './message.ts';

const maxNameLength = 64;
const pageSize = 500;

/** Something of a service under a public name. */
export interface Entry {
  readonly backend: Backend;
  /** The service's own name or URI. */
  readonly own: string;
  readonly live: boolean;
  /** As lists show it, JSON: by the hash of the Contract that offers it. */
  readonly texts: Map<string, string>;
  /** All Contracts of the service, that of most clients first. */
  readonly contracts: readonly Contract[];
}

/** The Contract that somebody sees of a service that has several: while a Rollout moves between two. */
export type View = (backend: Backend) => Contract | null;

interface TemplateEntry extends Entry {
  readonly matches: (uri: string) => boolean;
}

interface Index {
  readonly tools: Map<string, Entry>;
  readonly prompts: Map<string, Entry>;
  readonly resources: Map<string, Entry>;
  readonly templates: Map<string, TemplateEntry>;
}

export type ListMethod = 'tools/list' | 'prompts/list' | 'resources/list' | 'resources/templates/list';

const listOf: Readonly<Record<ListMethod, { readonly index: keyof Index; readonly member: string }>> = {
  'tools/list': { index: 'tools', member: 'tools' },
  'prompts/list': { index: 'prompts', member: 'prompts' },
  'resources/list': { index: 'resources', member: 'resources' },
  'resources/templates/list': { index: 'templates', member: 'resourceTemplates' },
};

export function isListMethod(method: string | null): method is ListMethod {
  return method !== null && Object.hasOwn(listOf, method);
}

export class Catalog {
  readonly #backends: ReadonlyMap<string, Backend>;
  #index: Index | null = null;
  /** A Plan has come: what is not here is not declared, or is about to be. */
  begun = false;

  constructor(backends: ReadonlyMap<string, Backend>) {
    this.#backends = backends;
  }

  /** A Contract, an exposure or a service changed: the next question makes the index anew. */
  invalidate(): void {
    this.#index = null;
  }

  /** No Plan has come, or a published service has yet to say what it offers: a name that is not found may be there soon. */
  get unsettled(): boolean {
    const published = [...this.#backends.values()].filter((backend) => backend.published);
    return !this.begun || published.some((backend) => backend.contract() === null && backend.lastContract === null);
  }

  tool(name: string): Entry | null {
    return this.#made().tools.get(name) ?? null;
  }

  prompt(name: string): Entry | null {
    return this.#made().prompts.get(name) ?? null;
  }

  /** Who has a resource: by its URI, else by a template that fits. */
  resource(uri: string): Entry | null {
    const index = this.#made();
    const found = index.resources.get(uri) ?? index.templates.get(uri);
    if (found !== undefined) return found;
    for (const template of index.templates.values()) if (template.matches(uri)) return template;
    return null;
  }

  /** Every tool that is listed to clients of no Revision in particular: public name, entry and JSON. */
  tools(): Listed[] {
    return listed(this.#made().tools, () => null);
  }

  /** One page as a result object's JSON. Throws RpcError InvalidParams for a cursor that is none. */
  page(method: ListMethod, cursor: unknown, view: View): string {
    const { index, member } = listOf[method];
    const live = listed(this.#made()[index], view);
    const after = cursor === undefined ? null : readCursor(cursor);
    const from = after === null ? 0 : live.findIndex(({ name }) => name > after);
    const page = from < 0 ? [] : live.slice(from, from + pageSize);
    const last = page.at(-1);
    const more = last !== undefined && from + pageSize < live.length;
    const next = more ? `,"nextCursor":${JSON.stringify(Buffer.from(last.name, 'utf8').toString('base64url'))}` : '';
    return `{${JSON.stringify(member)}:[${page.map(({ text }) => text).join(',')}]${next}}`;
  }

  #made(): Index {
    this.#index ??= this.#make();
    return this.#index;
  }

  #make(): Index {
    const index: Index = { tools: new Map(), prompts: new Map(), resources: new Map(), templates: new Map() };
    const backends = [...this.#backends.values()].filter((backend) => backend.published).sort((a, b) => (a.service < b.service ? -1 : 1));
    for (const backend of backends) {
      const live = backend.contracts();
      if (live.length > 0) addService(index, backend, live, true);
      else if (backend.lastContract !== null) addService(index, backend, [backend.lastContract], false);
    }
    return {
      tools: sorted(index.tools),
      prompts: sorted(index.prompts),
      resources: sorted(index.resources),
      templates: sorted(index.templates),
    };
  }
}

function sorted<T>(map: Map<string, T>): Map<string, T> {
  return new Map([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

interface Listed {
  readonly name: string;
  readonly text: string;
  readonly entry: Entry;
}

/** What lists show to whoever has this view, in their order. */
function listed(entries: ReadonlyMap<string, Entry>, view: View): Listed[] {
  const seen = new Map<Backend, string>();
  const hashFor = ({ backend, contracts }: Entry): string => {
    if (contracts.length === 1) return contracts[0]!.hash;
    const hash = seen.get(backend) ?? (view(backend) ?? contracts[0]!).hash;
    seen.set(backend, hash);
    return hash;
  };
  return [...entries].flatMap(([name, entry]) => {
    const text = entry.live ? entry.texts.get(hashFor(entry)) : undefined;
    return text === undefined ? [] : [{ name, text, entry }];
  });
}

/** Adds what a service offers by any of its Contracts: what several of them offer is one entry. */
function addService(index: Index, backend: Backend, contracts: readonly Contract[], live: boolean): void {
  const { exposure, service, plan } = backend;
  const given = { tools: new Map<string, string>(), prompts: new Map<string, string>() };
  const nameOf = (kind: 'tools' | 'prompts', own: string, shown: string): string => {
    const name = given[kind].get(own) ?? nameFor(index[kind], plan.expose.prefix, shown, service);
    given[kind].set(own, name);
    return name;
  };
  const entryOf = (own: string, listed = live): Entry => ({ backend, own, live: listed, texts: new Map(), contracts });
  for (const { hash, tools, prompts, resources, resourceTemplates } of contracts) {
    for (const tool of tools) {
      const shown = exposure.publicName(tool.name);
      if (shown === null) continue;
      const name = nameOf('tools', tool.name, shown);
      // One in quarantine is in no list, but who calls it is told why it does not answer.
      const entry = index.tools.get(name) ?? entryOf(tool.name, live && !exposure.quarantined(tool.name));
      entry.texts.set(hash, JSON.stringify({ ...tool, name }));
      index.tools.set(name, entry);
    }
    for (const prompt of prompts) {
      const name = nameOf('prompts', prompt.name, prompt.name);
      const entry = index.prompts.get(name) ?? entryOf(prompt.name);
      entry.texts.set(hash, JSON.stringify({ ...prompt, name }));
      index.prompts.set(name, entry);
    }
    for (const resource of resources) {
      const entry = index.resources.get(resource.uri) ?? entryOf(resource.uri);
      if (entry.backend === backend) entry.texts.set(hash, JSON.stringify(resource));
      index.resources.set(resource.uri, entry);
    }
    for (const template of resourceTemplates) {
      const { uriTemplate } = template;
      const entry = index.templates.get(uriTemplate) ?? { ...entryOf(uriTemplate), matches: templateMatcher(uriTemplate) };
      if (entry.backend === backend) entry.texts.set(hash, JSON.stringify(template));
      index.templates.set(uriTemplate, entry);
    }
  }
}

/** `taken`: the names that are given. */
export function nameFor(taken: ReadonlyMap<string, unknown>, prefix: string, own: string, service: string): string {
  const plain = prefix === '' ? own : `${prefix}__${own}`;
  if (plain.length <= maxNameLength && !taken.has(plain)) return plain;
  for (let salt = 0; ; salt++) {
    const tail = sha256(`${service} ${own} ${salt}`).slice(0, 8);
    const name = `${plain.slice(0, maxNameLength - tail.length - 1)}_${tail}`;
    if (!taken.has(name)) return name;
  }
}

function readCursor(cursor: unknown): string {
  const name = typeof cursor === 'string' ? Buffer.from(cursor, 'base64url').toString('utf8') : '';
  if (name === '' || Buffer.from(name, 'utf8').toString('base64url') !== cursor) {
    throw new RpcError(rpc.invalidParams, 'Invalid params: this cursor is none of this list');
  }
  return name;
}

/**
 * Whether a URI may come from an RFC 6570 template: its fixed parts stand in order, and each expression stands for one part
 * without `/` (`{+x}`, `{/x*}` and other operators: any part). Looks from fixed part to fixed part, so it takes linear time.
 */
export function templateMatcher(template: string): (uri: string) => boolean {
  const pieces = template.split(/\{([^}]*)\}/);
  const fixed = pieces.filter((_, index) => index % 2 === 0);
  const wide = pieces.filter((_, index) => index % 2 === 1).map((expression) => /^[+#./;?&]/.test(expression));
  return (uri) => {
    const head = fixed[0] ?? '';
    if (fixed.length === 1) return uri === head;
    if (!uri.startsWith(head)) return false;
    let at = head.length;
    for (let i = 1; i < fixed.length; i++) {
      const part = fixed[i]!;
      const last = i === fixed.length - 1;
      const end = last ? uri.length - part.length : uri.indexOf(part, at + (wide[i - 1] ? 0 : 1));
      if (end < at || !uri.startsWith(part, end)) return false;
      if (!wide[i - 1] && (end === at || uri.slice(at, end).includes('/'))) return false;
      at = end + part.length;
    }
    return true;
  };
}
