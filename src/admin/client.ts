/** Admin from the other end of its socket, for the command line: node:http alone, so that a verb starts fast. */
import { request } from 'node:http';
import { errorCodes, type ErrorCodeName } from '../base/error-codes.ts';
import { FairleadError } from '../base/error.ts';
import type { Admin } from '../ports/admin.ts';

/** Who calls is read from the socket, not said. */
type WithoutUid<Method> = Method extends (...args: [...infer Args, uid: number]) => infer Result ? (...args: Args) => Result : Method;
export type AdminClient = { readonly [Name in keyof Admin]: WithoutUid<Admin[Name]> };

/** Asks nothing yet; each method throws Unreachable when nobody serves the socket, or what the controller threw. */
export async function connectAdmin(socketPath: string): Promise<AdminClient> {
  const call = async <Result>(method: keyof Admin, body: unknown): Promise<Result> => post<Result>(socketPath, method, body);
  return {
    command: async (service, kind) => call('command', { service, kind }),
    reconcile: async (source) => call('reconcile', { source }),
    suspendSource: async (source, suspended) => call('suspendSource', { source, suspended }),
    plan: async (proposal) => call('plan', { proposal }),
    declared: async (service) => call('declared', { service }),
    apply: async (proposal, planToken, writing) => call('apply', { proposal, planToken, writing }),
    undo: async (service, toRevision, writing) => call('undo', { service, toRevision, writing }),
    planLock: async (request) => call('planLock', { request }),
    lock: async (request, planToken, writing) => call('lock', { request, planToken, writing }),
    backup: async (path) => call('backup', { path }),
    stop: async () => call('stop', {}),
  };
}

async function post<Result>(socketPath: string, method: string, body: unknown): Promise<Result> {
  return new Promise((resolve, reject) => {
    let asked = false;
    const unreachable = (cause: unknown): void => {
      const why = (cause as NodeJS.ErrnoException).code ?? 'closed';
      if (!asked) return reject(new FairleadError('Unreachable', `No controller answers at ${socketPath} (${why}).`, { cause }));
      const message = `The controller at ${socketPath} ended before it answered (${why}): what it was asked for may have been done.`;
      reject(
        new FairleadError('Unreachable', message, { cause, data: { next: 'look at it (`fairlead get sources`) before asking again' } }),
      );
    };
    const outgoing = request(
      { socketPath, method: 'POST', path: `/${method}`, headers: { 'content-type': 'application/json' } },
      (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => (text += chunk));
        answer.on('error', unreachable);
        answer.on('end', () => {
          try {
            const value: unknown = JSON.parse(text);
            if (answer.statusCode === 200) resolve(value as Result);
            else reject(errorOf(value));
          } catch (cause) {
            unreachable(cause);
          }
        });
      },
    );
    outgoing.on('error', unreachable);
    outgoing.on('socket', (socket) => socket.once('connect', () => (asked = true)));
    outgoing.end(JSON.stringify(body));
  });
}

function errorOf(value: unknown): FairleadError {
  const { code, message, data } = value as { code: string; message: string; data: Record<string, unknown> };
  return new FairleadError(code in errorCodes ? (code as ErrorCodeName) : 'Internal', message, { data });
}
