/**
 * Calls under way on one hop. Gives each its own id and progress token, so that ids of different clients never meet on a
 * shared process, and gives the answer back under the caller's.
 *
 * Invariants: each call is settled exactly once; an answer is given only to the call whose id it carries, as the number it
 * was sent as; a late answer (after a time-out or a cancel) is dropped and is no violation.
 */
import { FairleadError } from '../base/error.ts';
import { findAt, setMember, splice } from '../model/json-scan.ts';
import {
  scanEnvelope,
  rawParam,
  withId,
  withMeta,
  withParam,
  type Envelope,
  type Malformed,
  type ScannedEnvelope,
} from '../model/envelope.ts';
import { metaKeys } from '../model/stateless-era.ts';
import type { RequestOptions } from '../ports/upstream.ts';

export interface Call {
  /** The id on this hop, raw JSON. */
  readonly id: string;
  readonly method: string;
  /** The message as it goes out on this hop. */
  readonly text: string;
  readonly options: RequestOptions;
  readonly answer: Promise<string>;
  /** Whether any of it may have reached the service. */
  written: boolean;
  settled: boolean;
}

interface Entry extends Call {
  /** Raw JSON, as the caller said them. */
  readonly callerId: string;
  readonly callerToken: string | null;
  finish(error: FairleadError | null, answer: string): void;
}

export type Outcome = 'settled' | 'late' | 'unknown';

/** How many abandoned calls are remembered, so that their late answers are known as such. */
const maxAbandoned = 1_000;
const subscriptionKey = metaKeys.subscriptionId;

export class CallTable {
  readonly #entries = new Map<string, Entry>();
  readonly #abandoned = new Set<string>();
  #nextId = 1;

  get size(): number {
    return this.#entries.size;
  }

