/**
 * The admin socket: the Admin port over HTTP on a unix socket that only its owner may open. Node cannot ask the kernel who
 * is at the other end (SO_PEERCRED), so the caller's uid is taken to be the owner's, the one uid besides root that the
 * socket's mode lets in. Nothing here decides anything.
 */
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { isAbsolute } from 'node:path';
import Fastify, { type FastifyInstance, type FastifySchema } from 'fastify';
import { errorCodes } from '../base/error-codes.ts';
import { FairleadError, messageOf } from '../base/error.ts';
import { commandKinds, type CommandKind } from '../model/command.ts';
import type { Admin, LockRequest, Proposal, Writing } from '../ports/admin.ts';

/** Proposals carry manifests as text: 10,000 of them fit. */
const largestBodyBytes = 64 * 1024 * 1024;

export interface AdminServer {
  close(): Promise<void>;
}

/** Serves `admin` at `path`. The caller makes sure that nobody else does; a socket left by a killed process is replaced. */
export async function serveAdmin(admin: Admin, path: string): Promise<AdminServer> {
  const uid = process.getuid?.() ?? 0;
  const app = Fastify({
    bodyLimit: largestBodyBytes,
    forceCloseConnections: true,
    // What is said is meant as it is said: a branch may be called `true`.
    ajv: { customOptions: { coerceTypes: false } },
  });
  app.setErrorHandler(async (thrown, _request, reply) => {
    const error = asFairleadError(thrown);
    await reply.code(errorCodes[error.code].status).send({ code: error.code, message: error.message, data: error.data });
  });
  app.setNotFoundHandler(async (request, reply) => {
    await reply.code(404).send({ code: 'NotFound', message: `There is no ${request.method} ${request.url} here.`, data: {} });
  });
  addRoutes(app, admin, uid);
  await app.ready();
  rmSync(path, { force: true });
  // The socket is made with the mode it keeps: at no moment may anybody else open it.
  const umask = process.umask(0o177);
  try {
    app.server.listen(path);
  } finally {
    process.umask(umask);
  }
  await once(app.server, 'listening');
  return { close: async () => app.close() };
}

const text = { type: 'string', minLength: 1 } as const;
const textOrNull = { anyOf: [text, { type: 'null' }] } as const;
const proposal = {
  type: 'object',
  required: ['files', 'deletions', 'prune'],
  properties: {
    files: { type: 'object', additionalProperties: { type: 'string' } },
    deletions: { type: 'array', items: text },
    prune: { type: 'boolean' },
    source: text,
  },
} as const;
const lockRequest = {
  type: 'object',
  required: ['services', 'target'],
  properties: { services: { type: 'array', items: text }, source: text, target: { type: 'boolean' } },
} as const;
/** What git would otherwise take for the end of a name, or of a line. */
const person = {
  type: 'object',
  required: ['name', 'email'],
  properties: {
    name: { type: 'string', pattern: '^[^<>\\u0000-\\u001f]{1,100}$' },
    email: { type: 'string', pattern: '^[^<>\\s\\u0000-\\u001f]{1,200}$' },
  },
} as const;
/** With a plan, which may have 60,000 characters, a message fits into what forges take of a pull request. */
const writing = {
  type: 'object',
  required: ['message', 'author', 'propose'],
  properties: {
    message: { anyOf: [{ type: 'string', pattern: '\\S', maxLength: 5_000 }, { type: 'null' }] },
    author: { anyOf: [person, { type: 'null' }] },
    propose: { anyOf: [text, { type: 'boolean' }] },
  },
} as const;

function bodyOf(properties: Record<string, unknown>): FastifySchema {
  return { body: { type: 'object', required: Object.keys(properties), properties } };
}

/** One POST route for each method of Admin, named after it; the body holds its arguments by name. */
function addRoutes(app: FastifyInstance, admin: Admin, uid: number): void {
  const route = <Body>(name: keyof Admin, properties: Record<string, unknown>, work: (body: Body) => Promise<unknown>): void => {
    app.post(`/${name}`, { schema: bodyOf(properties) }, async (request) => (await work(request.body as Body)) ?? {});
  };
  const kind = { enum: commandKinds };
  route<{ service: string; kind: CommandKind }>('command', { service: text, kind }, async (body) =>
    admin.command(body.service, body.kind, uid),
  );
  route<{ source: string | null }>('reconcile', { source: textOrNull }, async ({ source }) => admin.reconcile(source, uid));
  route<{ source: string; suspended: boolean }>('suspendSource', { source: text, suspended: { type: 'boolean' } }, async (body) =>
    admin.suspendSource(body.source, body.suspended, uid),
  );
  route<{ proposal: Proposal }>('plan', { proposal }, async (body) => admin.plan(body.proposal));
  route<{ service: string }>('declared', { service: text }, async ({ service }) => admin.declared(service));
  route<{ proposal: Proposal; planToken: string | null; writing: Writing }>(
    'apply',
    { proposal, planToken: textOrNull, writing },
    async (body) => admin.apply(body.proposal, body.planToken, body.writing, uid),
  );
  route<{ service: string; toRevision: string | null; writing: Writing }>(
    'undo',
    { service: text, toRevision: textOrNull, writing },
    async (body) => admin.undo(body.service, body.toRevision, body.writing, uid),
  );
  route<{ request: LockRequest }>('planLock', { request: lockRequest }, async ({ request }) => admin.planLock(request));
  route<{ request: LockRequest; planToken: string | null; writing: Writing }>(
    'lock',
    { request: lockRequest, planToken: textOrNull, writing },
    async (body) => admin.lock(body.request, body.planToken, body.writing, uid),
  );
  route<{ path: string }>('backup', { path: text }, async ({ path }) => {
    if (!isAbsolute(path)) throw new FairleadError('Usage', `${path} must be an absolute path: the controller has a folder of its own.`);
    await admin.backup(path, uid);
  });
  route<Record<string, never>>('stop', {}, async () => admin.stop(uid));
}

function asFairleadError(thrown: unknown): FairleadError {
  if (thrown instanceof FairleadError) return thrown;
  const status = (thrown as { statusCode?: number }).statusCode ?? 500;
  return new FairleadError(status < 500 ? 'Usage' : 'Internal', messageOf(thrown), { cause: thrown });
}
