/**
 * `subscriptions/listen` of the stateless era where the gateway itself is who notices: an acknowledgement first, then what
 * changed, each message tagged with the subscription's id. Ends when the client closes or the gateway does.
 */
import { FairleadError } from '../base/error.ts';
import { canonicalJson } from '../base/hash.ts';
import type { Contract } from '../model/contract.ts';
import { notificationOf, RpcError, rpc, type Inbound } from './message.ts';
import type { StatelessReply } from './scope.ts';
import { metaKeys } from './stateless-request.ts';

export type ListKind = 'tools' | 'prompts' | 'resources';

const fieldOf: Readonly<Record<ListKind, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
};
const maxListeners = 10_000;

/** Which lists differ between two Contracts. */
export function changedLists(before: Contract | null, after: Contract | null): ListKind[] {
  if (before?.hash === after?.hash) return [];
  const lists: Readonly<Record<ListKind, (contract: Contract | null) => unknown>> = {
    tools: (contract) => contract?.tools ?? [],
    prompts: (contract) => contract?.prompts ?? [],
    resources: (contract) => [contract?.resources ?? [], contract?.resourceTemplates ?? []],
  };
  return (Object.keys(lists) as ListKind[]).filter((kind) => canonicalJson(lists[kind](before)) !== canonicalJson(lists[kind](after)));
}

export class Listening {
  readonly #listeners = new Set<(kind: ListKind) => void>();

  changed(kinds: readonly ListKind[]): void {
    for (const listener of this.#listeners) for (const kind of kinds) listener(kind);
  }

  /** Stays until the client closes. Throws RpcError InvalidParams, TooManyCalls. */
  listen(message: Inbound, reply: StatelessReply): Promise<string> {
    const filter = message.params['notifications'];
    if (filter === null || typeof filter !== 'object' || Array.isArray(filter)) {
      throw new RpcError(rpc.invalidParams, "Invalid params: 'notifications' is required and must be a filter");
    }
    if (this.#listeners.size >= maxListeners) throw new FairleadError('TooManyCalls', 'too many clients listen');
    const wanted = filter as Record<string, unknown>;
    const honoured = Object.fromEntries(Object.values(fieldOf).flatMap((field) => (wanted[field] === true ? [[field, true]] : [])));
    const _meta = { [metaKeys.subscriptionId]: JSON.parse(message.envelope.id ?? 'null') as unknown };
    reply.send(notificationOf('notifications/subscriptions/acknowledged', { notifications: honoured, _meta }));
    return new Promise((_resolve, reject) => {
      const listener = (kind: ListKind): void => {
        if (honoured[fieldOf[kind]] === true) reply.send(notificationOf(`notifications/${kind}/list_changed`, { _meta }));
      };
      this.#listeners.add(listener);
      reply.signal.addEventListener('abort', () => {
        this.#listeners.delete(listener);
        reject(new FairleadError('Cancelled', 'the client closed the connection'));
      });
    });
  }
}
