/** How sessions with an Instance come to be, one Connector for each kind of Endpoint. */
import { isIP, type LookupFunction } from 'node:net';
import { Pool } from 'undici';
import { FairleadError } from '../base/error.ts';
import type { Endpoint, LineChannel } from '../ports/runtime.ts';
import type { ClientFacts, ServerFacts, SessionListener, UpstreamSession } from '../ports/upstream.ts';
import { notificationOf } from '../model/jsonrpc.ts';
import { discoverRequest, handshakeError, hostFacts, initializeRequest, isStateless, readDiscover, readInitialize } from './handshake.ts';
import type { HttpEndpoint } from './http-exchange.ts';
import { HttpSession } from './http-session.ts';
import { linePipe } from './line-pipe.ts';
import { defaultMaxViolationsInARow, type UpstreamOptions } from './options.ts';
import { PipeSession, type Pipe } from './pipe-session.ts';
import { SharedView, type EndableSession } from './session.ts';
import { openSsePipe } from './sse-pipe.ts';
import { StatelessHttpSession } from './stateless-http.ts';

/** Every method throws HandshakeTimeout, HandshakeFailed or ConnectFailed when there is no handshake. */
export interface Connector {
  /** The host's own session. Before any other. */
  connect(listener: SessionListener, timeoutMs: number): Promise<EndableSession>;
  /** A session for one client. */
  open(client: ClientFacts, listener: SessionListener, timeoutMs: number): Promise<EndableSession>;
  close(): Promise<void>;
}

/** Longest wait for an answer to the question whether a service speaks the stateless protocol, before the older ones are tried. */
const maxDiscoverMs = 5_000;

/**
 * A process on its standard streams. `initialize` comes first here: some services end at any other first message, and
 * this process is the only one. One that refuses it because it speaks only the stateless protocol is asked again in that.
 */
export function stdioConnector(channel: LineChannel, options: UpstreamOptions, onViolation: () => void): Connector {
  const { spawnForSession } = options;
  const settings = { maxViolationsInARow: options.maxViolationsInARow ?? defaultMaxViolationsInARow, onViolation };
  let own: PipeSession | null = null;
  let sessions = 0;
  return {
    async connect(listener, timeoutMs) {
      // The process belongs to the host, which stops it.
      const pipe = linePipe(channel, async () => undefined);
      own = new PipeSession(pipe, listener, { ...settings, client: hostFacts, shared: spawnForSession === undefined });
      return shakeHands(own, hostFacts, timeoutMs);
    },
    async open(client, listener, timeoutMs) {
      if (own === null) throw new FairleadError('Internal', 'a client came before the handshake');
      if (spawnForSession === undefined || own.facts.era === 'stateless') return new SharedView(own, client, listener);
      const instance = await spawnForSession(`${options.instanceId}-${++sessions}`);
      if (instance.endpoint.kind !== 'stdio')
        throw new FairleadError('Internal', 'a process for one session must speak on its standard streams');
      const session = new PipeSession(
        linePipe(instance.endpoint.channel, () => instance.stop()),
        listener,
        { ...settings, client, shared: false },
      );
      return shakeHands(session, client, timeoutMs);
    },
    close: async () => undefined,
  };
}

async function shakeHands(session: PipeSession, client: ClientFacts, timeoutMs: number): Promise<PipeSession> {
  const deadlineAt = performance.now() + timeoutMs;
  try {
    const reading = readInitialize(await session.request(initializeRequest(client), { timeoutMs }));
    if (reading.kind === 'failed') throw new FairleadError('HandshakeFailed', reading.message);
    if (reading.kind === 'session') {
      session.established(reading.facts);
      session.say(notificationOf('notifications/initialized').text);
      return session;
    }
    const facts = readDiscover(await session.request(discoverRequest(client), { timeoutMs: Math.max(1, deadlineAt - performance.now()) }));
    if (facts === null) throw new FairleadError('HandshakeFailed', `${reading.message}, and does not answer server/discover either`);
    session.established(facts);
    return session;
  } catch (error) {
    await session.close();
    throw handshakeError(error, timeoutMs);
  }
}

