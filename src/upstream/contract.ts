/**
 * Takes the Contract of an Instance: all pages of the lists it says it has. Bounded, for a service may go on for ever; schemas
 * are copied as they are, never compiled, and no `$ref` is ever fetched.
 */
import { FairleadError } from '../base/error.ts';
import { hashValue } from '../base/hash.ts';
import { rawBody, scanEnvelope } from '../model/envelope.ts';
import type { Contract, ContractTool } from '../model/contract.ts';
import type { UpstreamSession } from '../ports/upstream.ts';
import { requestOf } from '../model/jsonrpc.ts';

export const maxEntries = 10_000;
export const maxPages = 1_000;
const methodNotFound = -32601;

type Entry = Readonly<Record<string, unknown>>;

/**
 * Throws ProtocolViolation when a list has no end, is too long or is no list; CallTimedOut; what `request` throws.
 * `onViolation` hears of entries that were left out: without a name, or with one that stood there before.
 */
export async function takeContract(session: UpstreamSession, timeoutMs: number, onViolation: () => void): Promise<Contract> {
  const deadlineAt = performance.now() + timeoutMs;
  const { capabilities } = session.facts;
  const list = async (offered: unknown, method: string, member: string, key: string): Promise<Entry[]> =>
    offered === undefined || offered === null ? [] : distinct(await allPages(session, method, member, deadlineAt), key, onViolation);
  const tools = await list(capabilities['tools'], 'tools/list', 'tools', 'name');
  const prompts = await list(capabilities['prompts'], 'prompts/list', 'prompts', 'name');
  const resources = await list(capabilities['resources'], 'resources/list', 'resources', 'uri');
  const templates = await list(capabilities['resources'], 'resources/templates/list', 'resourceTemplates', 'uriTemplate');
  const lists = {
    tools: tools.map((entry) => pick(entry, ['name', 'title', 'description', 'inputSchema', 'outputSchema', 'annotations'])),
    prompts: prompts.map((entry) => pick(entry, ['name', 'description', 'arguments'])),
    resources: resources.map((entry) => pick(entry, ['uri', 'name', 'description', 'mimeType'])),
    resourceTemplates: templates.map((entry) => pick(entry, ['uriTemplate', 'name', 'description', 'mimeType'])),
  };
  try {
    const hash = hashValue(Object.fromEntries(Object.entries(lists).map(([name, entries]) => [name, entries.map(withPlainDescription)])));
    return { hash, ...(lists as unknown as Omit<Contract, 'hash' | 'tools'>), tools: lists.tools as unknown as ContractTool[] };
  } catch (error) {
    throw new FairleadError('ProtocolViolation', 'a list of the service holds values that are nested too deep', { cause: error });
  }
}

async function allPages(session: UpstreamSession, method: string, member: string, deadlineAt: number): Promise<Entry[]> {
  const entries: Entry[] = [];
  const cursors = new Set<string>();
  let cursor: string | null = null;
  for (;;) {
    const page = await onePage(session, method, cursor, deadlineAt);
    if (page === null) return entries;
    const items = page[member];
    if (!Array.isArray(items)) throw violation(`${method} answered without a list of ${member}`);
    for (const item of items as unknown[]) entries.push(item !== null && typeof item === 'object' ? (item as Entry) : {});
    if (entries.length > maxEntries) throw violation(`${method} lists more than ${maxEntries} entries`);
    const next = page['nextCursor'];
    if (typeof next !== 'string') return entries;
    if (cursors.has(next)) throw violation(`${method} gave the same cursor twice: its pages go round in a circle`);
    cursors.add(next);
    if (cursors.size >= maxPages) throw violation(`${method} goes on after ${maxPages} pages`);
    cursor = next;
  }
}

/** One page; null when the service does not know the method after all (many leave templates out). */
async function onePage(session: UpstreamSession, method: string, cursor: string | null, deadlineAt: number): Promise<Entry | null> {
  const timeoutMs = deadlineAt - performance.now();
  if (timeoutMs <= 0) throw new FairleadError('CallTimedOut', `${method} did not come to its end in time`);
  const answer = scanEnvelope(await session.request(requestOf(method, cursor === null ? {} : { cursor }), { timeoutMs }));
  const raw = answer.kind === 'response' ? rawBody(answer) : null;
  let body: Entry;
  try {
    body = JSON.parse(raw ?? '') as Entry;
  } catch (error) {
    throw new FairleadError('UpstreamMalformed', `the answer to ${method} is not valid JSON`, { cause: error });
  }
  if (answer.kind === 'response' && !answer.isError) return body;
  if (body['code'] === methodNotFound) return null;
  throw violation(
    `the service says that it has this list, but answered ${method} with error ${String(body['code'])}: ${String(body['message'])}`,
  );
}

/** Sorted by key; of entries with the same key the first, of entries without one none. */
function distinct(entries: readonly Entry[], key: string, onViolation: () => void): Entry[] {
  const byKey = new Map<string, Entry>();
  for (const entry of entries) {
    const name = entry[key];
    if (typeof name === 'string' && !byKey.has(name)) byKey.set(name, entry);
    else onViolation();
  }
  return [...byKey.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, entry]) => entry);
}

function pick(entry: Entry, keys: readonly string[]): Entry {
  return Object.fromEntries(keys.filter((key) => entry[key] !== undefined).map((key) => [key, entry[key]]));
}

/** For the hash alone: how a description is wrapped does not matter. */
function withPlainDescription(entry: Entry): Entry {
  const { description } = entry;
  return typeof description === 'string' ? { ...entry, description: description.replace(/\s+/g, ' ').trim() } : entry;
}

function violation(message: string): FairleadError {
  return new FairleadError('ProtocolViolation', message);
}
