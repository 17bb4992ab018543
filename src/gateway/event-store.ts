/**
 * What was said on the streams of one session, kept so that a client that lost its connection can have it again.
 * Bounded by count and size; the oldest goes first. Belongs to one session: an id of another session finds nothing.
 */
export interface StoredEvent {
  readonly stream: number;
  readonly seq: number;
  readonly text: string;
}

const maxEvents = 256;
const maxCharacters = 1 << 18;

export class EventStore {
  #events: StoredEvent[] = [];
  #characters = 0;
  #seq = 0;

  /** Returns the event's id. An empty text marks a place only (a priming event) and is not kept. */
  add(stream: number, text: string): string {
    const seq = ++this.#seq;
    if (text !== '') {
      this.#events.push({ stream, seq, text });
      this.#characters += text.length;
      while (this.#events.length > maxEvents || (this.#characters > maxCharacters && this.#events.length > 1)) {
        this.#characters -= this.#events.shift()?.text.length ?? 0;
      }
    }
    return `${stream}-${seq}`;
  }

  /** The stream and place that an id names; null when it is not an id of this store. */
  place(id: string): { readonly stream: number; readonly seq: number } | null {
    const match = /^([0-9]{1,15})-([0-9]{1,15})$/.exec(id);
    if (match === null || Number(match[2]) > this.#seq) return null;
    return { stream: Number(match[1]), seq: Number(match[2]) };
  }

  /** Events of a stream after a place, in order. */
  after(stream: number, seq: number): StoredEvent[] {
    return this.#events.filter((event) => event.stream === stream && event.seq > seq);
  }
}