  /** Registers a call. `abandon` is told when its caller gave up or its time ran out, after `answer` has rejected. */
  begin(message: Envelope, options: RequestOptions, abandon: (call: Call, reason: string) => void): Call {
    const scanned = scanEnvelope(message.text);
    if (scanned.kind !== 'request') throw new FairleadError('Internal', 'what was to be sent is not a JSON-RPC request');
    const id = String(this.#nextId++);
    const callerToken = rawParam(scanned, ['_meta', 'progressToken']);
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const abort = (): void => giveUp(new FairleadError('Cancelled', 'the caller cancelled the request'), 'cancelled by the client');
    const timer = Number.isFinite(options.timeoutMs)
      ? setTimeout(
          () => giveUp(new FairleadError('CallTimedOut', `no answer to ${scanned.method} within ${options.timeoutMs} ms`), 'timed out'),
          options.timeoutMs,
        )
      : undefined;
    const entry: Entry = {
      id,
      method: scanned.method!,
      text: hopText(scanned, id),
      options,
      answer: promise,
      written: false,
      settled: false,
      callerId: scanned.id!,
      callerToken,
      finish: (error, answer) => {
        if (entry.settled) return;
        entry.settled = true;
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', abort);
        this.#entries.delete(id);
        if (error === null) resolve(answer);
        else reject(error);
      },
    };
    const giveUp = (error: FairleadError, reason: string): void => {
      if (entry.settled) return;
      this.#abandon(id);
      entry.finish(error, '');
      abandon(entry, reason);
    };
    this.#entries.set(id, entry);
    options.signal?.addEventListener('abort', abort, { once: true });
    return entry;
  }

  /** Gives an answer to the call it belongs to. */
  take(response: ScannedEnvelope): Outcome {
    const entry = this.#entries.get(response.id!);
    if (entry === undefined) return this.#stray(response.id);
    entry.finish(null, answerText(response, entry));
    return 'settled';
  }

  /** What is not a JSON-RPC message but carries the id of a call fails that call at once. */
  takeMalformed(message: Malformed): Outcome {
    const entry = message.id === null ? undefined : this.#entries.get(message.id);
    if (entry === undefined) return this.#stray(message.id);
    entry.finish(
      new FairleadError('UpstreamMalformed', `the answer to ${entry.method} is not a JSON-RPC response (${message.reason})`),
      '',
    );
    return 'unknown';
  }

  /** Gives a notification to the call it is tied to, by progress token or subscription. False: it is tied to none. */
  notify(message: ScannedEnvelope): boolean {
    const progress = message.method === 'notifications/progress';
    const key = progress ? rawParam(message, ['progressToken']) : rawParam(message, ['_meta', subscriptionKey]);
    const entry = key === null ? undefined : this.#entries.get(key);
    // Progress that belongs to nobody here is nobody else's business.
    if (entry === undefined) return progress;
    this.deliver(entry, message);
    return true;
  }

  /** Gives a notification that came on a call's own stream to its caller, under the caller's token. */
  deliver(call: Call, message: ScannedEnvelope): void {
    const entry = this.#entries.get(call.id);
    if (entry === undefined) return;
    entry.options.onNotification?.({ ...message, text: callerText(message, entry) });
  }

  fail(call: Call, error: FairleadError): void {
    this.#entries.get(call.id)?.finish(error, '');
  }

  /** Fails every call with a retryable UpstreamLost that says whether anything had been written. */
  failAll(reason: string, data: Record<string, unknown> = {}): void {
    for (const entry of this.#entries.values()) entry.finish(lost(reason, { written: entry.written, ...data }), '');
  }

  #abandon(id: string): void {
    this.#abandoned.add(id);
    const oldest = this.#abandoned.values().next();
    if (this.#abandoned.size > maxAbandoned && oldest.done !== true) this.#abandoned.delete(oldest.value);
  }

  /** An answer nobody waits for. One with the right number as a text fails the call that has it: the service cannot answer it. */
  #stray(id: string | null): Outcome {
    if (id !== null && this.#abandoned.delete(id)) return 'late';
    const entry = id !== null && id.startsWith('"') ? this.#entries.get(id.slice(1, -1)) : undefined;
    entry?.finish(
      new FairleadError('UpstreamMalformed', `the answer to ${entry.method} carries its id as a text, not as the number it was`),
      '',
    );
    return 'unknown';
  }
}

/** UpstreamLost with `data.written`: whether anything had reached the service, so that the caller knows whether to send it again. */
export function lost(reason: string, data: { readonly written: boolean; readonly [key: string]: unknown }, cause?: unknown): FairleadError {
  return new FairleadError('UpstreamLost', reason, { data: { ...data }, ...(cause === undefined ? {} : { cause }) });
}

/** The message under the hop's id, its progress token (if it asks for progress) the same. */
function hopText(message: ScannedEnvelope, id: string): string {
  const tokenAt = message.paramsAt === null ? null : findAt(message.text, message.paramsAt, ['_meta', 'progressToken']);
  if (tokenAt === null) return withId(message, id);
  const [first, second] = tokenAt.start < message.idAt!.start ? [tokenAt, message.idAt!] : [message.idAt!, tokenAt];
  return splice(splice(message.text, second, id), first, id);
}

function answerText(response: ScannedEnvelope, entry: Entry): string {
  if (entry.method !== 'subscriptions/listen' || response.isError) return withId(response, entry.callerId);
  const meta = findAt(response.text, response.bodyAt!, ['_meta', subscriptionKey]);
  const text = meta === null ? response.text : splice(response.text, meta, entry.callerId);
  return setMember(text, { start: text.indexOf('{'), end: text.length }, 'id', entry.callerId);
}

function callerText(message: ScannedEnvelope, entry: Entry): string {
  if (message.method === 'notifications/progress')
    return entry.callerToken === null ? message.text : withParam(message, 'progressToken', entry.callerToken);
  return rawParam(message, ['_meta', subscriptionKey]) === null ? message.text : withMeta(message, { [subscriptionKey]: entry.callerId });
}
