/**
 * Between the eras: what a session client must be spared of a stateless service, and a stateless client must find in the
 * answer of a session service. Members are added to the text as it is; nothing is re-encoded.
 */
import { scanEnvelope, withMeta, withParam, type Envelope } from '../model/envelope.ts';
import { setMember } from '../model/json-scan.ts';
import type { ServerFacts } from '../ports/upstream.ts';
import { errorText, requestOf, resultText } from '../model/jsonrpc.ts';
import { metaKeys, statelessVersion } from '../model/stateless-era.ts';
import type { Line } from './caller.ts';
import { rawAt, RpcError, rpc } from './message.ts';

/** Methods of the stateless era that a session service can answer. */
const sharedMethods = new Set([
  'tools/list',
  'tools/call',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'prompts/get',
  'completion/complete',
]);
/** Methods whose results say how long they may be kept. */
const cacheableMethods = new Set([
  'tools/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
  'prompts/list',
  'server/discover',
]);
const maxRounds = 10;

/** Throws MethodNotFound for what a session service has no answer to, or what only session clients may ask. */
export function checkStatelessMethod(method: string | null): void {
  if (method === null || !sharedMethods.has(method)) throw new RpcError(rpc.methodNotFound, `Method not found: ${method}`);
}

/** The answer of a session service, with what the stateless era requires of each result. */
export function statelessAnswer(text: string, method: string, facts: Pick<ServerFacts, 'serverInfo'>): string {
  const response = scanEnvelope(text);
  if (response.kind !== 'response' || response.isError || response.bodyAt === null) return text;
  let result = text.slice(response.bodyAt.start, response.bodyAt.end);
  const add = (key: string, raw: string): void => {
    if (rawAt(result, [key]) === null) result = setMember(result, { start: 0, end: result.length }, key, raw);
  };
  add('resultType', '"complete"');
  if (cacheableMethods.has(method)) {
    add('ttlMs', '0');
    add('cacheScope', '"private"');
  }
  const meta = rawAt(result, ['_meta']);
  const info = JSON.stringify(facts.serverInfo);
  if (meta === null) add('_meta', `{${JSON.stringify(metaKeys.serverInfo)}:${info}}`);
  return text.slice(0, response.bodyAt.start) + result + text.slice(response.bodyAt.end);
}

/** The answer to server/discover in the name of a service (or of all). */
export function discoverAnswer(id: string | null, facts: Pick<ServerFacts, 'capabilities' | 'serverInfo' | 'instructions'>): string {
  const result = {
    resultType: 'complete',
    supportedVersions: [statelessVersion],
    capabilities: facts.capabilities,
    ...(facts.instructions === null ? {} : { instructions: facts.instructions }),
    ttlMs: 0,
    cacheScope: 'private',
    _meta: { [metaKeys.serverInfo]: facts.serverInfo },
  };
  return resultText(id, JSON.stringify(result));
}

/** A session client's log level, where the service wants it with each request. */
export function withLogLevel(message: Envelope, line: Line, level: string | null): Envelope {
  if (level === null || line.session.facts.era !== 'stateless') return message;
  const scanned = scanEnvelope(message.text);
  if (scanned.kind !== 'request') return message;
  return { ...message, text: withMeta(scanned, { [metaKeys.logLevel]: JSON.stringify(level) }) };
}

const mayNeedInput = /"resultType"\s*:\s*"input_required"/;

/**
 * Fulfils what a stateless service wants to know before it answers: asks the session client and sends the request again
 * with the answers, until the result is complete. `ask` puts one request to the client; `send` sends one round.
 */
export async function withInputs(
  message: Envelope,
  send: (message: Envelope) => Promise<string>,
  ask: (request: Envelope) => Promise<string>,
): Promise<string> {
  let text = await send(message);
  for (let round = 1; mayNeedInput.test(text) && rawAt(text, ['result', 'resultType']) === '"input_required"'; round++) {
    if (round > maxRounds) return errorText(message.id, rpc.internal, `the service asked for input more than ${maxRounds} times`);
    const result = JSON.parse(rawAt(text, ['result'])!) as { inputRequests?: Record<string, AskedInput>; requestState?: string };
    const responses: Record<string, unknown> = {};
    for (const [key, asked] of Object.entries(result.inputRequests ?? {})) {
      const answer = JSON.parse(await ask(requestOf(asked.method, asked.params ?? {}))) as {
        result?: unknown;
        error?: unknown;
      };
      if (answer.error !== undefined) {
        return errorText(message.id, rpc.invalidRequest, `the client could not answer ${asked.method}`, { cause: answer.error });
      }
      responses[key] = answer.result;
    }
    text = await send(withAnswers(message, responses, result.requestState));
  }
  return text;
}

interface AskedInput {
  readonly method: string;
  readonly params?: unknown;
}

function withAnswers(message: Envelope, responses: unknown, state: string | undefined): Envelope {
  const members = { inputResponses: responses, ...(state === undefined ? {} : { requestState: state }) };
  let { text } = message;
  for (const [key, value] of Object.entries(members)) {
    const scanned = scanEnvelope(text);
    if (scanned.kind === 'request') text = withParam(scanned, key, JSON.stringify(value));
  }
  return { ...message, text };
}
