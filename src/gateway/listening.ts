/**
 * `subscriptions/listen` of the stateless era where the gateway itself is who notices: an acknowledgement first, then what
 * changed, each message tagged with the subscription's id. Ends when the client closes, or when there is nothing left to listen to.
 */
import { FairleadError } from '../base/error.ts';
import { notificationOf } from '../model/jsonrpc.ts';
import { metaKeys } from '../model/stateless-era.ts';
import type { ListKind } from './changed-lists.ts';
import { isObject, RpcError, rpc, type Inbound } from './message.ts';
import type { StatelessReply } from './scope.ts';

const fieldOf: Readonly<Record<ListKind, string>> = {
  tools: 'toolsListChanged',
  prompts: 'promptsListChanged',
  resources: 'resourcesListChanged',
};
const maxListeners = 10_000;

interface Listener {
  readonly hear: (kind: ListKind) => void;
  readonly end: (reason: FairleadError) => void;
}

export class Listening {
  readonly #listeners = new Set<Listener>();

  changed(kinds: readonly ListKind[]): void {
    for (const listener of this.#listeners) for (const kind of kinds) listener.hear(kind);
  }

  /** What was listened to is gone: everybody is told why. */
  end(reason: FairleadError): void {
    for (const listener of this.#listeners) listener.end(reason);
    this.#listeners.clear();
  }

  /** Stays until the client closes (Cancelled) or `end`. Throws RpcError InvalidParams, TooManyCalls. */
  listen(message: Inbound, reply: StatelessReply): Promise<string> {
    const filter = message.params['notifications'];
    if (!isObject(filter)) {
      throw new RpcError(rpc.invalidParams, "Invalid params: 'notifications' is required and must be a filter");
    }
    if (reply.signal.aborted) throw clientGone();
    if (this.#listeners.size >= maxListeners) throw new FairleadError('TooManyCalls', 'too many clients listen');
    const honoured = Object.fromEntries(Object.values(fieldOf).flatMap((field) => (filter[field] === true ? [[field, true]] : [])));
    const _meta = { [metaKeys.subscriptionId]: JSON.parse(message.envelope.id ?? 'null') as unknown };
    reply.send(notificationOf('notifications/subscriptions/acknowledged', { notifications: honoured, _meta }));
    return new Promise((_resolve, reject) => {
      const listener: Listener = {
        hear: (kind) => {
          if (honoured[fieldOf[kind]] === true) reply.send(notificationOf(`notifications/${kind}/list_changed`, { _meta }));
        },
        end: reject,
      };
      this.#listeners.add(listener);
      reply.signal.addEventListener('abort', () => {
        this.#listeners.delete(listener);
        reject(clientGone());
      });
    });
  }
}

function clientGone(): FairleadError {
  return new FairleadError('Cancelled', 'the client closed the connection');
}