function httpEndpoint(endpoint: Exclude<Endpoint, { kind: 'stdio' }>, options: UpstreamOptions): { endpoint: HttpEndpoint; url: URL } {
  const url = new URL(endpoint.url);
  // Event streams hold a connection each for as long as they live, so their number cannot be bounded here.
  const connect = { timeout: 10_000, ...(endpoint.address !== undefined && { lookup: lookupOf(endpoint.address) }) };
  const pool = new Pool(url.origin, { connections: null, pipelining: 1, allowH2: false, connect });
  const headers = { 'user-agent': `${hostFacts.clientInfo.name}/${hostFacts.clientInfo.version}`, ...endpoint.headers };
  return { endpoint: { pool, path: url.pathname + url.search, headers, maxMessageBytes: options.maxMessageBytes }, url };
}

/** Answers every name with the one address that was checked when the Instance was started. */
function lookupOf(address: string): LookupFunction {
  const family = isIP(address);
  return (_name, options, callback) => {
    if (options.all) callback(null, [{ address, family }]);
    else callback(null, address, family);
  };
}

/**
 * Streamable HTTP. Here asking for the stateless protocol first hurts nobody: it is one post that older services refuse. A
 * client gets a session in its own era where the service speaks it, for then nothing need be translated.
 */
export function httpConnector(target: Exclude<Endpoint, { kind: 'stdio' }>, options: UpstreamOptions, onViolation: () => void): Connector {
  const { endpoint } = httpEndpoint(target, options);
  let stateless: ServerFacts | null = null;
  let refusesSessions = false;

  const openStateless = (client: ClientFacts, listener: SessionListener, facts: ServerFacts): EndableSession =>
    new StatelessHttpSession(endpoint, facts, client, listener, onViolation);
  return {
    async connect(listener, timeoutMs) {
      const startedAt = performance.now();
      stateless ??= await discover(endpoint, Math.min(timeoutMs / 2, maxDiscoverMs));
      if (stateless !== null) return openStateless(hostFacts, listener, stateless);
      const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAt));
      const opening = await HttpSession.open(endpoint, hostFacts, listener, leftMs, onViolation);
      if (opening.kind === 'session') return opening.session;
      throw new FairleadError('HandshakeFailed', 'the service refuses initialize and does not answer server/discover either');
    },
    async open(client, listener, timeoutMs) {
      if (stateless !== null && (refusesSessions || isStateless(client.protocolVersion))) return openStateless(client, listener, stateless);
      try {
        const opening = await HttpSession.open(endpoint, client, listener, timeoutMs, onViolation);
        if (opening.kind === 'session') return opening.session;
      } catch (error) {
        if (stateless === null || !(error instanceof FairleadError) || error.code !== 'HandshakeFailed') throw error;
      }
      if (stateless === null) throw new FairleadError('HandshakeFailed', 'the service refuses initialize');
      refusesSessions = true;
      return openStateless(client, listener, stateless);
    },
    close: () => endpoint.pool.destroy(),
  };
}

/** What the service says of itself in the stateless protocol; null when it does not speak it. Throws ConnectFailed. */
async function discover(endpoint: HttpEndpoint, timeoutMs: number): Promise<ServerFacts | null> {
  const nothing: ServerFacts = {
    era: 'stateless',
    protocolVersion: '',
    serverInfo: {},
    capabilities: {},
    instructions: null,
    resultText: '{}',
  };
  const deaf: SessionListener = { notification: () => undefined, request: async () => '', closed: () => undefined };
  const session: UpstreamSession = new StatelessHttpSession(endpoint, nothing, hostFacts, deaf, () => undefined);
  try {
    return readDiscover(await session.request(discoverRequest(hostFacts), { timeoutMs }));
  } catch (error) {
    if (error instanceof FairleadError && error.code === 'ConnectFailed') throw error;
    return null;
  } finally {
    await session.close();
  }
}

/** HTTP+SSE of 2024-11-05: each session is an event stream of its own. */
export function sseConnector(target: Exclude<Endpoint, { kind: 'stdio' }>, options: UpstreamOptions, onViolation: () => void): Connector {
  const { endpoint, url } = httpEndpoint(target, options);
  const settings = { shared: false, maxViolationsInARow: options.maxViolationsInARow ?? defaultMaxViolationsInARow, onViolation };
  const open = async (client: ClientFacts, listener: SessionListener, timeoutMs: number): Promise<EndableSession> => {
    const startedAt = performance.now();
    const pipe: Pipe = await openSsePipe(endpoint, url, timeoutMs);
    const leftMs = Math.max(1, timeoutMs - (performance.now() - startedAt));
    return shakeHands(new PipeSession(pipe, listener, { ...settings, client }), client, leftMs);
  };
  return {
    connect: (listener, timeoutMs) => open(hostFacts, listener, timeoutMs),
    open,
    close: () => endpoint.pool.destroy(),
  };
}
